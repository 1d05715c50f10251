// The sketch's reading of answers, on a host: `c++ check.cpp -o check && ./check <version> < answer` prints what a
// device that runs that version would fetch, `current` when it would not, or `unreadable`. Without a version it runs
// its own table.

#include <stdio.h>

#include "ota.h"

static int table() {
    struct {
        const char *version;
        int32_t number;
    } versions[] = {{"0.0.0", 0},     {"1.2.3", 0x010203}, {"255.255.255", 0xffffff}, {"256.0.0", -1}, {"1.2", -1},
                    {"1.2.3-rc", -1}, {"1.2.3.4", -1},     {"", -1},                  {"-1.0.0", -1},  {"1..3", -1}};
    for (const auto &row : versions) {
        if (ota::number(row.version) != row.number) return printf("number %s\n", row.version), 1;
    }
    const char *bad[] = {
        "", "HTTP/1.0 404 Not Found\r\n\r\n{\"error\":\"no\"}", "HTTP/1.0 200 OK\r\n\r\n{\"last\":null}",
        "HTTP/1.0 200 OK\r\n\r\n{\"last\":{\"version\":1,\"protocol\":\"http\",\"host\":\"h\",\"url\":\"/u\"}}",
        "HTTP/1.0 200 OK\r\n\r\n{\"last\":{\"version\":\"1.0.0\",\"protocol\":\"http\",\"host\":\"h\"}}",
        "HTTP/1.0 200 OK\r\n\r\n{\"last\":{\"version\":\"1.0.0\",\"protocol\":\"http\",\"host\":\"h\",\"url\":\"/\\u",
    };
    ota::Last last;
    for (const char *answer : bad) {
        if (ota::read(answer, last)) return printf("read %s\n", answer), 1;
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count < 2) return table();
    static char answer[4096];
    answer[fread(answer, 1, sizeof answer - 1, stdin)] = '\0';
    ota::Last last;
    if (!ota::read(answer, last)) return puts("unreadable"), 1;
    if (!ota::wanted(last, arguments[1])) return puts("current"), 0;
    return printf("%s %s%s\n", last.version, last.host, last.url), 0;
}

// What an ESP8266 reads of updraft's answers, without a heap and without a JSON library: compiles on any host.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace ota {

// The server answers a poll with a body of less than this.
constexpr size_t BODY_MAX = 200;

struct Last {
    char version[32];
    char host[64];
    char url[128];
    bool secure;
};

// Copies the string value of `key` in a flat part of JSON. False where it is missing, no string, or too long.
inline bool text(const char *json, const char *key, char *out, size_t room) {
    const size_t length = strlen(key);
    for (const char *at = strchr(json, '"'); at != nullptr; at = strchr(at + 1, '"')) {
        if (strncmp(at + 1, key, length) != 0 || strncmp(at + 1 + length, "\":\"", 3) != 0) continue;
        const char *value = at + length + 4;
        const char *end = strchr(value, '"');
        // What is escaped is nothing that a version, a host or a path has.
        if (end == nullptr || size_t(end - value) >= room || memchr(value, '\\', end - value)) return false;
        memcpy(out, value, end - value);
        out[end - value] = '\0';
        return true;
    }
    return false;
}

// `1.2.3`, each part at most 255, in one number that can be compared. Negative for anything else.
inline int32_t number(const char *version) {
    int32_t folded = 0;
    for (int part = 0; part < 3; ++part) {
        if (*version < '0' || *version > '9') return -1;
        char *end;
        const unsigned long value = strtoul(version, &end, 10);
        if (value > 255 || *end != (part < 2 ? '.' : '\0')) return -1;
        folded = folded << 8 | int32_t(value);
        version = end + 1;
    }
    return folded;
}

// Reads a whole answer, from the status line to the end of the connection. False for all but a 200 with a version.
inline bool read(const char *answer, Last &last) {
    if (strncmp(answer, "HTTP/1.", 7) != 0 || strncmp(answer + 8, " 200", 4) != 0) return false;
    const char *body = strstr(answer, "\r\n\r\n");
    if (body == nullptr || strlen(body + 4) >= BODY_MAX) return false;
    const char *inner = strstr(body, "\"last\":{");
    char protocol[8];
    if (inner == nullptr || !text(inner, "version", last.version, sizeof last.version) ||
        !text(inner, "protocol", protocol, sizeof protocol) || !text(inner, "host", last.host, sizeof last.host) ||
        !text(inner, "url", last.url, sizeof last.url) || number(last.version) < 0) {
        return false;
    }
    last.secure = strcmp(protocol, "https") == 0;
    return true;
}

// Whether a device that runs `version` is to update.
inline bool wanted(const Last &last, const char *version) { return number(last.version) > number(version); }

}  // namespace ota

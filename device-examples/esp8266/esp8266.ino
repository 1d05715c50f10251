// An ESP8266 that keeps itself up to date from updraft: at boot and every hour it says what it runs, and when the
// answer is newer it fetches the image, which the core checks and starts. What it runs then is its next report, and
// only that closes the update on the server.
//
// Arduino IDE or arduino-cli with the core `esp8266:esp8266`; the core has one image for any place in the flash, so
// upload it as `user1` and as `user2`.

#include <ESP8266WiFi.h>
#include <ESP8266httpUpdate.h>

#include "ota.h"

static const char *WIFI_NAME = "your-network";
static const char *WIFI_PASSWORD = "its-password";
static const char *SERVER = "192.168.1.10";
static const uint16_t PORT = 8080;
static const char *APPLICATION = "lamp";
static const char *VERSION = "1.0.0";
static const unsigned long EVERY_MS = 60UL * 60 * 1000;

// Says what runs here and returns what should.
static bool ask(ota::Last &last) {
    WiFiClient server;
    server.setTimeout(5000);
    if (!server.connect(SERVER, PORT)) return false;
    // HTTP/1.0: the server ends the connection behind its answer.
    server.printf("GET /firmware/%s/versions HTTP/1.0\r\nHost: %s:%u\r\nuuid: esp-%06x\r\nversion: %s\r\n\r\n",
                  APPLICATION, SERVER, PORT, ESP.getChipId(), VERSION);
    static char answer[1024];
    size_t length = 0;
    const unsigned long began = millis();
    while ((server.connected() || server.available()) && length < sizeof answer - 1 && millis() - began < 5000) {
        if (server.available()) {
            length += server.read((uint8_t *)answer + length, sizeof answer - 1 - length);
        }
        yield();
    }
    answer[length] = '\0';
    return ota::read(answer, last);
}

static void update(const ota::Last &last) {
    char url[256];
    snprintf(url, sizeof url, "http://%s%s/user1.bin", last.host, last.url);
    Serial.printf("%s -> %s\n", VERSION, url);
    WiFiClient client;
    // Restarts into the new image when all of it has come and its checksum is right.
    ESPhttpUpdate.update(client, url);
    Serial.println(ESPhttpUpdate.getLastErrorString());
}

void setup() {
    Serial.begin(115200);
    WiFi.begin(WIFI_NAME, WIFI_PASSWORD);
    while (WiFi.status() != WL_CONNECTED) delay(100);
}

void loop() {
    ota::Last last;
    if (ask(last) && !last.secure && ota::wanted(last, VERSION)) update(last);
    delay(EVERY_MS);
}

#!/usr/bin/env python3
"""A device that updates itself with updraft: the whole walk in one file.

It needs Python 3.9 and paho-mqtt 2 (`pip install paho-mqtt`); the environment says who it is:

    OTA_DEVICE=lamp-1 OTA_TOKEN=... python3 device.py --once

    OTA_SERVER   host:port of the MQTT door [127.0.0.1:1883]   OTA_STATE    its "flash", a folder [device-state]
    OTA_PRODUCT  the product [lamp]                            OTA_VERSION  what the factory installed [1.0.0]
    OTA_TENANT   the tenant [default]

It says hello, fetches what `desired` names in blocks over MQTT, checks size and sum, makes the image the running one,
reboots, and says hello with the new version: only that ends the action. With `--once` it ends when nothing is left to
do, with 1 if an update failed; without, it waits for the next. See topics.md.
"""

import hashlib
import json
import os
import queue
import secrets
import sys
import time
from pathlib import Path

import paho.mqtt.client as mqtt

FIRMWARE_TYPE = 3  # the application; attribute 2003 is its version
WINDOW = 64  # blocks asked for at a time
PATIENCE_S = 3  # without a block for so long, ask again for what is missing
TRIES = 10  # fruitless questions in a row before the update has failed


class Cancelled(Exception):
    """The server calls the update off."""


class Device:
    """The flash is a folder: images are named by their sum, and `running.json` says which one runs."""

    def __init__(self, env, once):
        self.server, self.tenant = env.get("OTA_SERVER", "127.0.0.1:1883"), env.get("OTA_TENANT", "default")
        self.id, self.token, self.product = env["OTA_DEVICE"], env["OTA_TOKEN"], env.get("OTA_PRODUCT", "lamp")
        self.flash, self.factory_version = Path(env.get("OTA_STATE", "device-state")), env.get("OTA_VERSION", "1.0.0")
        self.root, self.once, self.failed = f"ota/v1/{self.tenant}/d/{self.id}/", once, False
        self.flash.mkdir(parents=True, exist_ok=True)
        self.running = self.flash / "running.json"

    def version(self):
        return json.loads(self.running.read_text())["version"] if self.running.exists() else self.factory_version

    def connect(self):
        """Connects, and again whenever the connection breaks. What arrives waits in the inbox."""
        self.inbox = queue.Queue()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=self.id, protocol=mqtt.MQTTv5)
        client.username_pw_set(f"{self.tenant}/{self.id}", self.token)
        client.on_connect, client.on_message = self.connected, self.received
        client.on_subscribe = lambda *_: self.inbox.put(("subscribed", None))
        host, _, port = self.server.rpartition(":")
        client.connect_async(host, int(port))
        client.loop_start()
        return client

    def connected(self, client, userdata, flags, code, properties):
        if code.is_failure:
            self.inbox.put(("refused", str(code)))
        else:
            client.subscribe([(self.root + leaf, 1) for leaf in ("ack", "desired", "cmd", "resp")])

    def received(self, client, userdata, message):
        leaf = message.topic[len(self.root):]
        self.inbox.put((leaf, message.payload if leaf.startswith("chunk/") else json.loads(message.payload)))

    def say(self, leaf, document, qos=1):
        """Publishes. With QoS 1 it returns when the server has the message on disk, or has refused it; without a
        connection paho keeps the message until there is one."""
        published = self.client.publish(self.root + leaf, json.dumps(document), qos=qos)
        if published.rc == mqtt.MQTT_ERR_SUCCESS:
            published.wait_for_publish(10)

    def boot(self):
        """Lives until the device has to start anew (True), or until there is nothing left to do (False)."""
        self.boot_id, self.seq, newest = secrets.token_hex(4), 0, -1
        print(f"boot {self.boot_id}, running {json.dumps(self.version())}", flush=True)
        self.client = self.connect()
        try:
            while True:
                leaf, document = self.attend()
                if leaf == "desired" and document["seq"] > newest:
                    newest = document["seq"]
                    mine = [comp for comp in document["comps"] if comp["type"] == FIRMWARE_TYPE]
                    if mine and self.update(mine[0]):
                        return True
                    if not mine and self.once:
                        return False
        finally:
            self.client.disconnect()
            self.client.loop_stop()

    def attend(self, action=None, timeout=None):
        """Takes a message, if one comes in time, and does what any time asks for. `action` is being installed."""
        try:
            leaf, content = self.inbox.get(timeout=timeout)
        except queue.Empty:
            return None, None
        if leaf == "refused":
            sys.exit(f"the server refuses: {content}")
        if leaf == "ack" and content["status"] == "rejected":
            print(f"not taken: {content}", flush=True)
        if leaf == "subscribed" or leaf == "cmd" and content["cmd"] == "report":
            self.hello()
        if leaf == "cmd" and content["cmd"] == "cancel":
            if content["action"] == action:
                raise Cancelled
            self.feedback(content["action"], "canceled")
        return leaf, content

    def hello(self):
        self.seq += 1
        version = {str(2000 + FIRMWARE_TYPE): self.version()}
        self.say("hello", {"seq": self.seq, "boot": self.boot_id, "product": self.product, "attrs": version,
                                "caps": {"types": [FIRMWARE_TYPE], "formats": ["json"], "verify": ["sha256"]}})

    def feedback(self, action, execution, finished="none", *details):
        print(f"action {action}:", execution, *(word for word in (finished, *details) if word != "none"), flush=True)
        self.say(f"fb/{action}", {"id": str(action), "time": time.time_ns() // 1_000_000, "status": {
            "execution": execution, "result": {"finished": finished}, "details": list(details)}})

    def update(self, comp):
        """Installs an image. True when it is in place."""
        action = comp["action"]
        try:
            self.feedback(action, "proceeding")
            self.feedback(action, "download")
            with open(self.flash / f"{comp['sha256']}.bin", "wb") as file:
                self.fetch(comp, file)
                file.flush()
                os.fsync(file.fileno())
            self.feedback(action, "downloaded")
            self.install(comp, Path(file.name))
        except Cancelled:
            self.feedback(action, "canceled")
            return False
        except OSError as error:
            self.failed = True
            self.feedback(action, "closed", "failure", str(error))
            return False
        self.feedback(action, "closed", "success")
        return True

    def install(self, comp, path):
        """Checks the image and makes it the running one. The rename is the moment: before it the old image runs,
        after it the new one, whenever the power goes."""
        image = path.read_bytes()
        if len(image) != comp["size"] or hashlib.sha256(image).hexdigest() != comp["sha256"]:
            raise OSError(f"the image is not the one with sha256 {comp['sha256']}")
        self.feedback(comp["action"], "proceeding", "none", "installing")
        version = {"number": comp["number"], "version": comp["version"]}
        with open(self.running.with_suffix(".new"), "w") as file:
            json.dump({"image": path.name, "version": version}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(file.name, self.running)

    def fetch(self, comp, file):
        """Asks for blocks until none is missing: what gets lost on the way is simply asked for again."""
        length, fruitless, missing = comp["chunk"], 0, set(range(-(-comp["size"] // comp["chunk"])))
        while missing:
            first, before = min(missing), len(missing)
            bits = sum(1 << n - first for n in range(first, first + WINDOW) if n in missing)
            self.say("chunk/get", {"c": str(first), "f": comp["file"], "l": length, "o": first, "n": WINDOW,
                                        "b": bits.to_bytes(WINDOW // 8, "little").hex()}, qos=0)
            coming = None
            while coming is None or coming & missing:
                leaf, content = self.attend(comp["action"], PATIENCE_S)
                if leaf is None:
                    break
                if leaf.startswith("chunk/"):
                    number = int(leaf.rpartition("/")[2])
                    file.seek(number * length)
                    file.write(content)
                    missing.discard(number)
                elif leaf == "resp" and "accepted" in content:
                    coming = set(content["accepted"]["blocks"])
                elif leaf == "resp" and "retryAfter" in content["rejected"]:
                    time.sleep(content["rejected"]["retryAfter"])
                    break
                elif leaf == "resp":
                    raise OSError(content["rejected"]["code"])
            fruitless = 0 if len(missing) < before else fruitless + 1
            if fruitless == TRIES:
                raise OSError("the image cannot be fetched")


if __name__ == "__main__":
    device = Device(os.environ, "--once" in sys.argv[1:])
    while device.boot():
        pass
    sys.exit(1 if device.failed else 0)

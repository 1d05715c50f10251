"""A device that updates itself, on paho-mqtt: says hello, fetches what it is offered over HTTP and over MQTT,
installs it, restarts, and says hello again. Prints what it was told as one JSON object.

usage: device.py HOST PORT DEVICE TOKEN {3.1.1|5} {json|cbor}
"""

import hashlib
import json
import queue
import sys
import urllib.request

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PATIENCE_S = 20
BLOCK = 4096
# Not a divisor of anything, so that ranges and blocks never fall together.
RANGE = 5000


def cbor(value):
    """RFC 8949, as much as a device needs."""
    def head(major, count):
        if count < 24:
            return bytes([major << 5 | count])
        for code, length in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if count < 1 << (8 * length):
                return bytes([major << 5 | code]) + count.to_bytes(length, "big")
        raise ValueError(count)
    match value:
        case int():
            return head(0, value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(cbor, value))
        case dict():
            return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())
    raise TypeError(value)


def uncbor(data):
    value, rest = item(data)
    assert not rest, "something follows the item"
    return value


def item(data):
    major, short, data = data[0] >> 5, data[0] & 31, data[1:]
    if short < 24:
        count = short
    else:
        length = 1 << (short - 24)
        count, data = int.from_bytes(data[:length], "big"), data[length:]
    match major:
        case 0:
            return count, data
        case 2:
            return data[:count], data[count:]
        case 3:
            return data[:count].decode(), data[count:]
        case 4:
            values = []
            for _ in range(count):
                value, data = item(data)
                values.append(value)
            return values, data
        case 5:
            values = {}
            for _ in range(count):
                key, data = item(data)
                values[key], data = item(data)
            return values, data
    raise ValueError(major)


class Device:
    def __init__(self, host, port, name, token, version, form):
        self.name, self.token, self.form = name, token, form
        self.v5 = version == "5"
        self.root = f"ota/v1/default/d/{name}/"
        self.heard = {}
        self.blocks = queue.Queue()
        protocol = mqtt.MQTTv5 if self.v5 else mqtt.MQTTv311
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, name, protocol=protocol)
        self.client.username_pw_set(name, token)
        self.client.on_message = self.on_message
        self.connected, self.subscribed = queue.Queue(), queue.Queue()
        self.client.on_connect = lambda _c, _d, flags, code, _p: self.connected.put((flags.session_present, code))
        self.client.on_subscribe = lambda _c, _d, _m, codes, _p: self.subscribed.put(codes)
        self.address = (host, int(port))

    def on_message(self, _client, _data, message):
        leaf = message.topic.removeprefix(self.root)
        if leaf.startswith("chunk/"):
            self.blocks.put((int(leaf.split("/")[2]), message.payload))
            return
        value = json.loads(message.payload) if message.payload[:1] == b"{" else uncbor(message.payload)
        if self.v5:
            kind = "application/json" if message.payload[:1] == b"{" else "application/cbor"
            assert message.properties.ContentType == kind, message.properties
        self.queue(leaf).put(value)

    def queue(self, leaf):
        return self.heard.setdefault(leaf, queue.Queue())

    def told(self, leaf):
        try:
            return self.queue(leaf).get(timeout=PATIENCE_S)
        except queue.Empty:
            raise SystemExit(f"nothing came on {leaf}") from None

    def connect(self):
        self.client.connect(*self.address)
        self.client.loop_start()
        present, code = self.connected.get(timeout=PATIENCE_S)
        assert not code.is_failure, code
        self.client.subscribe([(self.root + leaf, 1) for leaf in ("ack", "desired", "cmd", "resp")])
        codes = self.subscribed.get(timeout=PATIENCE_S)
        assert [code.value for code in codes] == [1, 1, 1, 1], codes
        return present

    def disconnect(self):
        self.client.disconnect()
        self.client.loop_stop()

    def say(self, leaf, value):
        payload = json.dumps(value) if self.form == "json" else cbor(value)
        properties = None
        if self.v5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ContentType = f"application/{self.form}"
        said = self.client.publish(self.root + leaf, payload, qos=1, properties=properties)
        said.wait_for_publish(PATIENCE_S)
        assert said.is_published(), leaf

    def hello(self, boot, version):
        self.say("hello", {
            "seq": 1, "boot": boot, "product": "lamp", "hw": {"model": "esp32-c3", "rev": "B"},
            "caps": {"types": [3], "mtu": 8192, "formats": [self.form], "verify": ["sha256"]},
            "attrs": {"2003": version},
        })

    def fetch_by_http(self, url, size):
        data = b""
        while len(data) < size:
            last = min(len(data) + RANGE, size) - 1
            headers = {"Authorization": f"Bearer {self.token}", "Range": f"bytes={len(data)}-{last}"}
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=PATIENCE_S) as answer:
                assert answer.status == 206, answer.status
                assert answer.headers["Content-Range"] == f"bytes {len(data)}-{last}/{size}"
                data += answer.read()
        return data

    def fetch_by_mqtt(self, file, size):
        count = -(-size // BLOCK)
        blocks = {}
        while len(blocks) < count:
            first = next(n for n in range(count) if n not in blocks)
            missing = [n for n in range(first, count) if n not in blocks]
            bitmap = bytearray((count - first + 7) // 8)
            for block in missing:
                bitmap[(block - first) // 8] |= 1 << (block - first) % 8
            wanted = bitmap.hex() if self.form == "json" else bytes(bitmap)
            self.say("chunk/get", {"c": "1", "f": file, "l": BLOCK, "o": first, "b": wanted})
            answer = self.told("resp")
            assert answer["cid"] == "1" and answer["accepted"]["size"] == size, answer
            for _ in answer["accepted"]["blocks"]:
                number, data = self.blocks.get(timeout=PATIENCE_S)
                blocks[number] = data
        return b"".join(blocks[n] for n in range(count))

    def feedback(self, action, execution, finished="none"):
        status = {"execution": execution, "result": {"finished": finished}, "details": [f"I say {execution}"]}
        self.say(f"fb/{action}", {"id": str(action), "status": status})
        return self.told("ack")

    def walk(self):
        present = [self.connect()]
        self.hello("first", "1.0.0")
        acks = [self.told("ack")]
        desired, command = self.told("desired"), self.told("cmd")
        wanted = desired["comps"][0]
        by_http = self.fetch_by_http(wanted["url"], wanted["size"])
        by_mqtt = self.fetch_by_mqtt(wanted["file"], wanted["size"])
        assert by_http == by_mqtt
        assert hashlib.sha256(by_mqtt).hexdigest() == wanted["sha256"]
        for execution in ("proceeding", "download", "downloaded"):
            acks.append(self.feedback(wanted["action"], execution))
        acks.append(self.feedback(wanted["action"], "closed", "success"))
        self.disconnect()
        present.append(self.connect())
        self.hello("second", wanted["version"])
        acks.append(self.told("ack"))
        after = self.told("desired")
        self.disconnect()
        return {"present": present, "acks": acks, "desired": desired, "cmd": command, "after": after}


print(json.dumps(Device(*sys.argv[1:]).walk()))

#!/usr/bin/env python3
"""Uploads a firmware image and deploys it as the tools of Afero's partners do.

Every body is parsed as JSON before the status is looked at, records are sent back whole and stale, headers are as odd
as theirs. Prints one line for each step; ends with 1 at the first answer that the tools could not live with.

    afero_uploader.py URL PARTNER USER PASSWORD DEVICE_TYPE DEVICE BINARY [SLOT]
"""

import base64
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

TYPE = 5
NAME = "Hub image, nightly"
VERSION = "1.0.2d"


def ask(method, url, body=None, headers=None):
    """The status and the parsed body; an answer with a body that is no JSON ends the program."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            status, text = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    parsed = json.loads(text) if text else None
    if status >= 300:
        # The tools print what stands before the first `at` and the member `status`, without asking for either.
        if parsed["status"] != status or not parsed["trace"].split("at", 1)[0].strip() or not parsed["error"]:
            sys.exit(f"an error that the tools cannot print: {status} {text}")
    return status, parsed


def expect(step, found, status):
    """Says what came of a step."""
    print(f"{step}: {found[0]}")
    if found[0] != status:
        sys.exit(f"{step}: {status} was expected, not {found}")
    return found[1]


def login(base, user, password):
    form = urllib.parse.urlencode({"username": user, "password": password, "grant_type": "password"})
    client = base64.b64encode(b"client-id:client-secret").decode()
    headers = {"Authorization": f"Basic {client}", "Accept": "application/json"}
    return ask("POST", f"{base}/oauth/token", form.encode(), headers)


def main():
    base, partner, user, password, product, device, binary = sys.argv[1:8]
    slot = sys.argv[8] if len(sys.argv) > 8 else "a"
    refused = expect("wrong password", login(base, user, password + "x"), 400)
    print(f"error_code:{refused['status']} - {refused['error']}")
    session = expect("login", login(base, user, password), 200)
    bearer = {"Accept": "application/json", "Authorization": f"Bearer {session['access_token']}"}
    whole = f"{base}/v1/ota/partners/{partner}"
    send = {**bearer, "Content-Type": "application/json"}

    # The record comes first, without a file, and is written to a file of its own.
    quoted = urllib.parse.quote(NAME, safe="")
    exists = f"{whole}/pool/types/{TYPE}/names/{quoted}/versions/{VERSION}/exists"
    print(expect("exists", ask("GET", exists, headers=bearer), 200)["value"])
    new = {"name": NAME, "description": "OTA Image description", "type": TYPE, "version": VERSION, "url": ""}
    record = expect("create", ask("POST", f"{whole}/pool", json.dumps(new).encode(), send), 201)
    record = json.loads(json.dumps(record))
    number = record["versionNumber"]

    # Another process, later: is it uploaded already?
    print(expect("exists", ask("GET", exists, headers=bearer), 200)["value"])
    images = f"{whole}/deviceTypes/{product}/firmwareImages"
    expect("uploaded?", ask("GET", f"{images}/types/{TYPE}/versionNumbers/{number}", headers=bearer), 404)
    with open(binary, "rb") as file:
        octets = {**bearer, "Content-Type": "application/octet-stream"}
        found = expect("binary", ask("POST", f"{whole}/binaries", file.read(), octets), 200)
    moved = ask("POST", f"{whole}/binaries/moveToRepository", json.dumps(found).encode(), send)
    place = expect("move", moved, 200)["value"]
    record["url" if slot == "a" else "url2"] = place
    put = ask("PUT", f"{whole}/pool/types/{TYPE}/versionNumbers/{number}", json.dumps(record).encode(), send)
    expect("put", put, 204)
    # `Content_Type` is their spelling, and what they send the record with has no other.
    odd = {**bearer, "Content_Type": "application/json", "Content-Type": "application/json"}
    expect("associate", ask("POST", images, json.dumps(record).encode(), odd), 201)
    expect("associate again", ask("POST", images, json.dumps(record).encode(), odd), 409)

    # The deploy tool.
    page = expect("list", ask("GET", f"{images}/types/{TYPE}", headers=bearer), 200)
    for place in range(page["totalElements"]):
        image = page["content"][place]
        print(int(image["id"]), image["version"], image["name"], image["description"])
    image = int(page["content"][0]["id"])
    value = json.dumps({"value": device}).encode()
    expect("push", ask("PUT", f"{images}/{image}/push", value, send), 202)
    expect("push again", ask("PUT", f"{images}/{image}/push", value, send), 202)
    print(number)


if __name__ == "__main__":
    main()

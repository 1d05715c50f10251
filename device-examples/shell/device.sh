#!/usr/bin/env bash
# A device that updates itself with updraft, in shell: the whole walk in one file.
#
# It needs mosquitto's clients (mosquitto_pub, mosquitto_rr), curl, jq and sha256sum; the environment says who it is:
#
#     OTA_DEVICE=lamp-1 OTA_TOKEN=... ./device.sh --once
#
#     OTA_SERVER   host:port of the MQTT door [127.0.0.1:1883]   OTA_STATE    its "flash", a folder [device-state]
#     OTA_PRODUCT  the product [lamp]                            OTA_VERSION  what the factory installed [1.0.0]
#     OTA_TENANT   the tenant [default]
#
# It says hello, fetches what `desired` names by HTTP (a broken download goes on where it broke, also after a restart),
# checks the sum, makes the image the running one, reboots, and says hello with the new version: only that ends the
# action. With `--once` it ends when nothing is left to do, with 1 if an update failed; without, it waits for the next.
# topics.md describes every message.
#
# A client id has one connection at a time, so nothing listens in the background while this device speaks:
# mosquitto_rr subscribes, publishes and waits for the answer over one connection.
set -euo pipefail

readonly TYPE=3 # the application; attribute 2003 is its version
server=${OTA_SERVER:-127.0.0.1:1883}
tenant=${OTA_TENANT:-default}
state=${OTA_STATE:-device-state}
root=ota/v1/$tenant/d/$OTA_DEVICE
login=(-h "${server%:*}" -p "${server##*:}" -i "$OTA_DEVICE" -u "$tenant/$OTA_DEVICE" -P "$OTA_TOKEN" -q 1)
once=${1:-}
failed=0
mkdir -p "$state"

# Publishes the message $2 to the leaf $1. It returns when the server has it on disk, or has refused it.
say() { mosquitto_pub "${login[@]}" -V 5 -t "$root/$1" -m "$2"; }

# Publishes the message $2 to the leaf $1 and prints what comes on the leaf $3 within $4 seconds. In MQTT 3.1.1,
# because in MQTT 5 mosquitto_rr names $3 as response topic, and that may only be `resp`. Run it with & and its pid
# is mosquitto_rr's, so that it can be ended.
ask() { exec mosquitto_rr "${login[@]}" -V 311 -t "$root/$1" -m "$2" -e "$root/$3" -W "$4"; }

# What runs, as `hello` reports it: `running` is a link to a file with the image's number and version.
version() { cat "$state/running" 2>/dev/null || jq -nc --arg factory "${OTA_VERSION:-1.0.0}" '$factory'; }

# Says hello, and prints what the device should run.
hello() {
    local message
    message=$(jq -nc --arg boot "$boot" --arg product "${OTA_PRODUCT:-lamp}" --argjson version "$(version)" \
        --argjson seq "$seq" --argjson type "$TYPE" \
        '{$seq, $boot, $product, caps: {types: [$type], formats: ["json"], verify: ["sha256"]},
          attrs: {"\(2000 + $type)": $version}}')
    (ask hello "$message" desired 30)
}

# Tells how it goes: feedback EXECUTION [FINISHED [DETAIL]]. Where the word gets lost, the next hello makes it good.
feedback() {
    echo "action $action: $*"
    say "fb/$action" "$(jq -nc --arg id "$action" --arg time "$(date +%s%3N)" --arg execution "$1" \
        --arg finished "${2:-none}" --arg detail "${3:-}" \
        '{$id, $time, status: {$execution, result: {$finished}, details: [$detail | select(. != "")]}}')" || true
}

# The action that the order in the file $1 calls off, if it is such an order.
called_off() { jq -r 'select(.cmd == "cancel").action' "$1" 2>/dev/null || true; }

have_all() { [ "$(stat -c %s "$image" 2>/dev/null)" = "$size" ]; }

# Fetches the image, or what is missing of it, and listens meanwhile: `get` makes the server repeat an order to
# cancel that is open. 0: it is there; 1: it is not; 2: it was called off.
fetch() {
    local download listen
    for _ in {1..10}; do
        have_all && return 0
        curl --silent --show-error --fail --speed-limit 1 --speed-time 60 --continue-at - --output "$image" \
            --header "Authorization: Bearer $OTA_TOKEN" "$url" &
        download=$!
        while kill -0 "$download" 2>/dev/null; do
            ask get '{}' cmd 60 > "$state/order" 2>/dev/null &
            listen=$!
            wait -n "$download" "$listen" || sleep 1
            if [ "$(called_off "$state/order")" = "$action" ]; then
                kill "$download" 2>/dev/null || true
                wait
                return 2
            fi
        done
        kill "$listen" 2>/dev/null || true
        wait
        have_all || sleep 1
    done
    have_all
}

# Makes the image the running one. The rename is the moment: before it the old one runs, after it the new one.
switch() {
    jq -nc --arg number "$number" --arg version "$new" '{$number, $version}' > "$image.version" &&
        sync "$image" "$image.version" &&
        ln -sfn "$(basename "$image.version")" "$state/next" &&
        mv -T "$state/next" "$state/running"
}

give_up() {
    failed=1
    rm -f "$image"
    feedback closed failure "$1"
}

# Installs what $1, a component of `desired`, describes. True when it is in place.
update() {
    local number new size sha256 url image fetched=0
    IFS=$'\t' read -r action number new size sha256 url \
        < <(jq -r '[.action, .number, .version, .size, .sha256, .url] | @tsv' <<< "$1")
    image=$state/$sha256.bin
    feedback proceeding
    feedback download
    fetch || fetched=$?
    if [ "$fetched" = 2 ]; then
        feedback canceled
        return 1
    fi
    [ "$fetched" = 0 ] || { give_up "the image cannot be fetched" && return 1; }
    feedback downloaded
    sha256sum --check --status <<< "$sha256  $image" ||
        { give_up "the image is not the one with sha256 $sha256" && return 1; }
    feedback proceeding none installing
    switch || { give_up "the image cannot be made the running one" && return 1; }
    feedback closed success
}

# Lives until the device has to start anew, or until there is nothing left to do.
live() {
    boot=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')
    echo "boot $boot, running $(version)"
    for ((seq = 1; ; seq++)); do
        component=$(hello | jq -c "first(.comps[] | select(.type == $TYPE))") || { sleep 5 && continue; }
        if [ -n "$component" ]; then
            if update "$component"; then return 0; fi
        elif [ "$once" = --once ]; then
            exit "$failed"
        else
            # Any order, or an hour without one: say hello again and see.
            (ask get '{}' cmd 3600) > "$state/order" || sleep 5
            action=$(called_off "$state/order")
            if [ -n "$action" ]; then feedback canceled; fi
        fi
    done
}

while true; do live; done

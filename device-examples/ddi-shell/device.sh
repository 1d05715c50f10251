#!/usr/bin/env bash
# A device that speaks hawkBit's DDI to updraft, in shell: poll, download, install, tell.
#
# It needs curl, jq and sha1sum; the environment says who it is:
#
#     OTA_DEVICE=lamp-1 OTA_TOKEN=... ./device.sh --once
#
#     OTA_SERVER   where HTTP is served [http://127.0.0.1:8080]   OTA_STATE    its "flash", a folder [device-state]
#     OTA_TENANT   the tenant [DEFAULT]                           OTA_REPORT   yes: it also reports its version
#
# It sends its attributes when it is asked to, fetches the first file of the first chunk (a broken download goes on
# where it broke, also after a restart), checks the sum and makes the image the running one. Without OTA_REPORT its
# "closed, success" ends the action, as with hawkBit; with it, the version that it reports does (attribute 2003). With
# `--once` it ends when nothing is left to do, with 1 if an update failed; without, it sleeps as long as it is told.
set -euo pipefail

readonly TYPE=3 # the application; attribute 2003 is its version
state=${OTA_STATE:-device-state}
root=${OTA_SERVER:-http://127.0.0.1:8080}/${OTA_TENANT:-DEFAULT}/controller/v1/$OTA_DEVICE
once=${1:-}
failed=0
mkdir -p "$state"

# Sends a request and prints the answer; it fails with anything but a 2xx.
ask() {
    curl --silent --show-error --fail --max-time 60 --retry 3 --retry-connrefused \
        --header "Authorization: TargetToken $OTA_TOKEN" "$@"
}

# Sends the JSON $3 to $2 with the method $1.
tell() { ask --request "$1" --header 'Content-Type: application/json' --data "$3" --output /dev/null "$2"; }

# Where the link $2 of the answer $1 leads.
link() { jq -r --arg rel "$2" '._links[$rel].href // empty' <<< "$1"; }

# What runs: `running` is a link to a file with the image's version.
version() { cat "$state/running" 2> /dev/null || echo 1.0.0; }

# Tells how it goes: feedback EXECUTION [FINISHED [DETAIL]], about `$about`, a deploymentBase or a cancelAction. The
# moment makes a repeat of the same words recognisable as one.
feedback() {
    echo "${about##*/v1/}: $*"
    tell POST "$about/feedback" "$(jq -nc --argjson time "$(date +%s%3N)" --arg execution "$1" \
        --arg finished "${2:-none}" --arg detail "${3:-}" \
        '{timestamp: $time, status: {$execution, result: {$finished}, details: [$detail | select(. != "")]}}')"
}

send_attributes() {
    tell PUT "$1" "$(jq -nc --arg kernel "$(uname -r)" --arg report "${OTA_REPORT:-no}" --arg version "$(version)" \
        --arg attribute "$((2000 + TYPE))" \
        '{mode: "merge", data: ({$kernel} + if $report == "yes" then {($attribute): $version} else {} end)}')"
}

have_all() { [ "$(stat -c %s "$image" 2> /dev/null)" = "$size" ]; }

# Fetches the image, or what is missing of it.
fetch() {
    for _ in {1..10}; do
        have_all && return 0
        ask --max-time 0 --speed-limit 1 --speed-time 60 --retry 0 --continue-at - --output "$image" "$url" ||
            sleep 1
    done
    have_all
}

# Makes the image the running one. The rename is the moment: before it the old one runs, after it the new one.
switch() {
    echo "$new" > "$image.version" &&
        sync "$image" "$image.version" &&
        ln -sfn "$(basename "$image.version")" "$state/next" &&
        mv -T "$state/next" "$state/running"
}

give_up() {
    failed=1
    rm -f "$image"
    feedback closed failure "$1"
}

# Carries out the deployment at $1.
update() {
    local deployment new size sha1 url image
    about=${1%%\?*}
    deployment=$(ask "$1")
    IFS=$'\t' read -r new size sha1 url < <(jq -r '.deployment.chunks[0] as $chunk | $chunk.artifacts[0] |
        [$chunk.version, .size, .hashes.sha1, (._links.download // ._links["download-http"]).href] | @tsv' \
        <<< "$deployment")
    image=$state/$sha1.bin
    feedback download
    fetch || { give_up "the image cannot be fetched" && return; }
    feedback downloaded
    sha1sum --check --status <<< "$sha1  $image" ||
        { give_up "the image is not the one with sha1 $sha1" && return; }
    feedback proceeding none installing
    switch || { give_up "the image cannot be made the running one" && return; }
    feedback closed success
}

# Nothing runs in the background here, so that a cancel can always be confirmed.
call_off() {
    about=$1
    feedback closed success "called off"
}

while true; do
    poll=$(ask "$root")
    attributes=$(link "$poll" configData)
    if [ -n "$attributes" ]; then send_attributes "$attributes"; fi
    deployment=$(link "$poll" deploymentBase)
    cancel=$(link "$poll" cancelAction)
    if [ -n "$cancel" ]; then
        call_off "$cancel"
    elif [ -n "$deployment" ]; then
        update "$deployment"
    elif [ "$once" = --once ] && [ -z "$attributes" ]; then
        echo "running $(version)"
        exit "$failed"
    elif [ "$once" != --once ]; then
        IFS=: read -r hours minutes seconds < <(jq -r .config.polling.sleep <<< "$poll")
        sleep $((10#$hours * 3600 + 10#$minutes * 60 + 10#$seconds))
    fi
done

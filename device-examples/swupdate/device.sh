#!/usr/bin/env bash
# A device with SWUpdate that gets its images from updraft, over hawkBit's DDI.
#
# It needs swupdate (Debian's package has all that it takes); the environment says who it is:
#
#     OTA_DEVICE=lamp-1 OTA_TOKEN=... OTA_CERT=keys/cert.pem ./device.sh
#
#     OTA_SERVER   where HTTP is served [http://127.0.0.1:8080]   OTA_STATE   its "flash", a folder [device-state]
#     OTA_TENANT   the tenant [DEFAULT]                           OTA_CERT    whose images it takes
#
# It goes round and round like a device that boots: SWUpdate fetches an image, checks whose it is, puts it in its place,
# and the device boots again. The new software then looks whether it is well and says so (`-c 2`) or not (`-c 3`), and
# which version it is. On a device the mark of a new image stands in the bootloader's memory; here it is a file.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
state=$(realpath -m "${OTA_STATE:-device-state}")
mkdir -p "$state/tmp"

# Sets a value of the configuration, with what means something to sed taken literally.
set_value() { sed -i "s|@$1@|$(sed 's/[\\&|]/\\&/g' <<< "$2")|" "$state/swupdate.cfg"; }

configure() {
    (umask 077 && cp "$here/swupdate.cfg" "$state/swupdate.cfg")
    chmod 600 "$state/swupdate.cfg" # the token stands in it
    set_value CERT "$(realpath "$OTA_CERT")"
    set_value STATE "$state"
    set_value VERSION "$(cat "$state/app.bin.version" 2> /dev/null || echo 1.0.0)"
    set_value KERNEL "$(uname -r)"
    set_value TENANT "${OTA_TENANT:-DEFAULT}"
    set_value DEVICE "$OTA_DEVICE"
    set_value SERVER "${OTA_SERVER:-http://127.0.0.1:8080}"
    set_value TOKEN "$OTA_TOKEN"
}

# What SWUpdate runs when an image is in its place: it marks that, and "boots".
write_reboot() {
    printf '#!/bin/sh\ncd "%s" && touch new-image && kill "$(cat pid)"\n' "$state" > "$state/reboot"
    chmod +x "$state/reboot"
}

# Whether the software that has just been started is well.
is_well() { [ -s "$state/app.bin" ]; }

# What to tell the server about a new image, as an argument for SWUpdate.
verdict() {
    if [ ! -e "$state/new-image" ]; then return; fi
    if is_well; then echo '-c 2'; else echo '-c 3'; fi
}

write_reboot
trap 'kill "$(cat "$state/pid")"; exit' TERM INT
while true; do
    configure
    said=$(verdict)
    rm -f "$state/new-image"
    # Its sockets and what it unpacks stand in TMPDIR.
    TMPDIR=$state/tmp swupdate --hwrevision lamp:1.0 --file "$state/swupdate.cfg" --suricatta "$said" &
    echo $! > "$state/pid"
    wait $! || sleep 1
done

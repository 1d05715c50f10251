#!/usr/bin/env bash
# Builds a signed image for SWUpdate out of one file.
#
#     ./image.sh VERSION FILE TARGET IMAGE.swu
#
# FILE is what the device is to find at the path TARGET, with its version in TARGET.version. `KEYS` is the folder with
# the signer's `key.pem` and `cert.pem` [keys]; where there are none, they are made, good for a try and for nothing
# else. It needs cpio and openssl.
set -euo pipefail

version=$1 file=$(realpath "$2") target=$3 image=$(realpath -m "$4")
keys=$(realpath -m "${KEYS:-keys}")

# SWUpdate wants a certificate for e-mail, unless it is told otherwise (`cert-purpose`).
if [ ! -e "$keys/key.pem" ]; then
    mkdir -p "$keys"
    (umask 077 && openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj '/CN=a signer to try' \
        -addext keyUsage=digitalSignature -addext extendedKeyUsage=emailProtection \
        -keyout "$keys/key.pem" -out "$keys/cert.pem" 2> /dev/null)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cp "$file" payload
echo "$version" > payload.version

# One file of the image and where it goes.
entry() {
    printf '{ filename = "%s"; path = "%s"; sha256 = "%s"; }' "$1" "$2" "$(sha256sum "$1" | cut -d ' ' -f 1)"
}
cat > sw-description << END
software = {
    version = "$version";
    hardware-compatibility: [ "1.0" ];
    files: (
        $(entry payload "$target"),
        $(entry payload.version "$target.version")
    );
}
END
openssl cms -sign -binary -nosmimecap -outform DER -signer "$keys/cert.pem" -inkey "$keys/key.pem" \
    -in sw-description -out sw-description.sig

# The description and its signature come first: nothing behind them is looked at before they are found good.
printf '%s\n' sw-description sw-description.sig payload payload.version | cpio --quiet -o -H crc > "$image"

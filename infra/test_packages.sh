#!/usr/bin/env bash
# Debian packages that tests use; tests of what is absent skip and say so.
set -euo pipefail
need=()
have() { command -v "$1" >/dev/null 2>&1; }
have chromium || need+=(chromium)
have dciodvfy || need+=(dicom3tools)
have dsr2html || need+=(dcmtk)
{ have java && [ -f /usr/share/java/pixelmed.jar ]; } ||
    need+=(libpixelmed-java default-jre-headless)
have docker-compose || need+=(docker-compose)
if [ "$(id -u)" -eq 0 ]; then
    "$(dirname "$0")/packages.sh" || echo "tests of servers will be skipped"
fi
[ ${#need[@]} -eq 0 ] && exit 0
if ! have apt-get || [ "$(id -u)" -ne 0 ]; then
    echo "tests that need ${need[*]} will be skipped (no apt-get, or not root)"
    exit 0
fi
echo "installing Debian packages: ${need[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null

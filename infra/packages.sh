#!/usr/bin/env bash
# Debian packages of the servers that `cxrmlops up` starts. None of them is left running
# as a service of the machine: they are started with settings of their own.
set -euo pipefail
need=()
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
[ -d /usr/lib/postgresql ] || need+=(postgresql)
{ have Orthanc && [ -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so ]; } ||
    need+=(orthanc orthanc-dicomweb)
have nginx || need+=(nginx-light)
[ ${#need[@]} -eq 0 ] && exit 0
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    have sudo && as_root=(sudo)
fi
if ! have apt-get || { [ "$(id -u)" -ne 0 ] && [ ${#as_root[@]} -eq 0 ]; }; then
    echo "missing: ${need[*]}; install them as root (Debian, Ubuntu: apt-get install)" >&2
    exit 1
fi
echo "installing Debian packages: ${need[*]}"
policy=/usr/sbin/policy-rc.d # apt asks it before it starts a service
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${need[@]}" >/dev/null
if [ -d /run/systemd/system ]; then
    for package in "${need[@]}"; do
        unit=${package%-light}.service
        [ "$package" = orthanc-dicomweb ] ||
            "${as_root[@]}" systemctl disable --quiet "$unit" || true
    done
fi

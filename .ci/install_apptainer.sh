#!/usr/bin/env bash
# Install Apptainer where the distribution has no package of it: Debian unstable's, beside a C library of
# its own, because it asks for a newer one. Neither this system's libraries nor its sources are changed.
# (With a borrowed C library `--unsquash` and builds from a SIF file do not work; nothing here needs them.)
set -euo pipefail
# As udev would have it, where there is no udev: else only root could mount an image file.
if [ -c /dev/fuse ] && [ "$(id -u)" -eq 0 ]; then chmod 666 /dev/fuse; fi
command -v apptainer >/dev/null && exit 0
[ "$(id -u)" -eq 0 ] || { echo "apptainer is missing, and only root can install it" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
if apt-cache show apptainer >/dev/null 2>&1; then
    exec apt-get install -y -qq --no-install-recommends apptainer </dev/null
fi
apt-get install -y -qq --no-install-recommends \
    squashfs-tools squashfuse fuse-overlayfs uidmap libseccomp2 patchelf </dev/null >/dev/null

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
mkdir -p "$folder"/{lists/partial,cache/archives/partial,etc/{sources.list.d,preferences.d,apt.conf.d}}
# The mirror is the one this machine uses already.
mirror=$({ cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null || true; } |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" \
    >"$folder/etc/sources.list"
unstable=(-o "Dir::Etc=$folder/etc" -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache"
    -o Dir::State::status=/dev/null -o APT::Sandbox::User=root -qq)
apt-get "${unstable[@]}" update
cd "$folder"
apt-get "${unstable[@]}" download apptainer libc6
dpkg-deb -x apptainer_*.deb new
dpkg-deb -x libc6_*.deb libc

lib=/usr/lib/$(uname -m)-linux-gnu own=/opt/apptainer-libc
mkdir -p "$own" "$lib/apptainer" /var/lib/apptainer/mnt/session
cp -a "libc$lib/." "$own/"
loader=$(basename "$own"/ld-linux-*)
for program in new/usr/bin/apptainer "new$lib/apptainer/bin/starter"; do
    patchelf --set-interpreter "$own/$loader" --set-rpath "$own:$lib" "$program"
done
cp -a new/etc/apptainer /etc/
cp -a "new$lib/apptainer/." "$lib/apptainer/"
install -m 755 new/usr/bin/apptainer /usr/bin/apptainer
# A root that lacks a capability (a CI machine's may) cannot hand all of them down.
apptainer config global --set "root default capabilities" no
apptainer --version

#!/usr/bin/env bash
# Make a stand-in for debian:trixie-slim where no image registry is reached: of the same packages, by
# mmdebstrap, under the same name, so that the Dockerfile is built as it is. What this machine trusts
# (certificates, and that pip uses them) goes in, so an image built on it is for tests, not to be published.
# usage: make_base.sh ROOT.tar [SUITE [ARCHITECTURE]]     then: docker import ROOT.tar debian:trixie-slim
set -euo pipefail
tar=${1:?the file to make} suite=${2:-trixie} architecture=${3:-$(dpkg --print-architecture)}
hook=$(mktemp)
trap 'rm -f "$hook"' EXIT
cat >"$hook" <<'HOOK'
set -e
mkdir -p "$1/usr/local/share/ca-certificates"
cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true
chroot "$1" update-ca-certificates >/dev/null 2>&1
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
# As in the image it stands in for: what apt downloads does not stay.
cat >"$1/etc/apt/apt.conf.d/docker-clean" <<'APT'
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT
rm -f "$1"/var/cache/apt/*.bin
HOOK
chmod +x "$hook"
mmdebstrap --quiet --mode=root --skip=cleanup/reproducible --variant=minbase \
    --architectures="$architecture" --include=ca-certificates,netbase,tzdata --customize-hook="$hook" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --aptopt='Acquire::Languages "none"' "$suite" "$tar"
tar --delete -f "$tar" ./dev 2>/dev/null || true

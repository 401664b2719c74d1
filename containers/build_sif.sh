#!/usr/bin/env bash
# Make a SIF file for Apptainer (or Singularity) of an image that is there already, and run the demo
# in it as on a cluster: clean environment, no home, nothing but the two folders.
# usage: containers/build_sif.sh SOURCE FILE.sif [OUT_DIR]
#   SOURCE   docker-daemon:nimare-pipeline:0.1.0 | docker-archive:image.tar | oci-archive:image.tar | docker://…
set -euo pipefail
[ $# -ge 2 ] || { sed -n '4,5s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 64; }
source=$1 sif=$2 folder=${3:-$(mktemp -d)}
cd "$(dirname "${BASH_SOURCE[0]}")/.." && data=$PWD/nimare_pipeline/data/examples/pain && cd "$OLDPWD"
apptainer=$(command -v apptainer || command -v singularity) || {
    echo "there is no apptainer or singularity here" >&2; exit 69; }

# zstd at its lowest level: a fifth of the time of the default, for a tenth more of disk.
SECONDS=0
"$apptainer" -q build --force --mksquashfs-args='-comp zstd -Xcompression-level 1' "$sif" "$source"
echo "== $sif: $(($(stat -c %s "$sif") / 1000000)) MB in $SECONDS s" >&2

mkdir -p "$folder"
SECONDS=0
"$apptainer" -q run --cleanenv --containall --no-home --bind "$data:/data:ro" --bind "$folder:/out" \
    "$sif" /data /out meta --name pain
echo "== ran in $SECONDS s; the report: $folder/report.html" >&2

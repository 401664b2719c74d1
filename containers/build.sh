#!/usr/bin/env bash
# Build the container image with docker, podman or buildah, and run the demo in it as strictly as any
# cluster would: read-only, as a user nobody knows, without network and capabilities.
# usage: containers/build.sh [--engine docker|podman|buildah] [--image NAME] [--out DIR] [--no-demo]
#                            [-- OPTIONS OF THE ENGINE'S BUILD COMMAND]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { sed -n '4,5s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 64; }
say() { echo "== $*" >&2; }

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' nimare_pipeline/__init__.py)
engine='' image="nimare-pipeline:$version" out='' demo=yes
while [ $# -gt 0 ]; do
    case $1 in
        --engine) engine=${2:-}; [ -n "$engine" ] || usage; shift 2 ;;
        --image) image=${2:-}; [ -n "$image" ] || usage; shift 2 ;;
        --out) out=${2:-}; [ -n "$out" ] || usage; shift 2 ;;
        --no-demo) demo=no; shift ;;
        --) shift; break ;;
        *) usage ;;
    esac
done

if [ -z "$engine" ]; then
    # A docker command without an engine behind it is no docker.
    if docker info >/dev/null 2>&1; then engine=docker
    elif command -v podman >/dev/null; then engine=podman
    elif command -v buildah >/dev/null; then engine=buildah
    else echo "there is no docker (with a running engine), podman or buildah here" >&2; exit 69; fi
fi
case $engine in
    docker) build=(docker build); export DOCKER_BUILDKIT=1 ;;
    podman) build=(podman build) ;;
    buildah) build=(buildah build --layers) ;;
    *) usage ;;
esac

revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
created=$(git show -s --format=%cI HEAD 2>/dev/null || echo unknown)
say "building $image with $engine"
SECONDS=0
"${build[@]}" --tag "$image" --build-arg "IMAGE=$image" --build-arg "VERSION=$version" \
    --build-arg "REVISION=$revision" --build-arg "CREATED=$created" "$@" .
say "built in $SECONDS s"
[ "$demo" = yes ] || exit 0

# The output folder is opened to everyone for this, so it is one that is made here.
folder=${out:-$(mktemp -d)}
mkdir -p "$folder"
chmod 777 "$folder"
user=$((20000 + RANDOM))
data=$PWD/nimare_pipeline/data/examples/pain
options=(--network none --user "$user:$user" --volume "$data:/data:ro" --volume "$folder:/out")
say "the demo, as user id $user"
SECONDS=0
if [ "$engine" = buildah ]; then
    # buildah is there to build: it has no read-only root and does not run the entrypoint.
    container=$(buildah from --pull-never "$image")
    trap 'buildah rm "$container" >/dev/null' EXIT
    buildah run "${options[@]}" "$container" -- nimare-pipeline /data /out meta --name pain
else
    "$engine" run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
        "${options[@]}" "$image" /data /out meta --name pain
fi
say "ran in $SECONDS s; the report: $folder/report.html"

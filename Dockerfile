# nimare-pipeline as a container image, for amd64 and arm64 from this one file. How to build, run and
# check it: docs/containers.md. It needs BuildKit (docker), buildah or podman, and no network at run time.
ARG BASE=docker.io/library/debian:trixie-slim

# --- Debian's own Python, which is all of Debian that the program needs -------------------------
# hadolint ignore=DL3006 # the base is named, with its tag, by the argument above
FROM ${BASE} AS python
# hadolint ignore=DL3008 # a stable release: its packages change for security only
RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/*

# --- What the program stands on: exactly the files in the lock -----------------------------------
FROM python AS dependencies
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# hadolint ignore=DL3008
RUN apt-get update -q \
    && apt-get install -qy --no-install-recommends python3-pip python3-setuptools python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.lock /build/
# Two steps, because one dependency has no wheel: it is built with Debian's setuptools, which the
# image itself does not need. The environment has no pip: nothing is to be installed in it later.
# The packages' own tests are a fifth of them, and nobody runs them here.
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip wheel -q --require-hashes --no-deps --use-pep517 --no-build-isolation \
        --wheel-dir /build/wheels --requirement /build/requirements.lock \
    && python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python install -q --no-index --no-deps /build/wheels/*.whl \
    && find /opt/venv -type d -name tests -prune -exec rm -rf {} +

# --- The program itself, last, so that a change of it builds nothing else again ------------------
FROM dependencies AS package
WORKDIR /build/source
COPY pyproject.toml README.md LICENSE ./
COPY workflows ./workflows
COPY nimare_pipeline ./nimare_pipeline
RUN python3 -m pip wheel -q --no-index --no-deps --no-build-isolation --wheel-dir /build/package . \
    && python3 -m pip --python /opt/venv/bin/python install -q --no-index --no-deps \
        --prefix /opt/package /build/package/*.whl

# --- The image -----------------------------------------------------------------------------------
FROM python AS runtime
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=package /opt/package /opt/venv
# LANG: names in any script. NUMBA_CACHE_DIR: the code compiled below; a run that may not write there
# works on a copy. The one-thread settings hold for whatever else is started in here, too.
ENV PATH=/opt/venv/bin:$PATH \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONNOUSERSITE=1 \
    OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    NUMBA_CACHE_DIR=/opt/nimare-pipeline/compiled
# An image that computes something else than it should is not made.
RUN python -I -m nimare_pipeline.cli.warm "$NUMBA_CACHE_DIR" \
    && python -I -m nimare_pipeline --selftest quick
ARG IMAGE=nimare-pipeline
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
# What the image is called goes into dataset_description.json of every result.
ENV NIMARE_PIPELINE_IMAGE=${IMAGE}
LABEL org.opencontainers.image.title="nimare-pipeline" \
      org.opencontainers.image.description="A BIDS App for neuroimaging meta-analysis" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/debian:trixie-slim"
# -I: nothing of the caller's Python (PYTHONPATH, packages in a home) gets in, also with Apptainer.
ENTRYPOINT ["/opt/venv/bin/python", "-I", "-m", "nimare_pipeline"]
CMD ["--help"]

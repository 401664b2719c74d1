# `make demo` shows what the pipeline does, `make test` proves that it works; both set everything up.

PYTHON ?= python3
VENV ?= .venv
PEER_VENV ?= .venv-peer
DEMO ?= demo-output
ENGINE ?=
IMAGE_ARGS ?=
LOCK_ARGS ?=
PYTEST_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-real lint bench image lock clean

help:
	@echo "make demo       run a meta-analysis of 21 pain studies and say where the report is"
	@echo "make test       run the tests"
	@echo "make test-real  run the tests that need real tools (.ci/run installs them)"
	@echo "make lint       check style and types"
	@echo "make bench      measure speed beside NiMARE 0.22.1, in an environment of its own"
	@echo "make image      build the container image with docker, podman or buildah, and run the demo in it"
	@echo "make lock       write requirements.lock, the packages of the image, anew"
	@echo "make clean      remove what was made here, but not $(VENV)"

demo: $(VENV)/.package
	@$(BIN)/nimare-pipeline nimare_pipeline/data/examples/pain "$(DEMO)" meta --name pain
	@echo "The report: $$(cd "$(DEMO)" && pwd)/report.html"

# Two at a time: most of the time goes to runs of the pipeline that use one core.
test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not real" -n 2 --dist worksteal $(PYTEST_ARGS)

# Two files at a time: containers mostly wait for disks, and tests of a file share nulls and images.
test-real: $(VENV)/.test
	$(BIN)/python -m pytest -m real -n 2 --dist loadfile $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.package $(PEER_VENV)/.peer
	$(BIN)/python benchmarks/make_results.py $(PEER_VENV)/bin/python

image:
	@containers/build.sh $(if $(ENGINE),--engine $(ENGINE)) $(IMAGE_ARGS)

# For the Python of the image, on every architecture. What is in the lock stays as it is unless it must
# change, or LOCK_ARGS=--upgrade says so.
lock: $(VENV)/.dev
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.13 --generate-hashes \
		--no-emit-index-url --custom-compile-command "make lock" -o requirements.lock $(LOCK_ARGS) pyproject.toml

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis "$(DEMO)"
	find nimare_pipeline workflows tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# The environment is made once, and what is installed in it again when pyproject.toml changes.
$(VENV)/.python:
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "There is no $(PYTHON). Install it: sudo apt-get install -y python3 python3-venv" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$$($(PYTHON) --version 2>&1) is too old: Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "Python cannot make environments. Install it: sudo apt-get install -y python3-venv" >&2; exit 1; }
	@echo "Making the environment $(VENV), once; this takes a minute or two"
	@"$(PYTHON)" -m venv "$(VENV)"
	@$(PIP) install --upgrade pip
	@touch $@

$(VENV)/.package: $(VENV)/.python pyproject.toml
	@$(PIP) install --editable .
	@touch $@

$(PEER_VENV)/.peer: $(VENV)/.python
	@"$(PYTHON)" -m venv "$(PEER_VENV)"
	@$(PEER_VENV)/bin/python -m pip -qq --disable-pip-version-check install nimare==0.22.1
	@touch $@

$(VENV)/.test: $(VENV)/.package
	@$(PIP) install --editable ".[test]"
	@touch $@

$(VENV)/.dev: $(VENV)/.package
	@$(PIP) install --editable ".[test,dev]"
	@touch $@

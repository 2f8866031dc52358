# Two commands: `make demo` and `make test`. Both build .venv from the committed locks in requirements/.
PYTHON ?= python3
# On a Raspberry Pi with its own camera: make demo VENV_OPTIONS=--system-site-packages
VENV_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test test-fast test-long test-arm64 test-booted test-camera test-board test-deploy test-packages test-walks soak fuzz audit lint docs install install-train install-docs lock clean

demo: install  ## faces read by the shipped model: no camera needed
	$(BIN)/mien models pull
	$(BIN)/mien run --source demo --max-frames 300

# One worker more than cores, because many tests wait. A thread that waits shall sleep, not spin on what others need.
WORKERS ?= $(shell cores=$$(nproc); echo $$((cores < 4 ? cores + 1 : 4)))
PYTEST := OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses $(WORKERS)
BY_FILE := --dist loadfile --no-loadscope-reorder

test: install-train  ## every test that takes less than a minute
	$(BIN)/mien models pull
	$(PYTEST) $(BY_FILE) -m "not long"

test-long: install-train  ## the tests that take minutes: other backends, the real data, deep networks
	$(BIN)/mien models pull
	$(PYTEST) $(BY_FILE) -m long

test-fast: install-train  ## the tests that neither train, convert, wait nor start a process
	$(PYTEST) -m "not slow and not real_part"

# As root, or by a user who may make namespaces. Keeps Debian's files in build/arm64.
SUITES ?= bookworm
test-arm64: install-train  ## the bundle on an emulated Raspberry Pi 4 and 5: make test-arm64 SUITES="bookworm trixie"
	$(BIN)/mien models pull
	MIEN_ARM64=yes MIEN_ARM64_SUITES="$(SUITES)" $(BIN)/python -m pytest -rP tests/arm64

# As root. Keeps Debian's files in build/booted.
test-booted: install-train  ## the service in a system that systemd has booted
	$(BIN)/mien models pull
	MIEN_BOOTED=yes $(BIN)/python -m pytest tests/booted

# As root, with mmdebstrap. Keeps Debian's files in build/camera.
test-camera: install-train  ## libcamera and picamera2 themselves, on virtual cameras
	$(BIN)/mien models pull
	MIEN_CAMERA=yes $(BIN)/python -m pytest -rP tests/camera

# As root, with mmdebstrap, qemu-system-arm, qemu-utils, cpio and kmod. Keeps Debian's files in build/board.
test-board: install-train  ## a whole emulated board: kernel, systemd, V4L2 camera, power cuts; forty minutes
	$(BIN)/mien models pull
	MIEN_BOARD=yes $(BIN)/python -m pytest -s tests/board

# As root, with podman, runc and mmdebstrap. Keeps Debian and the image's layers in build/packages.
test-packages: install-train  ## the image, built and run by podman with the limits of compose.yml
	$(BIN)/mien models pull
	MIEN_PACKAGES=yes $(BIN)/python -m pytest tests/packages/test_image.py

MINUTES ?= 20
SEED ?= 0
soak: install-train  ## a daemon to which everything happens: make soak MINUTES=20 SEED=0
	$(BIN)/mien models pull
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --seed $(SEED) --out soak.json

KILLS ?= 100
test-deploy: install-train  ## deployment at length: real bundles, an installation without a network, KILLS=100 kills
	$(BIN)/mien models pull
	MIEN_DEPLOY_LONG=1 MIEN_INSTALL_KILLS=$(KILLS) $(PYTEST) $(BY_FILE) tests/deploy

MINUTES_OF_FUZZING = $(if $(filter command line,$(origin MINUTES)),$(MINUTES),10)
fuzz: install-train  ## damaged input for every parser: make fuzz MINUTES=10
	$(BIN)/mien models pull
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES_OF_FUZZING) --seed $(SEED) --out fuzz.json

# Installs mien in fresh environments, as the pages state it; needs an index of packages.
test-walks: install-train  ## four users follow the README and the pages that are for them
	MIEN_WALKS=yes $(BIN)/python -m pytest tests/walks

AUDIT := build/audit
audit: $(AUDIT)/stamp  ## known vulnerabilities of every locked library; needs PyPI
	for lock in requirements/*.lock deploy/build/locks/*.lock; do echo "$$lock"; \
	  $(AUDIT)/bin/pip-audit --requirement $$lock --disable-pip --require-hashes --strict || exit 1; done

$(AUDIT)/stamp: requirements/audit.lock
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes --requirement requirements/audit.lock
	touch $@

# What these systems do not have is found; what is unreachable there is not an error.
ELSEWHERE := --no-warn-unreachable -p mien -p edge -p train -p convert
lint: install-train  ## style, types, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32 $(ELSEWHERE)
	$(BIN)/mypy --platform darwin $(ELSEWHERE)
	PYTHONPATH=. $(BIN)/lint-imports --no-cache

docs: install-docs  ## the documentation site, in build/site; a broken link fails
	PYTHONPATH=. NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

install: $(VENV)/device.stamp  ## the base install and the preview, as on a device

install-train: $(VENV)/train.stamp  ## the base install, the training stack and the tools of the tests

install-docs: $(VENV)/docs.stamp  ## the base install and what builds the site

lock:  ## resolve the locks anew (needs uv)
	uv pip compile pyproject.toml --extra preview --universal --python-version 3.11 --generate-hashes --upgrade \
	  --constraint requirements/constraints.in --custom-compile-command "make lock" \
	  --output-file requirements/device.lock
	uv pip compile pyproject.toml --extra train --extra report --extra onnx --extra search --extra tensorboard --extra mqtt --extra metrics \
	  --extra preview --extra deploy --extra micro --group dev --universal --python-version 3.11 --generate-hashes --upgrade \
	  --constraint requirements/constraints.in --constraint requirements/device.lock --custom-compile-command "make lock" \
	  --output-file requirements/train.lock
	uv pip compile pyproject.toml --group docs --universal --python-version 3.11 --generate-hashes --upgrade \
	  --constraint requirements/constraints.in --constraint requirements/train.lock --custom-compile-command "make lock" \
	  --output-file requirements/docs.lock
	uv pip compile --group pyproject.toml:build --universal --python-version 3.11 --generate-hashes --upgrade \
	  --constraint requirements/train.lock --custom-compile-command "make lock" --output-file requirements/build.lock
	uv pip compile --group pyproject.toml:audit --universal --python-version 3.11 --generate-hashes --upgrade \
	  --custom-compile-command "make lock" --output-file requirements/audit.lock
	for target in bookworm:3.11 trixie:3.13; do \
	  uv pip compile pyproject.toml deploy/build/locks/installer.in --extra mqtt --extra metrics --extra preview --universal \
	    --python-version $${target#*:} --generate-hashes --upgrade --constraint deploy/build/locks/$${target%:*}.in \
	    --custom-compile-command "make lock" --output-file deploy/build/locks/$${target%:*}.lock || exit 1; \
	done

clean:  ## forget the environment
	rm -rf $(VENV)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("mien needs Python 3.11 or later, $(PYTHON) is %d.%d: make PYTHON=python3.11 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV_OPTIONS) $(VENV)

$(VENV)/device.stamp: $(BIN)/python requirements/device.lock pyproject.toml
	$(PIP) install --require-hashes --requirement requirements/device.lock
	$(PIP) install --no-deps --editable .
	touch $@

$(VENV)/train.stamp: $(VENV)/device.stamp requirements/train.lock
	$(PIP) install --require-hashes --requirement requirements/train.lock
	touch $@

$(VENV)/docs.stamp: $(VENV)/device.stamp requirements/docs.lock
	$(PIP) install --require-hashes --requirement requirements/docs.lock
	touch $@

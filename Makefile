# Everything that is done here by hand.  It needs Python 3.11 or newer, make and git, and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# A lock names everything, so nothing is left for pip to find out.
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps
LOCK   := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

# Whoever starts is spared compiling what another process has compiled: it takes longer than all else that a start takes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo up test suite kills check contracts bench lock clean

help:  ## these lines
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## */\t/' | expand -t 12

demo: $(VENV)/run  ## run the main job once, in the terminal, step by step
	$(BIN)/kiban demo

up: $(VENV)/run  ## start the country and keep it running
	$(BIN)/kiban up

test: $(VENV)/dev  ## lint, types and the whole suite
	$(MAKE) --jobs 2 check suite

suite: $(VENV)/dev  ## the whole suite alone
	$(BIN)/python -m pytest -n 3 --dist loadgroup

kills: $(VENV)/dev  ## kill each role, a process of its own, at each step of every story
	KIBAN_REQUIRE=kills $(BIN)/python -m pytest -n 2 tests/stories/test_role_kills.py

check: $(VENV)/dev  ## lint and types alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy services/*/kiban shared/kiban world/kiban deploy/kiban

contracts: $(VENV)/run  ## write the OpenAPI documents and docs/problems.md anew
	$(BIN)/kiban contracts
	$(BIN)/kiban problems

bench: $(VENV)/dev  ## rates and latencies, each beside a bare limit
	$(BIN)/python -m tests.bench

lock:  ## write both locks anew (needs uv)
	$(LOCK) pyproject.toml deploy/build.in -o requirements.lock
	$(LOCK) --extra dev pyproject.toml deploy/build.in -o requirements-dev.lock

clean:  ## forget the environment and the country's data
	rm -rf $(VENV) .kiban

# A stamp says that what it depends on is installed; `make` does it again only when a lock has changed.

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Kiban needs Python 3.11 or newer; say make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/run: requirements.lock pyproject.toml | $(VENV)/python
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-build-isolation -e .
	touch $@

# With it comes everything that is needed to run.
$(VENV)/dev: requirements-dev.lock pyproject.toml | $(VENV)/python
	$(PIP) --require-hashes -r requirements-dev.lock
	$(PIP) --no-build-isolation -e .
	touch $(VENV)/run $@

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: help demo up test check bench lock clean

help:  ## these lines
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:[^#]*## */\t/' | expand -t 10

$(VENV)/run: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

demo: $(VENV)/run  ## run the main job once, in the terminal, step by step
	$(BIN)/kiban demo

up: $(VENV)/run  ## start the country and keep it running
	$(BIN)/kiban up

check: $(VENV)/dev  ## lint, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy services/*/kiban shared/kiban world/kiban deploy/kiban

test: check  ## the whole suite
	$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: $(VENV)/dev  ## rates and latencies beside a bare limit
	$(BIN)/python -m bench

lock:  ## write both locks anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 pyproject.toml deploy/build.in -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 --extra dev pyproject.toml deploy/build.in -o requirements-dev.lock

clean:  ## forget the environment and the country's data
	rm -rf $(VENV) .kiban

# Two commands on a fresh machine: make setup, make run. `make run` and `make test` set up by themselves where needed.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# No index is named in the lock files: pip asks the one this machine is set up for. Every file is held to its hash.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes
RUN_LOCK := config/requirements.lock
DEV_LOCK := config/requirements-dev.lock

.DEFAULT_GOAL := help
.PHONY: help setup run test bench bench-smoke bench-report check format lock clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  make \1\t/' | expand -t 22

setup: $(VENV)/.ready  ## create .venv with the pinned dependencies and the command pingpost
	@echo "ready: $(BIN)/pingpost"

run: $(VENV)/.ready  ## serve the demo catalog on http://127.0.0.1:8080 with a Redis of its own
	@exec $(BIN)/pingpost serve --catalog config/catalog

test: $(VENV)/.ready-dev  ## run every test, or with T=tests/match a part
	$(BIN)/python -m pytest $(T)

bench: $(VENV)/.ready-dev  ## measure against every budget (a quarter of an hour), or with ONLY=cpu,latency,... a part
	$(BIN)/python -m benchmarks.suite --only "$(ONLY)"

bench-smoke: $(VENV)/.ready-dev  ## the same in half a minute: shows that it works, and judges no times
	$(BIN)/python -m benchmarks.suite --smoke

bench-report: $(VENV)/.ready-dev  ## tables and plots of the newest results, or of FILE=...; README=1 writes them into benchmarks/README.md
	$(BIN)/python -m benchmarks.report $(FILE) $(if $(README),--readme)

check: $(VENV)/.ready-dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready-dev  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.ready-dev  ## pin the newest dependencies that pyproject.toml allows
	$(BIN)/uv pip compile --upgrade $(LOCK_FLAGS) --extra build -o $(RUN_LOCK) pyproject.toml
	$(BIN)/uv pip compile --upgrade $(LOCK_FLAGS) --extra build --extra dev -c $(RUN_LOCK) -o $(DEV_LOCK) pyproject.toml

LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

clean:  ## remove .venv and what tools left behind; var/ with your data stays
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "pingpost needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.ready: $(RUN_LOCK) pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) -r $(RUN_LOCK)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.ready-dev: $(DEV_LOCK) $(VENV)/.ready
	$(PIP_INSTALL) -r $(DEV_LOCK)
	@touch $@

# Everything runs from .venv, which is made from the lock files when it is first needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help up test nightly chaos bench lint format lock hooks browser clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/installed ## Run everything here, with a demo (ARGS="--no-demo --port 9000"; ARGS=--help lists more)
	@exec $(BIN)/python -m cli.main up $(ARGS)

test: $(VENV)/installed-dev ## Run the whole suite, three files at a time (ARGS="-k drawdown" picks some)
	$(BIN)/python -m pytest -n 3 --dist loadfile $(ARGS)

nightly: $(VENV)/installed-dev ## Compare the core with the brute force 20,000 times (HYPOTHESIS_EXAMPLES=2000, a fifth of each half)
	HYPOTHESIS_EXAMPLES=$${HYPOTHESIS_EXAMPLES:-2000} $(BIN)/python -m pytest tests/property/test_core_against_brute_force.py $(ARGS)

chaos: $(VENV)/installed-dev ## Break everything under load, and check the records (ARGS="--seconds 300 --seed 1")
	@$(BIN)/python -m tests.chaos $(ARGS)

bench: $(VENV)/installed ## Measure what matters against bare baselines, under 15 minutes (ARGS="ticks book" picks some)
	@$(BIN)/python -m cli.main bench $(ARGS)

lint: $(VENV)/installed-dev ## Check style, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(VENV)/installed-dev ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/installed-dev ## Lock the newest versions of all packages, with hashes
	$(INSTALL) uv
	echo 'setuptools>=77' | $(LOCK) --all-extras pyproject.toml - -o requirements-dev.lock
	echo 'setuptools>=77' | $(LOCK) --extra embedded pyproject.toml - -c requirements-dev.lock -o requirements-embedded.lock
	$(LOCK) pyproject.toml -c requirements-dev.lock -o requirements.lock

hooks: $(VENV)/installed-dev ## Check every commit before it is made
	$(BIN)/pre-commit install

browser: ## Install the Chromium and chromedriver of the browser tests (Debian, as root)
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null

clean: ## Remove what was installed and cached; ./data stays
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed. If it goes by another name: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python lacks its venv module: install it (on Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing what is needed into $(VENV); the first time takes up to a minute"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements-embedded.lock pyproject.toml | $(BIN)/python
	@$(INSTALL) --require-hashes -r requirements-embedded.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	@$(INSTALL) --require-hashes -r requirements-dev.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/installed

# Everything runs in .venv, made here with the versions that constraints.txt pins.
#   make quickstart                      the default interpreter
#   make install PYTHON=python3.12       another one
#   make install PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu"    a CPU build of torch (smaller)
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3,$(if $(shell command -v $(name)),$(name))))
VENV ?= .venv
PIP_FLAGS ?=
PYTEST_FLAGS ?=
PYTEST_PROCESSES ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt $(PIP_FLAGS)
INSTALLED := $(VENV)/installed
INSTALLED_TEST := $(VENV)/installed-test
CODE := nmt data_prep tests

.DEFAULT_GOAL := help
.PHONY: help install install-test quickstart test lint types unit format hooks clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

install: $(INSTALLED) ## .venv with the locked dependencies and the package, editable

install-test: $(INSTALLED_TEST) ## the same with the test tools and fairseq, which is compiled (needs a C++ compiler)

quickstart: $(INSTALLED) ## install, then train, translate and score the embedded phrasebook (minutes on 2 cores)
	$(BIN)/nmt run recipes/phrasebook_en_de/transformer_tiny.yaml

test: lint types unit ## install with the test tools, then linters, type checks and the whole test suite

lint: $(INSTALLED_TEST) ## ruff: lint and format, without changing anything
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED_TEST) ## mypy, strict, over the tests too
	$(BIN)/mypy

# A file's tests stay in one process: they share what is trained for them.
unit: $(INSTALLED_TEST) ## pytest alone; PYTEST_FLAGS="-m 'not slow' -k beam" narrows it
	$(BIN)/python -m pytest -n $(PYTEST_PROCESSES) --dist loadfile $(PYTEST_FLAGS)

format: $(INSTALLED_TEST) ## let ruff fix and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: $(INSTALLED_TEST) ## run the linters before each commit (.pre-commit-config.yaml)
	$(PIP) --no-build-isolation --editable '.[dev]'
	$(BIN)/pre-commit install

clean: ## remove .venv and every cache (never runs/)
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(if $(PYTHON),,echo "make: no Python found: install Python 3.11 or newer, or say make PYTHON=/path/to/python" >&2; exit 2)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is not Python 3.11 or newer: install one, or say make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "make: $(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 2; }

# The stamps are younger than what they were made from, so an install runs again only when one of these changes.
# torch comes first and by its exact version: a range would take the newest build and gigabytes of CUDA with it.
# Without build isolation the build tool is the pinned one too.
$(INSTALLED): pyproject.toml constraints.txt $(wildcard nmt/nn/native/*.[ch]) | $(BIN)/python
	@echo "Installing into $(VENV) (torch is large: minutes on a first run)"
	$(PIP) setuptools $$(grep '^torch==' constraints.txt)
	@$(BIN)/python -m pip --disable-pip-version-check uninstall --quiet --yes nmt 2>/dev/null || true # its earlier name
	$(PIP) --no-build-isolation --editable .
	@touch $@

# fairseq, which tests/parity compares with, is built from source. In an isolated build it would take the newest torch
# there is; so what its build needs goes before it. Its extensions of torch, which nothing here needs, would take minutes.
$(INSTALLED_TEST): $(INSTALLED)
	@echo "Installing the test tools and fairseq (compiled: minutes on a first run)"
	$(PIP) setuptools wheel numpy cython
	PYTHONPATH=$(CURDIR)/tests/parity/fairseq_build $(PIP) --no-build-isolation --no-deps fairseq-fixed
	$(PIP) --no-build-isolation --editable '.[test,fairseq]'
	@touch $@

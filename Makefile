# Everything here sets up what it needs: `make test` works on a fresh machine.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: quick help setup lint format test test-faults soak bench run tables pages clean

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP)  ## Create .venv and install the pinned set and this package

$(STAMP): pyproject.toml constraints.txt $(wildcard snnexp/kernels/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

lint: $(STAMP)  ## Check style, imports and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)  ## Rewrite to the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: $(STAMP)  ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not soak"

quick: $(STAMP)  ## Run the tests that take a blink each; types are not watched
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal -o addopts=--strict-markers -m "not slow and not soak" --ignore tests/faults

test-faults: $(STAMP)  ## Make everything go wrong that can, and list what came of it
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist load tests/faults

soak: $(STAMP)  ## Run the tests that take minutes each
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist load -m soak

bench: $(STAMP)  ## Time and memory of a step against the analog twin
	$(BIN)/python scripts/bench.py

run: $(STAMP)  ## Train the embedded default experiment
	$(BIN)/snnexp train

tables: $(STAMP)  ## Write the pages and pictures that are made of the recorded runs
	$(BIN)/python scripts/recorded_runs.py
	$(BIN)/python scripts/heads.py
	$(BIN)/python scripts/survey_counts.py
	$(BIN)/python scripts/tables.py
	$(BIN)/python scripts/strategies_figure.py
	$(BIN)/python scripts/strategy_pages.py

pages: $(STAMP)  ## Write the pages that are made of the code: options, fields of a result
	$(BIN)/python scripts/options.py
	$(BIN)/python scripts/result_fields.py

clean:  ## Remove what was built (not your outputs)
	rm -rf $(VENV) build dist *.egg-info snnexp/kernels/*.so

# One command a chore; CI runs the same ones.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup demo test lint bench clean

help:
	@echo "make demo   run the main job: a live stream on this machine, moderated and called back"
	@echo "make test   run every test"
	@echo "make lint   formatting, lint, strict typing"
	@echo "make bench  run the benchmarks"

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "audiowarden needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@echo "Creating .venv and installing the pinned dependencies (a few minutes the first time) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: .venv/.installed
	@$(BIN)/audiowarden models fetch base yamnet voiceprint gender

demo: setup
	@$(BIN)/python -m demo

test: setup
	@$(BIN)/audiowarden models fetch tiny.en
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: .venv/.installed
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

bench: setup
	@$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache dist build

# Two commands do everything: `make demo` and `make test`. Each makes its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests that wait for real streams have the computer to themselves.
REAL_TIME := tests/faults tests/watch tests/sources tests/shared/test_watch.py

.PHONY: demo test lint check test-ultralytics clean

demo: $(VENV)/.installed
	$(BIN)/traffic-ai demo --out demo_out

test: $(VENV)/.installed-dev
	$(BIN)/traffic-ai models pull yolov8n
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile $(addprefix --ignore=,$(REAL_TIME))
	$(BIN)/python -m pytest $(REAL_TIME)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test

# The same pipeline on a .pt file, in an environment of its own (about 8 GB: torch).
test-ultralytics:
	PYTHON=$(PYTHON) tests_ultralytics/run.sh

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable ".[evaluate,mqtt,openvino]" --group dev
	touch $@

clean:
	rm -rf $(VENV) .venv-* demo_out .mypy_cache .ruff_cache .pytest_cache .hypothesis

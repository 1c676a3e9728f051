# make demo · make test · make test-slow · make lint: each does its own set-up in .venv
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

PROOF := tests/nets tests/nn/test_peers.py tests/nn/test_peers_inception.py tests/nn/test_peers_residual.py tests/weights

.PHONY: demo test test-slow lint format index proof docs clean

demo: $(VENV)/.core
	$(BIN)/neocog demo

test: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest

test-slow: $(VENV)/.peers
	$(BIN)/python -m pytest -m "slow or not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-cache
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing neocog and torch into $(VENV); the first time takes a minute or two"
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) -e ".[dev]"
	@touch $@

index: $(VENV)/.core
	$(BIN)/python -m neocog.nets.index

proof: $(VENV)/.peers
	rm -f src/neocog/nets/proof.json
	$(BIN)/python -m pytest -m "slow or not slow" --proof src/neocog/nets/proof.json $(PROOF)

docs: $(VENV)/.core
	$(BIN)/python docs/networks.py site

$(VENV)/.peers: $(VENV)/.dev
	$(PIP) -e ".[peers]"
	$(PIP) --no-deps torchvision timm
	@touch $@

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# Everything rests on `make install`: core, all plugins, all extras, pinned by constraints.txt.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/smarksync-*))
EXTRAS := postgres,keyring,record,quality,test,dev

.PHONY: install demo test lint types bench live wheel mutants clean
install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[$(EXTRAS)]' $(foreach p,$(PLUGINS),-e $(p))
	touch $@

demo: install
	$(BIN)/smarksync demo

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check src plugins tests scripts
	$(BIN)/ruff format --check src plugins tests scripts

types: install
	$(BIN)/mypy src plugins/*/src

# real servers on loopback, installed into .peers (or SMARKSYNC_PEERS) the first time
live: install
	SMARKSYNC_LIVE=1 $(BIN)/python -m pytest tests/live

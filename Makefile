SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The targets share target/ and .venv, and cargo and the matrix use every core by themselves.
.NOTPARALLEL:

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
WHEELS := target/wheels
# One profile everywhere: each further one would build the cryptography library, which takes longest, anew.
CARGO_FLAGS := --release --locked
LINES := 2.12.0 2.12.5 2.13.3 2.14.7 3.4.10 4.1.0 4.2.1
# Environments beside the FastMCP lines: one with the MCP SDK alone, and one without either.
WITHOUT_FASTMCP := mcp-sdk bare
PYTEST_ARGS ?=
MATRIX_ARGS ?=
FUZZ_SECONDS ?= 10
FUZZ_ARGS ?=
LOCK_ARGS ?=

# The first Python that is new enough and can make an environment; some that are on PATH cannot run.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null \
	&& echo $$python && break; done)

export VIRTUAL_ENV := $(VENV)
export PYO3_PYTHON := $(BIN)/python
# As cargo and npm do: a network whose certificates only the system knows would fail at uv alone.
export UV_SYSTEM_CERTS ?= 1
unexport PYTHONPATH PYTHONHOME CONDA_PREFIX

.PHONY: help
help: ## Show the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r target text; do \
		printf '%-14s %s\n' "$$target" "$$text"; done

.PHONY: setup
setup: $(VENV)/.locked ## Make .venv with the locked development tools (PYTHON=... chooses the interpreter)

$(VENV)/.locked: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo 'No Python 3.10 or newer with venv was found; set PYTHON=...' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	sed -n '/^uv==/,/^ *# via/p' requirements/dev.txt > $(VENV)/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.txt
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/dev.txt
	touch $@

.PHONY: build
build: setup ## Build the wheel into target/wheels and install it in .venv
	rm -rf $(WHEELS)
	$(BIN)/maturin build $(CARGO_FLAGS) --interpreter $(BIN)/python --out $(WHEELS)
	$(BIN)/uv pip install --quiet --no-deps --reinstall --python $(BIN)/python $(WHEELS)/*.whl

.PHONY: develop
develop: setup ## Build the extension in place and install the source tree in .venv
	$(BIN)/maturin develop $(CARGO_FLAGS) --uv

.PHONY: demo
demo: build ## Run the demo
	$(BIN)/fastmcp-rs demo

.PHONY: test
test: build test-core test-python ## Run all tests of this checkout

.PHONY: test-core
test-core: ## Run the tests of the Rust core
	cargo test $(CARGO_FLAGS) --no-default-features

.PHONY: test-python
test-python: build js ## Run the Python tests against the built wheel (PYTEST_ARGS=... for pytest)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: js
ifneq ($(shell command -v npm 2>/dev/null),)
js: tests/js/node_modules/.package-lock.json
else
js:
	@echo 'Node.js is not here: the tests of tokens that jose makes will be skipped.'
endif

tests/js/node_modules/.package-lock.json: tests/js/package.json tests/js/package-lock.json
	cd tests/js && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# The quick checks come first, so that a slip shows before clippy has compiled anything.
.PHONY: lint
lint: setup ## Check formatting and lints, of Rust and of Python
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cargo clippy $(CARGO_FLAGS) --all-targets --no-default-features -- -D warnings
	cargo clippy $(CARGO_FLAGS) --all-targets --features python -- -D warnings

.PHONY: format
format: setup ## Format Rust and Python and fix what ruff can
	cargo fmt
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: typecheck
typecheck: build ## Check the types of the Python package, and the stub against the built extension
	$(BIN)/python -m mypy --strict
	$(BIN)/python -m mypy.stubtest fastmcp_rs._native --mypy-config-file pyproject.toml

.PHONY: matrix
matrix: build ## Test with every FastMCP line, on several Pythons (MATRIX_ARGS=... for scripts/matrix.py)
	$(BIN)/python scripts/matrix.py $(MATRIX_ARGS)

.PHONY: matrix-lines
matrix-lines: build ## Test with every FastMCP line, on one Python
	$(BIN)/python scripts/matrix.py --ci $(MATRIX_ARGS)

.PHONY: fuzz
fuzz: setup ## Fuzz each target for FUZZ_SECONDS (FUZZ_ARGS=... for scripts/fuzz.py)
	$(BIN)/python scripts/fuzz.py --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

.PHONY: mutate
mutate: build ## Give 100,000 mutated tokens to this project and to three others
	MUTATED_TOKENS=100000 $(BIN)/python -m pytest tests/python/test_mutated_tokens.py

.PHONY: soak
soak: build ## Verify a million tokens, and see what memory that leaves behind
	$(BIN)/python scripts/soak.py

# Built here, since a tool that judges dependencies comes best from where they come from; it takes a few minutes, once.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CURDIR)/target/tools/bin/cargo-deny

target/tools/.cargo-deny-$(CARGO_DENY_VERSION):
	cargo install --quiet --locked --root target/tools cargo-deny@$(CARGO_DENY_VERSION)
	touch $@

# A line of deny.toml that nothing needs any more is an error as well; libFuzzer is in one of the two lock files only.
.PHONY: deny
deny: target/tools/.cargo-deny-$(CARGO_DENY_VERSION) ## Hold both Cargo.lock against deny.toml: versions, licences, sources
	@for manifest in Cargo.toml fuzz/Cargo.toml; do \
		$(CARGO_DENY) --locked --manifest-path $$manifest check -D unmatched-skip -D license-not-encountered \
			-A license-exception-not-encountered bans licenses sources; done

AUDIT_VENV := target/audit/venv
AUDIT_ARGS ?=

$(AUDIT_VENV)/.locked: requirements/audit.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(AUDIT_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(AUDIT_VENV)/bin/python requirements/audit.txt
	touch $@

.PHONY: audit
audit: deny $(AUDIT_VENV)/.locked ## Ask the advisory databases about every lock file (AUDIT_ARGS=--unreachable-passes)
	$(BIN)/python scripts/audit.py --cargo-deny $(CARGO_DENY) --pip-audit $(AUDIT_VENV)/bin/pip-audit $(AUDIT_ARGS)

.PHONY: bench
bench: ## Run the benchmarks of the Rust core
	cargo bench --locked --no-default-features

BENCH_VENV := target/bench/venv
BENCH_PYTHON := $(CURDIR)/$(BENCH_VENV)/bin/python
BENCH_ARGS ?=

$(BENCH_VENV)/.locked: requirements/bench.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BENCH_PYTHON) requirements/bench.txt
	touch $@

.PHONY: bench-setup
bench-setup: build $(BENCH_VENV)/.locked
	$(BIN)/uv pip install --quiet --no-deps --reinstall --python $(BENCH_PYTHON) $(WHEELS)/*.whl
	cargo build $(CARGO_FLAGS) --no-default-features --examples

.PHONY: bench-python
bench-python: bench-setup ## Run the benchmarks in Python and write their numbers into README.md (BENCH_ARGS=--brief)
	$(BENCH_PYTHON) benches/python/report.py $(BENCH_ARGS)

.PHONY: bench-instructions
bench-instructions: setup ## Count the instructions of the hot paths with callgrind; fail where one grew by 5 %
	cargo build $(CARGO_FLAGS) --no-default-features --example instructions
	$(BIN)/python benches/instructions.py $(BENCH_ARGS)

UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	--custom-compile-command 'make lock' --no-emit-index-url --no-emit-find-links \
	--override requirements/overrides.txt

.PHONY: lock
lock: setup $(addprefix lock-,$(LINES) $(WITHOUT_FASTMCP)) lock-bench lock-audit ## Compile the locked requirements (LOCK_ARGS=--upgrade)
	$(UV_COMPILE) --python-version 3.10 $(LOCK_ARGS) requirements/dev.in -o requirements/dev.txt

.PHONY: lock-bench
lock-bench: setup
	$(UV_COMPILE) --python-version 3.11 $(LOCK_ARGS) requirements/bench.in -o requirements/bench.txt

# 4.2.1 needs a newer Python than the others.
.PHONY: $(LINES:%=lock-%)
$(LINES:%=lock-%): lock-%: setup
	$(UV_COMPILE) --python-version $(if $(filter 4.2.1,$*),3.11,3.10) $(LOCK_ARGS) \
		requirements/fastmcp-$*.in -o requirements/fastmcp-$*.txt

.PHONY: $(WITHOUT_FASTMCP:%=lock-%) lock-audit
$(WITHOUT_FASTMCP:%=lock-%) lock-audit: lock-%: setup
	$(UV_COMPILE) --python-version 3.10 $(LOCK_ARGS) requirements/$*.in -o requirements/$*.txt

.PHONY: clean
clean: ## Remove everything that was built, installed or cached
	rm -rf target fuzz/target fuzz/corpus fuzz/artifacts $(VENV) tests/js/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f python/fastmcp_rs/*.so python/fastmcp_rs/*.pyd
	find python scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: all
all: lint typecheck test ## Lint, check types and test

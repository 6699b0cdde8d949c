SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# The targets share target/ and .venv, and cargo and the matrix use every core by themselves.
.NOTPARALLEL:

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
WHEELS := target/wheels
# One profile for all tests: each further one would build the cryptography library, which takes longest, anew.
CARGO_FLAGS := --release --locked
PYTEST_ARGS ?=
CORE_ARGS ?=
# Tests wait more than they compute, so there are more processes than cores. The tests of one file share what it sets up.
TEST_PROCESSES ?= 5
SERVERS_VENV := target/authorization-servers/venv
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
# Some images set it. Each process, and the tests start many, would then compile all of FastMCP anew.
unexport PYTHONDONTWRITEBYTECODE

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

# A wheel that is there already, to be tested and measured in the place of one that is built for it. CI gives the one
# of `make wheel`.
WHEEL ?=

# $(call place-wheel,FOLDER,PROFILE)
define place-wheel
rm -rf $(1)
mkdir -p $(1)
$(if $(WHEEL),cp $(WHEEL) $(1),$(BIN)/maturin build --profile $(2) --locked --interpreter $(BIN)/python --out $(1))
endef

.PHONY: build
build: setup ## Build the wheel into target/wheels, or take WHEEL=..., and install it in .venv
	$(call place-wheel,$(WHEELS),release)
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
test-core: ## Run the tests of the Rust core (CORE_ARGS=... for cargo test)
	cargo test $(CARGO_FLAGS) --no-default-features $(CORE_ARGS)

.PHONY: test-python
test-python: build js $(SERVERS_VENV)/.locked ## Run the Python tests against the built wheel (PYTEST_ARGS=... for pytest)
	$(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(PYTEST_ARGS)

# The authorization servers that the tests run: each beside nothing of this project, in an environment of their own.
$(SERVERS_VENV)/.locked: requirements/authorization-servers.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(SERVERS_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(SERVERS_VENV)/bin/python requirements/authorization-servers.txt
	touch $@

.PHONY: js
ifneq ($(shell command -v npm 2>/dev/null),)
js: tests/js/node_modules/.package-lock.json tests/js/clients/node_modules/.package-lock.json
else
js:
	@echo 'Node.js is not here: what needs it will be left out.'
endif

%/node_modules/.package-lock.json: %/package.json %/package-lock.json
	cd $(<D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@

# The quick checks come first, so that a slip shows before clippy has compiled anything. Without Python, what
# nothing uses can be in the library alone: the tests and benchmarks are the same either way.
.PHONY: lint
lint: setup ## Check formatting and lints, of Rust and of Python
	cargo fmt --check
	cargo fmt --check --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	cargo clippy $(CARGO_FLAGS) --all-targets --features python -- -D warnings
	cargo clippy $(CARGO_FLAGS) --lib --no-default-features -- -D warnings

.PHONY: format
format: setup ## Format Rust and Python and fix what ruff can
	cargo fmt
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: typecheck
typecheck: build js ## Check the types of the Python package and of the pages' code, and the stub against the built extension
	$(BIN)/python -m mypy --strict
	$(BIN)/python scripts/blocks.py target/blocks
	$(BIN)/python -m mypy --strict target/blocks
	@if command -v node >/dev/null; then node tests/js/node_modules/pyright/index.js --pythonpath $(BIN)/python; \
		else echo 'Node.js is not here: pyright is left out.'; fi
	$(BIN)/python -m mypy.stubtest fastmcp_rs._native --mypy-config-file pyproject.toml

.PHONY: matrix
matrix: build ## Test with every FastMCP line, on several Pythons (MATRIX_ARGS=... for scripts/matrix.py)
	$(BIN)/python scripts/matrix.py $(MATRIX_ARGS)

.PHONY: matrix-lines
matrix-lines: build ## Test with every FastMCP line but that of make test, on one Python
	$(BIN)/python scripts/matrix.py --ci $(MATRIX_ARGS)

.PHONY: fuzz
fuzz: setup ## Fuzz each target for FUZZ_SECONDS (FUZZ_ARGS=... for scripts/fuzz.py)
	$(BIN)/python scripts/fuzz.py --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

.PHONY: mutate
mutate: build ## Give 100,000 mutated tokens to this project and to three others
	MUTATED_TOKENS=100000 $(BIN)/python -m pytest tests/security/test_mutated_tokens.py

.PHONY: soak
soak: build ## Verify a million tokens, and see what memory that leaves behind
	$(BIN)/python scripts/soak.py

.PHONY: attack
attack: build js ## Attack a real server for ten minutes, and see what an honest user notices
	$(BIN)/python scripts/attack.py

# Built here, since a tool that judges dependencies comes best from where they come from; without optimization, since
# to build it takes far longer than to run it.
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CURDIR)/target/tools/bin/cargo-deny

target/tools/.cargo-deny-$(CARGO_DENY_VERSION):
	cargo install --quiet --locked --debug --config profile.dev.debug=false --root target/tools \
		cargo-deny@$(CARGO_DENY_VERSION)
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

PACKAGING_VENV := target/packaging/venv
PACKAGING := $(CURDIR)/$(PACKAGING_VENV)/bin
WHEEL_ARGS ?=

$(PACKAGING_VENV)/.locked: requirements/packaging.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(PACKAGING_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(PACKAGING)/python requirements/packaging.txt
	touch $@

.PHONY: sdist
sdist: $(PACKAGING_VENV)/.locked ## Make the source distribution in target/dist, unpack it, and check it
	$(BIN)/python scripts/sdist.py --maturin $(BIN)/maturin --out target/dist
	$(PACKAGING)/twine check --strict target/dist/*.tar.gz

# The tests that read files, in the programs that `make test-core` builds: told at run time where the project is, they
# read what was unpacked. That each file there is as it is in the tree, and so compiles as it does, `sdist` has seen.
.PHONY: test-sdist
test-sdist: sdist ## Run the Rust tests that read files, on those of the unpacked source distribution
	cargo test $(CARGO_FLAGS) --no-default-features --test project --test rust_core \
		--config "target.'cfg(all())'.runner = ['env', 'CARGO_MANIFEST_DIR=$$(echo $(CURDIR)/target/package/unpacked/*)']" \
		-- circles dependency_floors errors_page layers security_page type_names rfc_vectors

.PHONY: wheel
wheel: sdist ## Build the wheel from the source distribution, check it and run it without Rust (WHEEL_ARGS="--target ...")
	$(BIN)/python scripts/wheel.py --tools $(PACKAGING) $(WHEEL_ARGS)

RELEASE_ARGS ?=

.PHONY: release-check
release-check: setup ## Hold a tag against the metadata (RELEASE_ARGS="--tag v1.2.3 --address https://...")
	$(BIN)/python scripts/release.py check $(RELEASE_ARGS)

# What the newest line asks for, without the version that is locked: whatever there is today.
NEWEST_VENV := $(CURDIR)/target/newest/venv
NEWEST_ARGS ?=

.PHONY: newest
newest: build ## Test inside FastMCP's newest, whatever it is (NEWEST_ARGS="--prerelease allow" for uv)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(NEWEST_VENV)
	$(BIN)/uv pip install --quiet --python $(NEWEST_VENV)/bin/python $(NEWEST_ARGS) fastmcp -r requirements/line.in
	$(BIN)/uv pip install --quiet --no-deps --reinstall --python $(NEWEST_VENV)/bin/python $(WHEELS)/*.whl
	$(NEWEST_VENV)/bin/python -c 'import fastmcp; print("FastMCP", fastmcp.__version__)'
	$(NEWEST_VENV)/bin/python -m pytest -q tests/integration/fastmcp tests/robustness/arguments

.PHONY: workflows-lint
workflows-lint: $(PACKAGING_VENV)/.locked ## Check the workflows of .github, without asking anything of the network
	$(PACKAGING)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(PACKAGING)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(PACKAGING)/zizmor --offline --pedantic .github

.PHONY: bench
bench: ## Run the benchmarks of the Rust core
	cargo bench --profile wheel --locked --no-default-features

DOCS_VENV := target/docs/venv

$(DOCS_VENV)/.locked: requirements/docs.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(DOCS_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(DOCS_VENV)/bin/python requirements/docs.txt
	touch $@

.PHONY: docs
docs: $(DOCS_VENV)/.locked ## Build the documentation site in target/site, strictly
	$(BIN)/python scripts/site.py --mkdocs $(CURDIR)/$(DOCS_VENV)/bin/mkdocs

BENCH_VENV := target/bench/venv
BENCH_PYTHON := $(CURDIR)/$(BENCH_VENV)/bin/python
BENCH_ARGS ?=

$(BENCH_VENV)/.locked: requirements/bench.txt $(VENV)/.locked
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(BENCH_PYTHON) requirements/bench.txt
	touch $@

# Some of the verifiers that are compared need a newer Python than FastMCP does.
PEERS_VENV := target/bench/peers
PEERS_PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 $$HOME/.pyenv/versions/3.1[2-9].*/bin/python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo $$python && break; done)
export FASTMCP_RS_PEERS_PYTHON := $(CURDIR)/$(PEERS_VENV)/bin/python

$(PEERS_VENV)/.locked: requirements/peers.txt $(VENV)/.locked
	@test -n "$(PEERS_PYTHON)" || { echo 'No Python 3.12 or newer was found; set PEERS_PYTHON=...' >&2; exit 1; }
	$(BIN)/uv venv --quiet --clear --python $(PEERS_PYTHON) $(PEERS_VENV)
	$(BIN)/uv pip sync --quiet --require-hashes --python $(PEERS_VENV)/bin/python requirements/peers.txt
	touch $@

# The wheel that is measured is built as those are that users install.
BENCH_WHEELS := target/bench/wheels

.PHONY: bench-wheel
bench-wheel: setup
	$(call place-wheel,$(BENCH_WHEELS),wheel)

# So is the program that checks signatures alone, but where the benchmarks are only to be seen to run.
FLOOR_PROFILE := $(if $(findstring --brief,$(BENCH_ARGS)),release,wheel)
export FASTMCP_RS_FLOOR := $(CURDIR)/target/$(FLOOR_PROFILE)/examples/floor

.PHONY: bench-setup
bench-setup: bench-wheel $(BENCH_VENV)/.locked $(PEERS_VENV)/.locked
	$(BIN)/uv pip install --quiet --no-deps --reinstall --python $(PEERS_VENV)/bin/python $(BENCH_WHEELS)/*.whl
	$(BIN)/uv pip install --quiet --no-deps --reinstall --python $(BENCH_PYTHON) $(BENCH_WHEELS)/*.whl
	cargo build --profile $(FLOOR_PROFILE) --locked --no-default-features --example floor

.PHONY: bench-python
bench-python: bench-setup ## Run the benchmarks in Python and write their numbers into docs/performance.md (BENCH_ARGS=--brief)
	$(BENCH_PYTHON) benches/python/report.py $(BENCH_ARGS)

.PHONY: bench-readme
bench-readme: bench-setup ## Measure what README.md says, and the first parts of docs/performance.md, in a quarter of an hour
	$(BENCH_PYTHON) benches/python/report.py --only compare layer in_app footprint ways $(BENCH_ARGS)

.PHONY: bench-ways
bench-ways: bench-setup ## Measure each way to authenticate a request, and write the first table of README.md
	$(BENCH_PYTHON) benches/python/report.py --only ways $(BENCH_ARGS)

.PHONY: bench-instructions
bench-instructions: setup ## Count the instructions of the hot paths with callgrind; fail where one grew by 5 %
	cargo build $(CARGO_FLAGS) --no-default-features --example instructions
	$(BIN)/python benches/instructions.py $(BENCH_ARGS)

.PHONY: bench-history
bench-history: build ## Keep the recorded instructions as those of this version, and draw those of every release
	$(BIN)/python benches/history.py

.PHONY: lock
lock: setup ## Compile the locked requirements of scripts/lines.py and requirements/*.in (LOCK_ARGS=--upgrade)
	$(BIN)/python scripts/lock.py $(LOCK_ARGS)

.PHONY: clean
clean: ## Remove everything that was built, installed or cached
	rm -rf target fuzz/target fuzz/corpus fuzz/artifacts $(VENV) tests/js/node_modules tests/js/clients/node_modules .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f python/fastmcp_rs/*.so python/fastmcp_rs/*.pyd
	find python scripts tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: all
all: lint typecheck test ## Lint, check types and test

# make demo PYTHON=python3.12 chooses the Python; an existing virtual environment stays as it is until `make clean`.
PYTHON ?= python3
VENV ?= .venv
EDGE_VENV ?= .venv-edge
DOCS_VENV ?= .venv-docs
SECONDS ?= 10
SEED ?= 0
# A file of tests stays in one process; more than four processes would need more memory than most machines have. The order
# is that of tests/conftest.py.
PYTEST = -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
QUIET = --quiet --disable-pip-version-check
PINNED = $(QUIET) -c constraints.txt

.PHONY: help demo test torture lint test-edge test-arm64 test-web web-runtime fuzz docs bench clean node-is-new

help: ## List the commands.
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 18

demo: $(VENV)/installed ## Install, then run all steps on embedded data, from training to the report, in a few minutes.
	$(VENV)/bin/tlpipe demo

test: $(VENV)/installed ## Run all tests, then lint.
	$(VENV)/bin/python $(PYTEST)
	$(MAKE) lint

torture: $(VENV)/installed ## Kill all commands that write 300 times, let their writes fail, and record what remains: half an hour.
	PYTHONPATH=tests:benchmarks $(VENV)/bin/python tests/survival/torture.py --kills 300 --faults 200

lint: $(VENV)/installed ## Check style, formatting, types, and which package imports which.
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo

test-edge: $(EDGE_VENV)/installed ## Run the tests of the device side where there is no TensorFlow.
	! $(EDGE_VENV)/bin/python -c "import tensorflow" 2>/dev/null
	$(EDGE_VENV)/bin/python $(PYTEST) tests/edge

test-arm64: ## Run the tests of the device side on emulated 64-bit ARM: minutes, as root, with Debian's packages.
	scripts/test_arm64.sh $(PYTHON)

web-runtime: web/node_modules/installed ## Bring LiteRT.js and the page of tlpipe web into the package: Node.js and npm, once.
	cd web && node build.mjs

test-web: web/node_modules/installed ## Check the types of the page of tlpipe web, and test what needs no browser.
	cd web && npm test --silent

fuzz: $(VENV)/installed ## Give damaged documents to each reader: SECONDS=10 for each of them, SEED=0.
	$(VENV)/bin/python tests/fuzz/run.py --seconds $(SECONDS) --seed $(SEED)

docs: $(DOCS_VENV)/installed ## Build the documentation site in build/site; a broken link is an error.
	rm -rf build/site
	$(DOCS_VENV)/bin/zensical build --clean --strict

bench: ## Say how to run the benchmarks.
	@echo "Each benchmark is a script: $(VENV)/bin/python benchmarks/NAME.py. What there is: benchmarks/README.md"

clean: ## Remove environments, caches and build products, not runs/ and exported/.
	rm -rf $(VENV) $(EDGE_VENV) $(DOCS_VENV) .arm64 .cache web/node_modules pipeline/tlpipe/website/built
	rm -rf .pytest_cache .grimp_cache .import_linter_cache .mypy_cache .ruff_cache edge/.ruff_cache
	rm -rf build dist edge/build edge/dist pipeline/tlpipe.egg-info edge/tlpipe_edge.egg-info
	find benchmarks edge pipeline scripts tests -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/installed: pyproject.toml edge/pyproject.toml constraints.txt
	$(virtual-environment)
	$(@D)/bin/pip install $(PINNED) -e ./edge -e ".[dev]"
	@touch $@

$(EDGE_VENV)/installed: edge/pyproject.toml constraints.txt
	$(virtual-environment)
	$(@D)/bin/pip install $(PINNED) -e ./edge pytest pytest-xdist
	@touch $@

$(DOCS_VENV)/installed: constraints-docs.txt
	$(virtual-environment)
	$(@D)/bin/pip install $(QUIET) -c constraints-docs.txt zensical mkdocstrings-python ruff
	@touch $@

web/node_modules/installed: web/package-lock.json
	@$(MAKE) --silent node-is-new >/dev/null 2>&1 && npm --version >/dev/null || { \
	  echo "Node.js 20.19 or newer and npm are needed: https://nodejs.org" >&2; exit 1; }
	cd web && npm ci --ignore-scripts --loglevel=error
	@touch $@

# As package.json says; npm would fail with many lines.
node-is-new:
	@node -e "const [major, minor] = process.versions.node.split('.'); process.exit(major > 20 || (major == 20 && minor >= 19) ? 0 : 1)"

# pip is the last thing that venv puts there: without it, an earlier attempt was broken off.
define virtual-environment
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))" 2>/dev/null || { \
	  echo "$(PYTHON): $$($(PYTHON) --version 2>&1 || true); tlpipe needs Python 3.11, 3.12 or 3.13." >&2; \
	  echo "Name one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments: its module venv or ensurepip is missing." >&2; \
	  echo "On Debian, Ubuntu and Raspberry Pi OS: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Installing into $(@D): some minutes, once."
	@test -x $(@D)/bin/pip || $(PYTHON) -m venv --clear $(@D)
endef

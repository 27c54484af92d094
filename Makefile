# What can one do here? `make help` tells. `make demo` and `make test` set up all they need by themselves.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

BIN := .venv/bin
PYTEST := $(BIN)/pytest
BENCH := $(BIN)/python -m bench
# Two workers: the tests wait for brokers and disks more than they compute.
WORKERS ?= 2
PARALLEL := -n $(WORKERS) --dist loadscope

.PHONY: help demo test lint proto soak setup packages lock docs clean
.PHONY: test-unit test-province test-department test-district test-commune

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
		while IFS=$$'\t' read -r target text; do printf '  %-16s %s\n' "$$target" "$$text"; done

demo: ## four tiers on this machine: sign, send, verify at every hop, hand over, prove
	@scripts/system-packages.sh demo
	@scripts/setup.sh
	@$(BIN)/python scripts/demo.py

test: packages lint ## everything that must hold: lint, types, contracts, tests, coverage
	@$(PYTEST) $(PARALLEL) --cov --cov-report=term

lint: setup ## ruff, formatting, mypy, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy scripts tests bench
	@$(BIN)/lint-imports --no-logo

test-unit: setup ## only what needs no service
	@$(PYTEST) $(PARALLEL) tests/unit tests/property tests/architecture

test-province test-department test-district test-commune: packages
	@$(PYTEST) tests/integration/$(@:test-%=%)
test-province: ## integration at the province's node, against a real RabbitMQ
test-department: ## the same, a department's node
test-district: ## the same, a district's node
test-commune: ## the same, a commune's node

soak: packages ## long chaos, soak and fuzz runs (SOAK_MINUTES, SOAK_DOCUMENTS, SOAK_EXAMPLES, SOAK_SEED)
	@scripts/system-packages.sh soak
	@$(PYTEST) -m soak -rA tests/soak

bench-quick: packages ## a look at performance within a minute; fails when a ratio broke bench/thresholds.toml
	@$(BENCH) quick

bench: packages ## every benchmark, some 30 minutes, and one table of all goals
	@$(BENCH) all

BENCHES := bench-accept bench-hops bench-latency bench-fanout bench-growth bench-memory bench-memory-files bench-scale
.PHONY: bench bench-quick bench-growth-postgresql bench-profile $(BENCHES)
$(BENCHES): packages
	@$(BENCH) $(@:bench-%=%)
bench-accept: ## documents per second into the hub
bench-hops: ## documents per second through four tiers, one relay and two, against bare pipelines
bench-latency: ## time on the way when there is room
bench-fanout: ## one directive to 200 offices against 200 documents
bench-growth: ## a store with a million documents against an empty one
bench-growth-postgresql: packages ## the same on PostgreSQL
	@$(BENCH) growth --postgresql
bench-memory: ## memory of hub and relay at full load
bench-memory-files: ## memory of packages near the limit, and of a file of 1 GiB beside its package
bench-profile: packages ## where the time goes, drawn anew into docs/images/performance
	@$(BENCH) profile docs/images/performance
bench-scale: ## a thousand nodes that start and idle; 125,000 agencies imported and searched

proto: setup ## generate the Python stubs from proto/
	@$(BIN)/python scripts/make-proto.py

docs: setup ## draw docs/errors.md and docs/states.md from their tables
	@$(BIN)/python scripts/make-docs.py

lock: setup ## bring requirements.lock up to pyproject.toml (UPGRADE=--upgrade: newest of everything)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --group dev $(UPGRADE) --output-file requirements.lock pyproject.toml
	@scripts/setup.sh

clean: ## remove what building and testing left, the environment included
	@rm -rf .venv .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup:
	@scripts/setup.sh

packages: setup-packages setup

.PHONY: setup-packages
setup-packages:
	@scripts/system-packages.sh test

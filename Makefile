# The commands of chasqui, for GNU make 3.81 (macOS) and newer. ARGS go to the command: make demo ARGS=--once
# Another Python than the newest on PATH: make demo PYTHON=python3.12 (the first time, or after make clean).

ARGS =
BIN = .venv/bin
RUN = .venv/.installed
DEV = .venv/.installed-dev
DEPLOY = .venv/.installed-deploy
SITE = build/docs/.installed
# Processes for the whole suite: whole programs wait more than they work, so one more than there are cores.
WORKERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.NOTPARALLEL: # all stamps write into one .venv
.PHONY: help demo test test-servers fuzz image-test chart-test supply-test lint bench soak proof docs pictures reference lock clean

help: ## show this list
	@awk -F ': .*## ' '/^[a-z-]+: .*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(RUN) ## a real model answers questions about a file, offline (ARGS=--once: and ends)
	@$(BIN)/chasqui demo $(ARGS)

test: $(DEV) ## run the tests (ARGS="-k window")
	$(BIN)/pytest --numprocesses $(WORKERS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

test-servers: $(DEV) ## run the tests of the store on every Redis-protocol server there is, and on a cluster
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile -rs --all-servers tests/adapters/test_redis_*.py $(ARGS)

fuzz: $(DEV) ## run the tests of core with new random inputs
	CHASQUI_TEST_SEED=random $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile tests/core $(ARGS)

image-test: $(DEV) ## build the images and run them for real; as root on Debian it installs a private engine
	$(BIN)/pytest --images -rs -s --timeout 900 tests/deploy/image $(ARGS)

chart-test: $(DEPLOY) ## lint and render the Helm chart with real Helm, and check it against three versions of Kubernetes
	$(BIN)/pytest --charts -rs --numprocesses auto --maxprocesses 4 --dist loadfile tests/deploy/chart $(ARGS)

supply-test: $(DEPLOY) ## lint Dockerfile and workflows, validate the bill of materials
	$(BIN)/pytest --supply -rs tests/deploy/supply $(ARGS)

lint: $(DEV) ## check format, rules, types, layers, dependencies and locks
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python scripts/check_locks.py

bench: $(DEV) ## measure, each figure beside its budget
	@$(BIN)/python -m tests.bench $(ARGS)

soak: $(DEV) ## kill workers and the server for minutes: nothing lost, doubled or out of order
	@$(BIN)/python -m tests.soak $(ARGS)

proof: $(DEV) ## ask `chasqui model serve` with TGI's own clients, and print what each can do
	@$(BIN)/python -m tests.proof

docs: $(SITE) ## build the site of the documents, strictly, into build/site
	@NO_MKDOCS_2_WARNING=1 build/docs/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html"

pictures: $(DEV) ## draw the pictures of the documents anew, from real runs (ARGS="demo kb": these)
	@$(BIN)/python -m tests.pictures $(ARGS)

reference: $(DEV) ## write docs/reference/, the chart's values and the dashboard anew from the code
	@$(BIN)/python scripts/chart.py
	@$(BIN)/python scripts/reference.py
	@$(BIN)/python scripts/dashboard.py

lock: ## write the locks anew with uv (ARGS=--upgrade: newest versions)
	@$(SHELL) scripts/lock.sh $(ARGS)

clean: ## remove .venv and every cache
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	find core adapters bots tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is written last, so an interrupted set-up has none. Each lock holds all of the one before it.
$(RUN): requirements.lock pyproject.toml $(BIN)/python
	@PYTHON='$(PYTHON)' $(SHELL) scripts/install.sh requirements.lock $(RUN)

$(DEV): requirements-dev.lock pyproject.toml $(BIN)/python
	@PYTHON='$(PYTHON)' $(SHELL) scripts/install.sh requirements-dev.lock $(DEV) $(RUN)

$(DEPLOY): requirements-deploy.lock pyproject.toml $(BIN)/python
	@PYTHON='$(PYTHON)' $(SHELL) scripts/install.sh requirements-deploy.lock $(DEPLOY) $(DEV) $(RUN)

$(SITE): requirements-docs.lock $(DEV)
	$(BIN)/python -m venv --clear build/docs
	build/docs/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary=:all: -r requirements-docs.lock
	@touch $@

# Gone or newer when the Python below .venv was removed or upgraded: then the stamps no longer count.
$(BIN)/python: ;

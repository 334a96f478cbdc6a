# Only Python, make and pip are needed. Everything lives in .venv, pinned by requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-compile --constraint requirements.lock

.PHONY: demo test slow check format axe faults faults-alerts faults-evaluators hostile bench-backlog bench-dashboard metrics bench bench-growth bench-drift wheel-test lock clean

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: pyproject.toml sdk/pyproject.toml requirements.lock | $(VENV)/bin/python
	$(PIP) --editable sdk --editable '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.base
	$(PIP) --editable sdk --editable '.[dev]'
	touch $@

demo: $(VENV)/.base  ## The whole product with real traffic, on this machine, in a temporary directory
	$(BIN)/watchglass demo

test: $(VENV)/.dev  ## Every test that fits in minutes
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

slow: $(VENV)/.dev  ## The tests that `make test` leaves out: more of the browser, and what waits long
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m slow

check: $(VENV)/.dev  ## What a commit must pass
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev  ## Pin what is installed now
	$(BIN)/python -m pip --disable-pip-version-check freeze --exclude-editable > requirements.lock

clean:
	rm -rf $(VENV)

$(VENV)/axe-core/axe.min.js:
	mkdir -p $(@D)
	cd $(@D) && npm pack --silent axe-core@4.14.1 && tar -xzf axe-core-*.tgz --touch --strip-components 1 package/axe.min.js

axe: $(VENV)/.dev $(VENV)/axe-core/axe.min.js  ## Accessibility of every page by axe-core, which npm fetches
	$(BIN)/python -m pytest tests/dashboards/browser/test_accessibility.py

wheel-test: $(VENV)/.dev  ## Build both wheels, install them outside the tree, run a smoke
	$(BIN)/python tests/wheel_test.py

bench: $(VENV)/.dev  ## Figures for docs/performance.md; with `--quick` each fits in a minute
	$(BIN)/watchglass bench ingest
	$(BIN)/watchglass bench evaluate
	$(BIN)/watchglass bench alerts

bench-growth: $(VENV)/.dev  ## Whether ingest costs the same with 1 and 10 million spans in the tables; long
	$(BIN)/python benchmarks/ingest.py --grow 1000000 10000000

bench-dashboard: $(VENV)/.dev  ## Pages on 10 million calls while spans come in: queries, click to idle, memory
	$(BIN)/python benchmarks/dashboard.py

bench-drift: $(VENV)/.dev  ## False-alarm and power tables; EVIDENTLY=/path/to/python puts Evidently's beside them
	$(BIN)/python benchmarks/drift.py $(if $(EVIDENTLY),--evidently $(EVIDENTLY))

metrics: $(VENV)/.dev  ## Reference metrics beside sacreBLEU and rouge-score on 10,000 pairs
	WATCHGLASS_PAIRS=10000 $(BIN)/python -m pytest tests/evaluators/library/test_same_numbers.py --timeout 3600

faults: $(VENV)/.dev  ## 200 seeds of the fault suite, on disk; the report goes to docs/crash-tests.md
	TMPDIR=$${TMPDIR:-/tmp} WATCHGLASS_FAULTS_SEEDS=200 WATCHGLASS_FAULTS_KILLS=10 WATCHGLASS_FAULTS_REPORT=docs/crash-tests.md $(BIN)/python -m pytest tests/faults --timeout 36000

faults-evaluators: $(VENV)/.dev  ## 200 seeds of the evaluators' faults; the report goes to docs/crash-tests-evaluators.md
	WATCHGLASS_EVALUATOR_SEEDS=200 WATCHGLASS_EVALUATOR_REPORT=docs/crash-tests-evaluators.md $(BIN)/python -m pytest tests/evaluators/test_faults.py tests/evaluators/test_crashes.py tests/evaluators/judge/test_several_endpoints.py --timeout 36000

bench-backlog: $(VENV)/.dev  ## A million calls drained by two workers, of which one is killed every minute
	$(BIN)/python benchmarks/backlog.py

faults-alerts: $(VENV)/.dev  ## 200 seeds of the alerts' faults; the report goes to docs/crash-tests-alerts.md
	WATCHGLASS_ALERT_SEEDS=200 WATCHGLASS_ALERT_REPORT=docs/crash-tests-alerts.md $(BIN)/python -m pytest tests/alerts/test_faults.py

hostile: $(VENV)/.dev  ## Hostile inputs with the shipped limits, a trace of a million spans and bombs of 64 MiB
	WATCHGLASS_HOSTILE=full $(BIN)/python -m pytest tests/hostile --timeout 3600

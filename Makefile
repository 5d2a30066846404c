# `make help` lists the targets. It works with GNU make from 3.81, which macOS has.
PYTHON ?= python3
JOBS ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin
PYTHON_M := $(BIN)/python -m
INSTALL := $(PYTHON_M) pip --disable-pip-version-check --quiet install -c constraints.txt
# Several processes with several threads each would steal each other's cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
# $(call given,SEED LAYERS) is `--seed '7'` where SEED alone is set; other defaults are gradproof's.
given = $(foreach name,$(1),$(if $($(name)),--$(shell echo $(name) | tr A-Z a-z) '$($(name))'))

.PHONY: verify test soak mutants lint bench rivals mutation enclosures outsiders others calibrate example docs docs-check
.PHONY: test-pythons clean help

verify: .venv/.complete  ## draw, judge, report [PROFILE= EXAMPLES= SEED= LAYERS= JOBS=]
	$(BIN)/gradproof verify $(call given,PROFILE EXAMPLES SEED LAYERS JOBS)
test: lint  ## lint, then run all tests [JOBS=]
	$(PYTHON_M) pytest -n '$(JOBS)'
soak: .venv/.complete  ## judge very many networks, or go on [NETWORKS= SEED= MINUTES= JOBS=]
	$(BIN)/gradproof soak $(call given,NETWORKS SEED MINUTES JOBS)
mutants: .venv/.complete  ## plant bugs and count those that are found [LAYERS= SEED= JOBS=]
	$(BIN)/gradproof mutants $(call given,LAYERS SEED JOBS)
lint: .venv/.complete  ## check style, types and the form of the repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sp-repo-review .
bench: .venv/.complete  ## time both sides, and what a verdict costs
	$(PYTHON_M) benchmarks
	$(PYTHON_M) benchmarks.verdict_cost
rivals: .venv/.rivals  ## compare with other gradient checkers (ten minutes) [LAYERS= SEED=]
	$(PYTHON_M) benchmarks.rivals $(call given,LAYERS SEED)
mutation: .venv/.mutation  ## change the judge's code; do its tests notice? (an hour) [SEED= JOBS=]
	$(PYTHON_M) benchmarks.mutation $(call given,SEED JOBS)
enclosures: .venv/.complete  ## compare both sides with proved derivatives
	$(PYTHON_M) benchmarks.enclosures
	$(PYTHON_M) benchmarks.torch_accuracy
outsiders: .venv/.complete  ## judge right and wrong layers of other kinds (20 min)
	$(PYTHON_M) benchmarks.outsiders
others: .venv/.complete  ## judge published packages (an hour); the network is needed
	$(PYTHON_M) benchmarks.others
	$(PYTHON_M) docs.findings
calibrate: .venv/.complete  ## try other bounds, orders and precisions (20 min) [LAYERS= SEED=]
	$(PYTHON_M) benchmarks.calibrate $(call given,LAYERS SEED)
	$(PYTHON_M) benchmarks.separation $(call given,LAYERS SEED)
example: .venv/.complete  ## write reports/example, the example of a report
	$(PYTHON_M) reports.make_example
docs: .venv/.docs  ## build the documentation in docs/_build/html
	$(PYTHON_M) sphinx -q -W --keep-going -b html docs docs/_build/html
docs-check: docs  ## look at every page of the documentation in a browser [BROWSER=]
	$(PYTHON_M) docs.in_browser $(BROWSER)
test-pythons: .venv/.complete  ## test on all Pythons, and with the oldest and newest packages
	$(BIN)/nox
clean:  ## remove the virtual environment and all that the other targets make
	rm -rf .venv .nox build dist docs/_build reports/latest reports/runs
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
help:  ## print this list
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "%-14s%s\n", $$1, $$2}' Makefile

# The file is touched last, so a set-up that was interrupted starts again. Groups need pip 25.1.
.venv/.complete: pyproject.toml constraints.txt
	@echo "setting up .venv (about two minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed; name one: make PYTHON=python3.11")'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@$(INSTALL) pip
	@$(INSTALL) hatchling editables
	@$(INSTALL) --no-build-isolation -e '.[proof,report,terminal,torch]' --group test --group lint
	@touch $@
.venv/.%: .venv/.complete  # what one dependency group needs
	@$(INSTALL) --group $*
	@touch $@

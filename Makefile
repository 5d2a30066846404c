# verify, test, mutants and bench are what people run; the CI runs the same targets.
PYTHON ?= python3
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
STAMP := $(VENV)/.complete

# One thread for each process: several processes with several threads each steal each other's cores.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# Passed on only where set, so that gradproof's own defaults and checks are the only ones.
OPTIONS = $(if $(PROFILE),--profile '$(PROFILE)') $(if $(EXAMPLES),--examples '$(EXAMPLES)') \
          $(if $(SEED),--seed '$(SEED)') $(if $(LAYERS),--layers '$(LAYERS)') --jobs '$(JOBS)'
SOAK = $(if $(NETWORKS),--networks '$(NETWORKS)') $(if $(SEED),--seed '$(SEED)') \
       $(if $(MINUTES),--minutes '$(MINUTES)') --jobs '$(JOBS)'
HUNT = $(if $(SEED),--seed '$(SEED)') $(if $(LAYERS),--layers '$(LAYERS)') --jobs '$(JOBS)'

# GNU make turns every failure into 2, but 1 (disagrees) and 2 (could not run) must stay apart. In
# question mode make exits with 1 at the first line that it would have to run; lines with + run all
# the same. So where a judging target is the only goal, all of its lines have a +, and a status of 1
# leaves a line without one for make to stop at.
JUDGING := verify soak mutants
ifneq ($(filter $(JUDGING),$(MAKECMDGOALS)),)
ifeq ($(words $(MAKECMDGOALS)),1)
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
MAKEFLAGS += -q
RUN := +
VERDICT := $(VENV)/.verdict
endif
endif
endif

# judge COMMAND: run it, and keep a status of 1 for `disagrees` where make would turn it into 2.
define judge
$(RUN)@rm -f '$(VENV)/.verdict'; status=0; $(1) || status=$$?; \
if [ $$status -eq 1 ] && [ -n '$(VERDICT)' ]; then touch '$(VERDICT)'; else exit $$status; fi
endef
disagrees = $(if $(VERDICT),$(shell [ ! -e '$(VERDICT)' ] || echo exit 1))

.PHONY: verify run-verify soak run-soak mutants run-mutants test test-pythons lint
.PHONY: bench calibrate enclosures mutation rivals example docs clean help

verify: run-verify  ## draw networks, run both sides, judge and report [PROFILE= EXAMPLES= SEED= LAYERS= JOBS=]
	$(disagrees)

run-verify: $(STAMP)
	$(call judge,$(BIN)/gradproof verify $(OPTIONS))

soak: run-soak  ## judge very many networks, or go on with it [NETWORKS= SEED= MINUTES= JOBS=]
	$(disagrees)

run-soak: $(STAMP)
	$(call judge,$(BIN)/gradproof soak $(SOAK))

mutants: run-mutants  ## plant wrong backward passes and see whether the judge finds them [LAYERS= SEED= JOBS=]
	$(disagrees)

run-mutants: $(STAMP)
	$(call judge,$(BIN)/gradproof mutants $(HUNT))

test: lint  ## lint, then the whole test suite
	$(BIN)/python -m pytest -n '$(JOBS)'

test-pythons: $(STAMP)  ## the half without torch, on Python 3.11, 3.12 and 3.13 [ALLOW_MISSING=1]
	PATH="$(PYENVS)$$PATH" $(BIN)/nox $(if $(ALLOW_MISSING),--no-error-on-missing-interpreters)

# pyenv's shims exist for versions that are not switched on, and then fail: look behind them.
space := $(subst ,, )
PYENV_ROOT ?= $(HOME)/.pyenv
PYENVS = $(subst $(space),,$(patsubst %,%:,$(wildcard $(PYENV_ROOT)/versions/3.1[123].*/bin)))

lint: $(STAMP)  ## style, types and the form of the repository
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sp-repo-review .

bench: $(STAMP)  ## side-by-side timings
	$(BIN)/python -m benchmarks

rivals: $(VENV)/.rivals  ## gradproof beside other gradient checkers (about ten minutes)
	$(BIN)/python -m benchmarks.rivals

mutation: $(VENV)/.mutation  ## small changes in the judge's own code, and which the tests notice (an hour)
	$(BIN)/python -m benchmarks.mutation --jobs '$(JOBS)' $(if $(SEED),--seed '$(SEED)')

enclosures: $(STAMP)  ## both sides against proved derivatives, and where PyTorch is not accurate
	$(BIN)/python -m benchmarks.enclosures
	$(BIN)/python -m benchmarks.torch_accuracy

calibrate: $(STAMP)  ## false alarms against sensitivity, for other bounds than the judge's (some minutes)
	$(BIN)/python -m benchmarks.calibrate

example: $(STAMP)  ## the example of a report, in reports/example
	$(BIN)/python -m reports.make_example

docs: $(VENV)/.docs  ## the documentation, in docs/_build/html
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

clean:  ## remove everything that is made, the virtual environment too
	rm -rf $(VENV) .nox build dist docs/_build reports/latest reports/runs
	rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# Dependency groups need pip 25.1. The stamp is touched last, so a set-up that broke off starts again.
$(STAMP): pyproject.toml constraints.txt
	$(RUN)@echo "setting up $(VENV) (about two minutes)"
	$(RUN)@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than Python 3.11; name another one: make PYTHON=python3.11" >&2; exit 2; }
	$(RUN)@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(RUN)@$(PIP) install -c constraints.txt pip
	$(RUN)@$(PIP) install -c constraints.txt hatchling editables
	$(RUN)@$(PIP) install -c constraints.txt --no-build-isolation -e '.[proof,report,terminal,torch]' \
	  --group test --group lint
	$(RUN)@touch $(STAMP)

$(VENV)/.docs: $(STAMP)
	$(PIP) install -c constraints.txt --group docs
	touch $(VENV)/.docs

$(VENV)/.rivals: $(STAMP)
	$(PIP) install -c constraints.txt --group rivals
	touch $(VENV)/.rivals

$(VENV)/.mutation: $(STAMP)
	$(PIP) install -c constraints.txt --group mutation
	touch $(VENV)/.mutation

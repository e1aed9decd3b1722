# `make lab` opens the tuning lab, `make test` checks everything. Nothing is installed outside .venv.

PYTHON ?= python3
# passed on to JupyterLab, such as LAB_ARGS="--no-browser --port 9999"
LAB_ARGS ?=
# a further package index to take torch from, such as https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=

# what notebooks start with while they are checked: the real encoder on a small part of the corpus, in 48 steps
FAST := {"train_limit": 96, "dev_limit": 48, "epochs": 2, "batch_size": 4}

VENV := .venv
PY := $(VENV)/bin/python
# Modules are compiled when they are imported: of most of what is installed, few ever are.
PIP_INSTALL := $(PY) -m pip install --disable-pip-version-check --no-compile $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

# What is installed is told by stamps named after the content of the files that say so: a checkout that only touches
# their times installs nothing again, and an interrupted installation leaves no stamp.
INSTALLED := $(VENV)/.installed-$(shell cat requirements.txt pyproject.toml | cksum | tr ' ' '-')
INSTALLED_DEV := $(VENV)/.installed-dev-$(shell cat requirements-dev.txt requirements-docs.txt requirements.txt | cksum | tr ' ' '-')

# Fresh each time, as some warnings come only when a page is read.
SPHINX := $(PY) -m sphinx --conf-dir docs --fail-on-warning --keep-going --nitpicky --fresh-env --jobs auto --quiet

# Whoever is done first takes over tests of others: few files have most of the work.
UNIT := $(PY) -m pytest --ignore=tests/browser --numprocesses auto --maxprocesses 4 --dist worksteal

# The kernel that notebooks find is the one in .venv, whatever else is registered for this user.
export JUPYTER_PREFER_ENV_PATH := 1

.DEFAULT_GOAL := help
.PHONY: help lab test test-long setup setup-dev fetch lint docs docs-links unit notebooks browser translations check-wheel check-ranges
# In this order, also under -j, so that the output can be read.
.NOTPARALLEL:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

lab: setup fetch ## open JupyterLab on the tuning lab
	$(PY) -m labkit lab --ServerApp.ip=127.0.0.1 $(LAB_ARGS)

test: setup-dev fetch lint docs unit notebooks browser ## check everything: style, types, documentation, tests, notebooks, browser
	@echo "All checks passed."

test-long: setup-dev fetch ## the tests that need no browser, each in all its cases
	$(UNIT) -m "long or not long"

setup: $(INSTALLED) ## create .venv and install labkit with what it needs

fetch: setup ## fetch and verify the pinned encoder and corpora
	@$(PY) -m labkit fetch

lint: setup-dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

unit: setup-dev fetch ## the tests that need no browser
	$(UNIT)

notebooks: setup-dev fetch ## run all notebooks, quickly, and compare their stable outputs
	@runs=$$(mktemp -d) && trap 'rm -rf "$$runs"' EXIT && set -x && LABKIT_DEFAULTS='$(FAST)' LABKIT_RUNS="$$runs" \
		$(PY) -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg notebooks

docs: setup-dev ## build the documentation into build/docs; a warning or a broken link is an error
	$(SPHINX) --builder html . build/docs
	@echo "The documentation is in build/docs/index.html"

docs-links: setup-dev ## visit the documentation's external links
	$(SPHINX) --builder linkcheck . build/docs-links

browser: setup-dev fetch ## drive a real JupyterLab in chromium
	$(PY) -m pytest tests/browser

translations: setup-dev ## extract the texts from the source, update and compile the catalogues
	$(PY) -m tools.translations

# In both, torch stays the pinned one, as another may be gigabytes of CUDA.
check-wheel: setup-dev ## install the wheel with its dependencies into an empty environment, and use it there
	@mkdir -p build && grep '^torch==' requirements.txt >build/torch.txt
	PIP_CONSTRAINT=$(CURDIR)/build/torch.txt $(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) LABKIT_WHEEL_FROM_INDEX=1 \
		$(PY) -m pytest tests/test_wheel.py --timeout 1800

check-ranges: ## try the lowest and the newest versions that the wheel allows
	@set -ex; for end in lowest newest; do \
		$(PYTHON) -m venv --clear build/$$end; \
		grep '^torch==' requirements.txt >build/$$end.txt; \
		[ $$end = newest ] || sed -n '/^    "torch/!s/^    "\([^>]*\)>=\([^,"]*\).*/\1==\2/p' pyproject.toml >>build/$$end.txt; \
		build/$$end/bin/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
			--constraint build/$$end.txt --editable . babel pytest pytest-timeout pytest-xdist seqeval; \
		build/$$end/bin/python -m pytest --numprocesses 2 --dist loadfile tests/cli tests/data tests/lab tests/model \
			tests/plots tests/runs; \
	done

setup-dev: $(INSTALLED_DEV)

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "labkit needs Python 3.11 or later, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." >&2; \
		echo "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
		echo "Could not create $(VENV); on Debian and Ubuntu it needs: apt-get install python3-venv" >&2; exit 1; }

$(INSTALLED): | $(PY)
ifeq ($(TORCH_INDEX)$(shell uname -s)$(shell command -v nvidia-smi 2>/dev/null),Linux)
	@echo "No NVIDIA driver found. Should pip below start to download CUDA (about 2 GB), stop it, and call instead:"
	@echo "    make $(or $(MAKECMDGOALS),setup) TORCH_INDEX=https://download.pytorch.org/whl/cpu"
endif
	$(PIP_INSTALL) -r requirements.txt
	$(PIP_INSTALL) --no-deps --editable .
	@rm -f $(VENV)/.installed-[0-9]*
	@touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(PIP_INSTALL) -r requirements-dev.txt
	@rm -f $(VENV)/.installed-dev-*
	@touch $@

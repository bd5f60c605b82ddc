# Each target makes whatever environment it needs in .venv, once. There must be Python 3.11 to 3.13, git and make.
# Another Python: make test PYTHON=/path/to/python3.12

.PHONY: help demo test lab apps benchmark notebooks site alive slides archive screenshots samples lint clean

# TensorFlow keeps its memory from step to step: trainings take two thirds of the time (benchmarks/kept_memory.py)
export MALLOC_ARENA_MAX = 1
export MALLOC_MMAP_MAX_ = 0
export MALLOC_TRIM_THRESHOLD_ = -1

help:
	@echo "make demo       check, train three networks, track the held-out movie and score it: demo/"
	@echo "make test       all tests"
	@echo "make lab        the notebooks in JupyterLab"
	@echo "make apps       a page from which each dashboard opens as a page of its own, without code"
	@echo "make benchmark  measure what docs/results.md claims"
	@echo "make notebooks  write all notebooks again, from notebooks/source; bring apps and apps/source into step"
	@echo "make site       the course to read, with all figures: build/site/html/; QUICK=1: run with the tests' numbers"
	@echo "make alive      the three networks on a page of their own, in the browser: build/site/html/networks.html; needs npm"
	@echo "make slides     the slides of the lecture: build/slides/html/"
	@echo "make archive    the course as one file, to take along; WHEELS=1: with all packages that it needs"
	@echo "make screenshots  the pictures of dashboards in README.md again; needs Chromium"
	@echo "make samples    make data_samples again"
	@echo "make lint       check style"
	@echo "make clean      remove .venv and what tools left behind; runs/ and demo/ stay"

demo: .venv/ready
	$(RUN) -m organoid_kit demo

# Two processes of one thread each; files with slow tests come first (tests/conftest.py), so that both end together
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: export TF_NUM_INTRAOP_THREADS = 1
test: export TF_NUM_INTEROP_THREADS = 1
test: .venv/ready-dev
	$(RUN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=40 $(OPTIONS)

lab: .venv/ready-lab
	$(RUN) -m jupyter lab notebooks/00_start_here.ipynb

apps: .venv/ready-lab
	JUPYTER_PATH=apps/start_page $(RUN) -m voila apps --classic-tree --template=organoid_kit --token --Voila.ip=127.0.0.1

benchmark: .venv/ready-dev
	@worst=0; for script in benchmarks/[a-z]*.py; do \
	    echo "== $$script"; $(RUN) "$$script"; status=$$?; \
	    if [ $$status -gt $$worst ]; then worst=$$status; fi; \
	done; exit $$worst

notebooks: .venv/ready-dev
	$(RUN) notebooks/make_variants.py
	$(RUN) -m jupytext --sync apps/source/*.py

site: .venv/ready-dev
	$(RUN) docs/site/make_site.py $(if $(QUICK),--quick)

alive: .venv/ready-dev
	$(RUN) docs/site/alive/make_page.py

slides: .venv/ready-dev
	$(RUN) docs/teaching/slides/make_slides.py

archive: .venv/ready-dev
	$(RUN) docs/teaching/make_archive.py $(if $(WHEELS),--wheels)

screenshots: .venv/ready-dev
	$(RUN) docs/make_pictures.py

samples: .venv/ready
	$(RUN) data_samples/make_samples.py

lint: .venv/ready-dev
	$(RUN) -m ruff check
	$(RUN) -m ruff format --check

clean:
	rm -rf .venv .venv-* .pytest_cache .ruff_cache .hypothesis

# ---- the environment ----------------------------------------------------------------------------------------------
# A stamp is written only after all that it stands for has succeeded; an environment without one is made anew.

RUN := .venv/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install -q
SUITABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
CANDIDATES := python3.11 python3.12 python3.13 python3 python
PYTHON = $(shell for p in $(CANDIDATES); do $$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)

.venv/ready: pyproject.toml
	@python='$(PYTHON)'; "$${python:-false}" -c '$(SUITABLE)' 2>/dev/null || { \
	    echo "organoid_kit needs Python 3.11 to 3.13 with its modules venv and ensurepip (Debian: python3.11-venv)."; \
	    echo "Received: $${python:-none of $(CANDIDATES) will do; python3 is $$(python3 --version 2>&1 | head -n 1)}."; \
	    echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11"; exit 1; }; \
	echo "Setting up .venv with $$("$$python" --version). This takes a minute or two, once."; \
	test -e $@ || "$$python" -m venv --clear .venv
	@$(PIP) -e ".[cpu,scores]"
	@touch $@

.venv/ready-dev: .venv/ready
	@echo "Adding the test tools to .venv."
	@$(PIP) -e ".[cpu,jax,formats,bioimageio,lab,dev,docs]"
	@touch $@

.venv/ready-lab: .venv/ready
	@echo "Adding JupyterLab to .venv."
	@$(PIP) -e ".[cpu,formats,lab]"
	@touch $@

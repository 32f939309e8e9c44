# Local commands are what CI runs.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Keeps the output of recipes apart that run at the same time; the make of macOS cannot.
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
# Only files with such tests: to collect all of them takes longer than many a test.
FILES = $(sort $(shell grep -rl 'mark\.$(1)' --include='test_*.py' tests))

# Seconds of the commit: what is built twice has the same bytes.
EPOCH = $(shell git log -1 --format=%ct)

.PHONY: docs reference help test-waiting setup quickstart dist test test-all test-alone test-beside test-ray test-hosts test-faults test-store test-s3 test-fast check style types format clean

help:  ## Show this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/'

.venv/.done: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Compound needs python >= 3.11" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	# pip unpacks and compiles on one core. Here two of it unpack, then all cores compile.
	grep -v '^#' requirements.lock | xargs -n 40 -P 2 $(PIP) --no-compile --no-deps
	# What the build of torch needs is not in the lock: libraries of CUDA, for one.
	$(PIP) --no-compile -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	# Some packages have files for a later Python.
	$(BIN)/python -m compileall -j 0 -qq -x '[/]tests?/' .venv/lib || true
	touch $@

setup: .venv/.done  ## Make .venv from the lock, with the command at .venv/bin/compound

quickstart: setup  ## Search, verdict, family and report on photographs of clothes
	$(BIN)/compound run examples/quickstart.yaml

check: style types  ## Lint, format and types

style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

# Tests on Ray and on several hosts often wait, one after another, and take the longest: what only
# computes runs beside them and gives way to them.
test: style  ## Everything that needs no GPU, buckets too: what CI runs
	$(MAKE) --jobs=3 $(SYNC) test-waiting test-beside

test-waiting: setup  ## The part of `test` on one Ray, then on several hosts
	$(MAKE) test-ray
	$(MAKE) test-hosts

test-beside: setup
	nice -n 10 $(MAKE) types test-alone

test-alone: setup  ## The part of `test` without Ray and hosts
	$(BIN)/pytest -n auto --dist loadfile --durations=50 -m "not gpu and not ray and not hosts"

test-ray: setup  ## The part of `test` on one Ray
	$(BIN)/pytest --durations=50 -m "ray and not gpu" $(call FILES,ray)

test-hosts: setup  ## The part of `test` on several hosts
	$(BIN)/pytest --durations=50 -m "hosts and not gpu" $(call FILES,hosts)

test-all: check  ## `test` with every back end and full numbers, and all faults: hours
	COMPOUND_LONG=1 $(MAKE) test-alone
	COMPOUND_LONG=1 $(MAKE) test-ray
	$(MAKE) test-hosts
	$(MAKE) test-faults

test-faults: setup  ## Hosts cut off, frozen, drained, drivers and workers killed: about 20 minutes
	COMPOUND_FAULTS=1 $(BIN)/pytest -m "hosts or slow" tests/cluster/test_host_faults.py tests/cluster/test_random_kills.py
	COMPOUND_FAULTS=1 $(BIN)/pytest -m slow tests/jobs/data/test_progressive_resizing.py
	$(BIN)/python -m benchmarks.kills --kills 20

test-store: setup  ## The store on disk with full numbers: flipped bits, fuzzed files, crashes, rounds
	COMPOUND_LONG=1 $(BIN)/pytest -n auto -m "slow and not s3" tests/jobs/store

test-s3: setup  ## The store in three kinds of buckets, with full numbers, and a study on Swift: an hour
	COMPOUND_LONG=1 $(BIN)/pytest -n auto -m s3 tests/jobs/store
	COMPOUND_LONG=1 $(BIN)/pytest -m s3 tests/cluster/test_bucket.py

test-fast: setup  ## Without Ray, hosts, buckets and long tests
	$(BIN)/pytest -m "not ray and not hosts and not s3 and not slow and not gpu"

docs: setup  ## Build the pages into build/docs, offline; a warning is an error
	$(BIN)/sphinx-build -W --keep-going --nitpicky --quiet -d build/doctrees docs build/docs
	@echo build/docs/index.html

reference: setup  ## Write the pages that are made from the code: keys and commands
	$(BIN)/python -m docs.write_reference

format: setup  ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dist:  ## sdist and wheel of the commit in dist/, the same bytes each time
	rm -rf dist && mkdir -p dist/tree dist/source
	umask 022; git archive HEAD | tar -x -C dist/tree
	umask 022; SOURCE_DATE_EPOCH=$(EPOCH) $(BIN)/python -m build --no-isolation --outdir dist dist/tree
	# setuptools writes today's times into the sdist.
	tar -xzf dist/*.tar.gz -C dist/source
	tar --sort=name --mtime=@$(EPOCH) --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
	  -C dist/source -c "$$(ls dist/source)" | gzip -n9 > "$$(ls dist/*.tar.gz)"
	rm -rf dist/tree dist/source

clean:  ## Remove the environment and caches; studies stay
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

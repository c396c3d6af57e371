# Every target does its own set-up: on a fresh machine Python (3.10 to 3.13) alone is needed.
PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python
PYTEST := $(PY) -m pytest
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)
DUMP ?=
DEMO ?= demo
# What each kind of work installs; the text corpus needs none of the heavy extras.
DEMO_EXTRAS := demo,serve
LIGHT_EXTRAS := elasticsearch,serve,storage,dev-light
BENCH_EXTRAS := demo,bench
TRAINING_EXTRAS := training,small-encoder
TEST_EXTRAS := elasticsearch,image,training,explore,serve,storage,dev

.PHONY: help setup demo demo-training test test-light test-slow lint format bench bench-text-index bench-planted constraints clean

help:  ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.installed-test  ## make the virtual environment with everything that the tests need

$(PY):
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip

$(VENV)/.installed-demo: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[$(DEMO_EXTRAS)]'
	@touch $@

$(VENV)/.installed-light: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[$(LIGHT_EXTRAS)]'
	@touch $@

$(VENV)/.installed-bench: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[$(BENCH_EXTRAS)]'
	@touch $@

$(VENV)/.installed-training: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[$(TRAINING_EXTRAS)]'
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet --constraint constraints.txt --editable '.[$(TEST_EXTRAS)]'
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed-light $(VENV)/.installed-training

demo: $(VENV)/.installed-demo  ## build the corpus of 106 real Wikipedia articles and search it
	$(PY) -m pipelines.demo --output $(DEMO)/kc

test: $(VENV)/.installed-test  ## run all tests that this machine can run, but those that train for minutes
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m 'not slow'

test-slow: $(VENV)/.installed-test  ## run the tests that train for minutes
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m slow

test-light: $(VENV)/.installed-light  ## run the tests that need neither torch nor a server, in minutes
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m 'not torch and not service and not slow'

lint: $(VENV)/.installed-test  ## check format, style and types
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy

format: $(VENV)/.installed-light  ## format the code
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

bench: $(VENV)/.installed-bench  ## the whole build against bz2 decompression, the extractor beside its peers (DUMP=...)
	$(PY) -m tests.bench.bench_build $(if $(DUMP),--dump '$(DUMP)')
	$(PY) -m tests.bench.bench_extract --peers $(if $(DUMP),--dump '$(DUMP)')
	$(PY) -m tests.bench.bench_hostile

bench-text-index: $(VENV)/.installed-bench  ## time the text index on invented articles, beside tantivy and bm25s
	$(PY) -m tests.bench.bench_text_index --beside tantivy bm25s

bench-planted: $(VENV)/.installed-test  ## show on planted data that experts, gate and mixture do their work
	$(PY) -m tests.bench.bench_planted

demo-training: $(VENV)/.installed-training  ## from nothing to a trained mixture and its report, on planted data
	$(PY) -m training.demo --output $(DEMO)/training

constraints:  ## pin everything anew
	$(PYTHON) -m venv $(VENV)-pin && $(VENV)-pin/bin/python -m pip install --quiet uv
	$(VENV)-pin/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.10 \
	  --no-annotate --no-header --quiet --output-file $(VENV)-pin/pins.txt
	@{ sed -n '/^#/p' constraints.txt; cat $(VENV)-pin/pins.txt; } > constraints.txt.tmp && mv constraints.txt.tmp constraints.txt

clean:  ## remove what the demo and the tests wrote (not the virtual environment)
	rm -rf $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis

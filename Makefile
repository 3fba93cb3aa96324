# Verbs for people and for CI. Everything happens in .venv, from pinned versions.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?=

.PHONY: install demo test check bench bench-full-size bench-evaluation bench-seeds clean

install: .venv/installed  ## the environment alone

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

data/scenes/training: | .venv/installed
	$(BIN)/detstudy data draw data/scenes

demo: install data/scenes/training  ## a real study on embedded data, and its report
	$(BIN)/detstudy run studies/scenes.yaml $(if $(WORKERS),--workers $(WORKERS))

test: install  ## all tests, on two cores in a few minutes
	$(BIN)/python -m pytest --numprocesses 2

check: install  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: bench-evaluation bench-seeds bench-full-size  ## each part at most 30 minutes; results stand in docs/

bench-evaluation: install  ## matching and AP against pycocotools
	$(BIN)/python benchmarks/evaluation_speed.py

bench-seeds: install  ## the scenes study's baseline on frames never used while tuning it
	$(BIN)/python benchmarks/fresh_scenes.py

bench-full-size: install  ## two iterations of the reference study's settings at full size, under a memory limit
	$(BIN)/python benchmarks/full_size.py

clean:  ## everything that was made
	rm -rf .venv data results

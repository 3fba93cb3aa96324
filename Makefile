# Verbs for people and for CI. Everything happens in .venv, from pinned versions.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?=
TORCH ?=
TORCHVISION ?=

BENCHES := bench-faults bench-fuzz bench-large-annotations bench-forecast bench-evaluation bench-calibration bench-same-setting bench-convergence bench-trade-off bench-seeds bench-full-size

.PHONY: install demo test coverage check bench $(BENCHES) clean

install: .venv/installed  ## the environment alone; TORCH=2.11.0 TORCHVISION=0.26.0 takes this pair, not the pinned one

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(if $(TORCH),grep -vE '^(torch|torchvision|triton|nvidia-.*|cuda-.*)==',cat) constraints.txt > .venv/constraints.txt
	$(if $(TORCH),printf '%s\n' torch==$(TORCH) torchvision==$(TORCHVISION) >> .venv/constraints.txt)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .venv/constraints.txt --editable '.[dev]'
	touch $@

data/scenes/training: | .venv/installed
	$(BIN)/detstudy data draw data/scenes

demo: install data/scenes/training  ## a real study on embedded data, and its report
	$(BIN)/detstudy run studies/scenes.yaml $(if $(WORKERS),--workers $(WORKERS))

test: install  ## all tests, on two cores in a few minutes
	$(BIN)/python -m pytest --numprocesses 2

coverage: install  ## all tests, and which lines they run, those of worker processes counted
	$(BIN)/python -m pytest --numprocesses 2 --cov --cov-report=term --cov-report=markdown:coverage.md

check: install  ## style, types, and who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini
	$(BIN)/lint-imports --no-cache --no-logo

bench: $(BENCHES)  ## everything measured; results stand in docs/

bench-evaluation: install  ## matching and AP against pycocotools
	$(BIN)/python benchmarks/evaluation_speed.py

bench-calibration: install  ## false claims, coverage, width and power on simulated studies
	$(BIN)/python benchmarks/calibration.py

bench-same-setting: install data/scenes/training  ## real trainings compared with others of the same setting
	$(BIN)/python benchmarks/same_setting.py

bench-convergence: install  ## how often a curve is called rising or flat wrongly; RUNS=folder adds real curves
	$(BIN)/python benchmarks/convergence.py $(RUNS)

bench-trade-off: install  ## how far noise moves the setting that is cheap enough
	$(BIN)/python benchmarks/trade_off.py

bench-faults: install  ## 200 rounds of kills, full disks, damage: what is lost (must be nothing)
	$(BIN)/python benchmarks/faults.py --rounds 200

bench-fuzz: install  ## 100,000 damaged inputs to every reader
	$(BIN)/python benchmarks/fuzz.py

bench-large-annotations: install  ## a 1 GB annotation file checked: time, memory, faults found; pycocotools needs 6 GB
	$(BIN)/python benchmarks/large_annotations.py

bench-forecast: install data/scenes/training  ## the forecast of the scenes study against what then happens
	$(BIN)/python benchmarks/forecast.py

bench-seeds: install  ## the scenes study's baseline on frames never used while tuning it
	$(BIN)/python benchmarks/fresh_scenes.py

bench-full-size: install  ## two iterations of the reference study's settings at full size, under a memory limit
	$(BIN)/python benchmarks/full_size.py

clean:  ## everything that was made
	rm -rf .venv data results coverage.md .coverage

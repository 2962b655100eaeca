# make search: set-up and a search on the embedded sample.  make test: set-up, lint, tests.  make test-faults: kills,
# damaged files and full disks on whole runs, for 38 minutes.  make test-docs: the commands of the pages, for a quarter
# of an hour.  make docs: pages about the public face, in build/docs.
PYTHON ?= python3
# a budget for the small embedded sample; FLAGS= gives the preset's own, for real data
FLAGS ?= --budget=20 --initial=10 --proposals=5 --search_steps=300 --finalists=1 --steps=1000
BIN := .venv/bin
SOURCES := nao_tf tests bin benchmarks examples docs setup.py

.PHONY: search test test-faults test-docs docs lint format clean

.venv/ready: setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch .venv/ready

search: .venv/ready
	$(BIN)/python bin/nao_search --task=ptb $(FLAGS)

test: lint
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=10

test-faults: .venv/ready
	$(BIN)/python -m pytest --numprocesses=2 --dist=load --maxschedchunk=1 --durations=10 \
		tests/faults/test_kills.py tests/faults/test_equal_pools.py tests/faults

test-docs: .venv/ready
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --durations=10 tests/commands

docs: .venv/ready
	$(BIN)/python docs/api_pages.py build/docs

lint: .venv/ready
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: .venv/ready
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

clean:
	rm -rf .venv build *.egg-info

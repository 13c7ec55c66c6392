.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export TQDM_DISABLE ?= 1

.PHONY: help setup quickstart test check format lab student readme site slides benchmark clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: .venv/.installed  ## make the virtual environment .venv

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "wanted Python 3.11 or newer, got $$($(PYTHON) --version); run make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[lab,dev]"
	@touch $@

quickstart: .venv/.installed  ## train the method and its controls on digits: figures/quickstart/quickstart.png
	@mkdir -p figures/quickstart
	$(BIN)/papermill -k python3 --no-progress-bar --log-output --execution-timeout 1800 notebooks/00_quickstart.ipynb figures/quickstart/00_quickstart.ipynb
	@echo "see figures/quickstart/quickstart.png, quickstart.csv and 00_quickstart.ipynb"

test: .venv/.installed  ## every test, the doctests and the notebooks
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: .venv/.installed  ## lint and format, changing nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.installed  ## mend what the linter can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lab: .venv/.installed  ## open JupyterLab in notebooks/
	$(BIN)/jupyter lab --notebook-dir notebooks

student: .venv/.installed  ## the notebooks without solutions and outputs, in student/
	$(BIN)/python -m twofold.lessons.editions student

readme: .venv/.installed  ## bring what README and pages quote from figures/embedded up to date
	$(BIN)/python -m twofold.lessons.committed

site: .venv/.installed  ## the course as pages to open from disk: build/site/index.html
	$(BIN)/python site/course.py

slides: .venv/.installed  ## slides of the 90 minutes: build/slides/index.html
	$(BIN)/python site/course.py slides

benchmark: .venv/.installed  ## what loop, second runs, jobs and the pooled Gaussian cost, as ratios
	$(BIN)/python tests/benchmarks/loop.py
	$(BIN)/python tests/benchmarks/embedding.py
	$(BIN)/python tests/benchmarks/pooled.py

clean:  ## remove the environment, the runs, the pages, the student edition and untracked figures
	rm -rf .venv runs build student figures/quickstart

# `make app` opens MNIST Lab in the browser; `make test` runs every check; `make help` lists the rest.

VENV := .venv
BIN := $(VENV)/bin
# Another interpreter: make app PYTHON=/path/to/python3.12
PYTHON ?= python3
PORT ?= 8501

SUPPORTED := import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Show the errors of an installation, not its warnings about a cold cache.
export PIP_NO_WARN_SCRIPT_LOCATION := 1

.PHONY: help app doctor check test lint format model lesson licences screenshots bench browser postgres nginx install install-dev clean
.SILENT:

help:
	echo "make app     open MNIST Lab in the browser (the first time, install what it needs)"
	echo "make doctor  check this installation and say how to fix it"
	echo "make check   lint, types and the fast tests"
	echo "make test    lint, types and every test, including those in a browser"
	echo "make lint    ruff and mypy"
	echo "make format  format the code with ruff"
	echo "make model   retrain the models in models/; PEN=FILE adds pen digits, REHEARSE=FOLDER is a trial"
	echo "make lesson  record the lesson's short runs again"
	echo "make licences update the package licences in docs/licences.md"
	echo "make screenshots take new pictures for README.md"
	echo "make bench   list the benchmarks; make bench NAME=train runs one"
	echo "make clean   remove $(VENV) and the tools' caches"

app: install
	echo "MNIST Lab: http://localhost:$(PORT) (stop it with Ctrl+C)"
	exec $(BIN)/streamlit run app.py --server.port $(PORT)

doctor: install
	$(BIN)/python -m mnist_core doctor --port $(PORT)

# Tests that start no server and train nothing: half a minute on two cores.
FAST := base data evaluation experiment figures lesson storage
check: lint
	$(BIN)/python -m pytest $(FAST:%=tests/%) -m "not slow" -k "not PostgreSQL" \
		--numprocesses 2 --dist loadfile --quiet

test: install-dev browser postgres nginx lint
	# Each file in one process; tests of the engine wait more than they compute, so three at a time.
	$(BIN)/python -m pytest --ignore tests/e2e --numprocesses 3 --dist loadfile
	# Browser tests keep two cores busy, and come in an order of their own.
	$(BIN)/python -m pytest tests/e2e --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet . \
		|| { $(BIN)/ruff format --check .; echo "Run “make format”."; exit 1; }
	$(BIN)/mypy

format: install-dev
	$(BIN)/ruff check --fix --quiet . || true
	$(BIN)/ruff format .

model: install
	$(BIN)/python -m mnist_core.drawing.pretraining $(if $(PEN),--pen $(PEN)) $(if $(REHEARSE),--rehearse $(REHEARSE))

lesson: install
	$(BIN)/python -m mnist_core.lesson.recordings

licences: install-dev
	$(BIN)/python -m tests.support.licences

screenshots: install-dev browser
	$(BIN)/python -m tests.e2e.pictures

bench: install
	$(BIN)/python -m benchmarks $(or $(NAME),--list) $(ARGS)

browser: install-dev
	$(BIN)/python -m tests.e2e.browser

postgres: install-dev
	$(BIN)/python -m tests.support.postgres

nginx: install-dev
	$(BIN)/python -m tests.support.nginx

install: $(VENV)/installed
install-dev: $(VENV)/installed-dev

# Use the first interpreter that TensorFlow has a wheel for, trying PYTHON first.
$(BIN)/python:
	for candidate in $(PYTHON) python3.13 python3.12 python3.11; do \
		if $$candidate -c "$(SUPPORTED)" 2>/dev/null; then \
			echo "Creating $(VENV) with $$($$candidate --version) ..."; \
			$$candidate -m venv --clear $(VENV) && exit 0; \
			echo "Could not create the environment. On Debian and Ubuntu, try: apt install python3-venv"; \
			exit 1; \
		fi; \
	done; \
	echo "MNIST Lab needs Python 3.11, 3.12 or 3.13 (TensorFlow has no build for others)."; \
	echo "Found here: $$($(PYTHON) --version 2>&1 | head -n 1)."; \
	echo "Install one of these, or name it: make app PYTHON=/path/to/python3.12"; \
	exit 1

$(VENV)/installed: requirements.txt constraints.txt | $(BIN)/python
	echo "Installing what MNIST Lab needs into $(VENV): about 450 MB to download, a few minutes, only this once ..."
	$(PIP) install --requirement requirements.txt
	touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	echo "Installing the test tools into $(VENV) ..."
	$(PIP) install --requirement requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

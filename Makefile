# The commands of the project. `make demo` and `make test` set everything up themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DVC_NO_ANALYTICS := 1
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS := 120

# a program compiles the modules that it uses once, not every time it starts
unexport PYTHONDONTWRITEBYTECODE

# uv installs faster than pip; pip where uv finds no packages (it reads no
# pip.conf, and so knows no other index)
PIP := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt
INSTALL = install() { $(UV) -e "$$1" || $(PIP) -e "$$1"; }; install

SUITE := OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

ARCH ?= resnet18
N ?= 100
SEED ?= 1

.PHONY: demo stack test unit coverage soak check bench gate-oc mutants docs setup clean
.DELETE_ON_ERROR:

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) uv
	$(INSTALL) '.[dev]'
	touch $@

demo: $(READY)  ## train on made-up films, score a night, say where to look
	$(BIN)/cxrmlops demo --architecture $(ARCH) $(if $(VIEWER),--viewer)

stack: $(READY)  ## PostgreSQL, Prefect, MLflow, Orthanc, OHIF and a worker on this machine
	infra/packages.sh
	$(BIN)/cxrmlops up

test: $(READY)  ## all tests but those that need a GPU
	infra/test_packages.sh
	$(SUITE) -m "not gpu and not soak"

unit: $(READY)  ## tests of single modules: no program, no server, nothing installed
	$(SUITE) -m "not integration and not slow and not services and not gpu and not soak"

# with `integration`, which starts much of the code that is worth counting
coverage: $(READY)  ## lines that all tests but slow and services run; a floor in pyproject.toml
	$(SUITE) -m "not slow and not services and not gpu and not soak" --cov --cov-report=term

soak: $(READY)  ## hours: a long night killed again and again
	$(BIN)/pytest -m soak

check: $(READY)  ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/lint-imports

bench: $(READY)  ## speed, as ratios in one run
	$(BIN)/python -m benchmarks

gate-oc: $(READY)  ## half an hour: how often the gate passes a model of known AUC
	$(BIN)/python -m benchmarks.gate_operating_characteristic --seed $(SEED) --figure docs/gate_operating_characteristic.svg

mutants: $(READY)  ## hours: would the tests notice? N wrong changes a package, drawn by SEED
	$(INSTALL) '.[mutants]'
	$(BIN)/python -m benchmarks.mutants --n $(N) --seed $(SEED)

docs: $(READY)  ## build the documentation into site/; any warning is an error
	$(BIN)/python -m documentation --out site

clean:  ## remove what the commands above made
	rm -rf demo bench site .work

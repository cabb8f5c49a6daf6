.DEFAULT_GOAL := help
PYTHON ?= $(shell for v in 3.11 3.12 3.10; do command -v python$$v >/dev/null && python$$v -c "import ensurepip" 2>/dev/null && { echo python$$v; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

help:  ## Show this help.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(READY)  ## Make .venv with the tested stack and this package (editable).

$(READY): constraints.txt pyproject.toml setup.py
	@test -n "$(PYTHON)" || { echo "No Python 3.10, 3.11 or 3.12 with venv was found; install one, or say make PYTHON=/path/to/python."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt torch torchvision setuptools wheel
	$(BIN)/pip install -q -c constraints.txt --no-build-isolation -e ".[det,seg,lite,dev]"
	@touch $(READY)

demo: $(READY)  ## Train, test and draw an open-vocabulary detector on generated scenes (about 25 minutes on 2 cores).
	$(BIN)/python tools/demo.py

demo-real: $(READY)  ## The same on real photographs, where they are (about 50 minutes on 2 cores; resumable).
	$(BIN)/python tools/demo_real.py

demo-segment: $(READY)  ## Train, test and draw two open-vocabulary segmentors on generated scenes (about 25 minutes on 2 cores; resumable).
	$(BIN)/python tools/demo_segment.py

demo-sketch: $(READY)  ## Sketch generated objects with 4 to 16 strokes and let another CLIP name them (about 6 minutes).
	$(BIN)/python tools/demo_sketch.py

test: $(READY)  ## Run every test.
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(READY)  ## Style and architecture: ruff and import-linter.
	$(BIN)/ruff check .
	$(BIN)/lint-imports

.PHONY: help install demo demo-real demo-segment demo-sketch test lint

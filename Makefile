# make matrix and make test each set up .venv when needed: Python 3.11+, pip and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Other environments may lie anywhere: make test-lowest LOWEST=/somewhere/else
LOWEST := .venv-lowest
NEWEST := .venv-newest
READY := $(VENV)/.ready

.PHONY: test deep matrix matrix-more matrix-frameworks matrix-tfjs matrix-all docs lint setup bench bench-compare mutants teeth test-lowest test-newest dist gpu gpu-rehearsal

test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal

# Before a release: what takes long, other hosts, and every implementation asked as by `lawful matrix`.
deep: $(READY)
	LAWFUL_TEST_PROFILE=standard $(BIN)/pytest -n auto -m "deep or not deep" --timeout 1200

# The lowest versions that pyproject.toml promises, in an environment of their own, and what needs no other library.
test-lowest: $(LOWEST)/.ready
	$(LOWEST)/bin/pytest -n auto --dist worksteal @.ci/core

$(LOWEST)/.ready: pyproject.toml constraints-lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install -q -c constraints-lowest.txt torch
	$(LOWEST)/bin/python -m pip install -q -c constraints-lowest.txt -e ".[test]"
	touch $@

# The newest of everything, without a pin, in an environment of its own; what is there already is upgraded.
test-newest:
	$(PYTHON) -m venv $(NEWEST)
	$(NEWEST)/bin/python -m pip install -q --upgrade torch
	$(NEWEST)/bin/python -m pip install -q --upgrade --upgrade-strategy eager -e ".[thirdparty,test]"
	$(NEWEST)/bin/pytest -n auto --dist worksteal @.ci/core tests/test_thirdparty.py

bench: $(READY)
	$(BIN)/python benchmarks/bench.py

# On a machine with an NVIDIA GPU and PyTorch: benchmarks/gpu.md, in under ten minutes. A second run asks what the
# first had no time for. The PyTorch that is there is kept; a library that cannot be had is left out by name.
GPU := .venv-gpu
gpu: $(GPU)/.ready
	$(GPU)/bin/python benchmarks/gpu.py $(ARGS)

$(GPU)/.ready: pyproject.toml
	$(PYTHON) -m venv --system-site-packages $(GPU)
	$(GPU)/bin/python -m pip freeze | grep -iE "^torch(vision|audio)?==" > $(GPU)/torch.txt
	$(GPU)/bin/python -m pip install -q -c $(GPU)/torch.txt -e .
	-$(GPU)/bin/python -m pip install -q -c $(GPU)/torch.txt -e ".[thirdparty]"
	-$(GPU)/bin/python -m pip install -q -c $(GPU)/torch.txt liger-kernel
	touch $@

# The same without a GPU: the twin stands in, and times are left out.
gpu-rehearsal: $(READY)
	$(BIN)/python benchmarks/gpu.py --device twin --json .gpu-rehearsed.json --page .gpu-rehearsed.md $(ARGS)

bench-compare: $(READY)
	$(BIN)/python benchmarks/compare.py $(OLD) $(NEW)

# Small changes of impl/native/, and who notices. ARGS="mixup --sample 60" for some of them.
mutants: $(READY)
	$(BIN)/python benchmarks/mutants.py $(ARGS)

# Every fault under thirty seeds, and what is right under as many as it takes: docs/reference/teeth.md draws it.
teeth: $(READY)
	$(BIN)/python benchmarks/teeth.py --json docs/_static/teeth.json $(ARGS)

matrix: $(READY)
	$(BIN)/lawful matrix --json matrix.json --html matrix.html

# What more people use, in environments of their own: other PyTorch libraries, and losses of other frameworks.
MORE := .venv-more
FRAMEWORKS := .venv-frameworks
MORE_LIBRARIES := monai torch_uncertainty pytorch_toolbelt catalyst classy_vision torchtoolbox torchaug \
	torchbearer holocron mmpretrain speechbrain
# tinygrad compiles its kernels with clang: without one it is left out.
FRAMEWORK_LIBRARIES := optax tensorflow mlx paddle thinc $(if $(shell command -v clang),tinygrad)

matrix-more: $(MORE)/.ready
	$(MORE)/bin/lawful matrix $(MORE_LIBRARIES) --json matrix-more.json --html matrix-more.html

matrix-frameworks: $(FRAMEWORKS)/.ready
	$(FRAMEWORKS)/bin/lawful matrix $(FRAMEWORK_LIBRARIES) --json .frameworks.json
	KERAS_BACKEND=jax $(FRAMEWORKS)/bin/lawful matrix keras --json .keras-jax.json
	KERAS_BACKEND=tensorflow $(FRAMEWORKS)/bin/lawful matrix keras --json .keras-tensorflow.json
	$(FRAMEWORKS)/bin/lawful merge .frameworks.json .keras-jax.json .keras-tensorflow.json \
		--json matrix-frameworks.json --html matrix-frameworks.html

# What is no Python answers vectors: @tensorflow/tfjs, where there are node and npm.
TFJS := $(if $(shell command -v node && command -v npm),matrix-tfjs)

matrix-tfjs: $(READY)
	$(BIN)/python benchmarks/tfjs.py --json matrix-tfjs.json

# One page of all of them.
matrix-all: matrix matrix-more matrix-frameworks $(TFJS)
	$(BIN)/lawful merge matrix.json matrix-more.json matrix-frameworks.json $(TFJS:%=%.json) \
		--json matrix-all.json --html matrix-all.html

$(MORE)/.ready $(FRAMEWORKS)/.ready: .venv-%/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install -q -c constraints.txt torch
	.venv-$*/bin/python -m pip install -q -c constraints.txt -e ".[$*]"
	touch $@

# The site: docs/_build/html/index.html. Its page of results is of the report of make matrix, made first where there is none.
docs: $(VENV)/.docs matrix.json
	$(BIN)/codespell -L thirdparty README.md CONTRIBUTING.md CHANGELOG.md docs/*.md docs/reference
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "the site is docs/_build/html/index.html"

matrix.json: | $(READY)
	$(BIN)/lawful matrix --json matrix.json --html matrix.html

$(VENV)/.docs: $(READY) pyproject.toml constraints.txt
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[docs]"
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p .mypy/lawful
	for package in reference impl properties; do ln -sfn ../../$$package .mypy/lawful/$$package; done
	MYPYPATH=.mypy $(BIN)/mypy -p lawful.reference -p lawful.impl -p lawful.properties
	$(BIN)/zizmor --offline --quiet .github action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --check-metaschema properties/harness/report.schema.json

# What is published: the sdist, the wheel that it builds, and that wheel tried in an environment of its own.
dist: $(READY)
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	.ci/try-wheel dist/*.whl

setup: $(READY)

# torch first and alone: under its constraint, so that nothing asks for another build of it.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -c constraints.txt torch
	$(BIN)/python -m pip install -q -c constraints.txt -e ".[thirdparty,test,dev]"
	touch $(READY)

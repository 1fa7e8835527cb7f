# Everything sets itself up: `make demo` and `make test` work on a fresh machine that has Python 3.11 or
# newer, a C++20 compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILD := -Cbuild-dir=build/editable

# What the compiled core is made from; Python files are used in place.
CORE := CMakeLists.txt pyproject.toml $(wildcard bindings/*) $(wildcard core/src/*) \
        $(wildcard core/include/photalign/*) $(wildcard third_party/xla/ffi/api/*)

.PHONY: help demo test check stub format docs bench sanitize clean

help:
	@echo "make demo      align a real photograph with a second view of it"
	@echo "make test      run all checks and tests"
	@echo "make check     formatting, lint and types only"
	@echo "make format    format all sources"
	@echo "make docs      build the documentation into site/"
	@echo "make bench     measure accuracy, speed and memory beside the peers, say what got worse"
	@echo "make sanitize  run the tests of the core with the sanitizers"
	@echo "make clean     remove everything that was made"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

# The package in place, rebuilt when the core changes.
$(VENV)/installed: $(BIN)/python $(CORE)
	$(BIN)/python -m pip install --quiet "scikit-build-core>=0.10" "nanobind>=2.4" ninja cmake
	$(BIN)/python -m pip install --quiet --no-build-isolation $(BUILD) -e ".[demo]"
	@touch $@

# Tools of the dependency groups of pyproject.toml.
$(VENV)/group-%: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@

demo: $(VENV)/installed
	$(BIN)/photalign demo

test: check docs $(VENV)/installed $(VENV)/group-test $(VENV)/group-autodiff
	$(BIN)/python -m pytest -n 2

# The types of the core's functions, kept in git so that checking needs no build and a change shows.
STUB = PYTHONPATH=build/editable $(BIN)/python -m nanobind.stubgen -q -m _core -o

stub: $(VENV)/installed
	$(STUB) src/photalign/_core.pyi

check: $(VENV)/installed $(VENV)/group-check
	$(STUB) build/_core.pyi
	diff src/photalign/_core.pyi build/_core.pyi
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(filter %.cpp %.hpp,$(CORE))

format: $(VENV)/group-check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(filter %.cpp %.hpp,$(CORE))

docs: $(VENV)/installed $(VENV)/group-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/installed $(VENV)/group-bench $(VENV)/group-autodiff
	$(BIN)/python -m benchmarks

# A build of its own; the sanitizers' runtime must be loaded before Python.
sanitize: $(VENV)/installed $(VENV)/group-test
	$(BIN)/cmake -S . -B build/sanitize -G Ninja -DPHOTALIGN_SANITIZE=ON \
	  -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	  -DCMAKE_PREFIX_PATH=$$($(BIN)/python -m nanobind --cmake_dir) \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/sanitize
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1 \
	  $(BIN)/python tests/sanitized.py build/sanitize tests/laws tests/test_sampling.py \
	  tests/test_sampling_arrays.py tests/test_linearize.py tests/test_prefilter.py tests/test_resample.py tests/test_masks.py tests/test_statuses.py -x

clean:
	rm -rf $(VENV) build dist site photalign-demo

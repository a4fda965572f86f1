SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.SUFFIXES:
# One shell for all lines of a task.
.ONESHELL:

scripts := Tests/Scripts
program := build/cubinspect
static := build/static/cubinspect
release = CUBINSPECT_ISAL=$(linked_isal) swift build $(SWIFT_FLAGS) -c release --static-swift-stdlib --disable-local-rpath
objects = $$($(release) --show-bin-path)/cubinspect.product/Objects.LinkFileList
# Where Packaging/make-isal puts its library, or "no": see Package.swift.
CUBINSPECT_ISAL ?= $(if $(filter x86_64,$(shell uname -m)),$(CURDIR)/build/isal,no)
isal = $(if $(filter-out no,$(CUBINSPECT_ISAL)),$(scripts)/setup static; Packaging/make-isal "$(CUBINSPECT_ISAL)" || \
  echo "The program will load the shared library of ISA-L instead: that takes 0.1 ms more at its start.")
# Where that has not built it, because the system's archive has no sources, the shared library is linked.
linked_isal = $(if $(filter-out no,$(CUBINSPECT_ISAL)),$$(test ! -e "$(CUBINSPECT_ISAL)/libisal.a" || echo "$(CUBINSPECT_ISAL)"),$(CUBINSPECT_ISAL))
# More arguments for every Swift build, such as SWIFT_FLAGS="-j 2".
SWIFT_FLAGS ?=
# Debug builds, which tests run in, have the product's modules optimised: see Package.swift.
export CUBINSPECT_OPTIMISE := 1
# Where `make install` puts the program.
PREFIX ?= /usr/local
DESTDIR ?=
# The time of the files in wheels and archives: that of the last change.
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

.PHONY: help setup build demo test test-python test-debian test-large fetch-large survey refresh-tables bench fuzz hardware lint docs \
  fixtures goldens clean install static wheel data-wheel dist

help: ## List the tasks
	@echo "usage: make TASK"
	echo
	sed -nE 's/^([a-z-]+):.*## (.*)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	echo
	echo "Downloads are kept in $${CUBINSPECT_DOWNLOADS:-$$HOME/.cache/cubinspect}; set CUBINSPECT_DOWNLOADS to move them."

demo: build ## Build, fetch a small CUDA wheel from PyPI, and judge it for an A100 and a V100
	@$(scripts)/setup downloads
	wheel=$$($(scripts)/fetch-test-wheels torchvision)
	echo
	echo "$$ cubinspect scan $$wheel --gpu A100 --gpu V100"
	status=0
	$(program) scan "$$wheel" --gpu A100 --gpu V100 || status=$$?
	echo
	[ $$status -le 1 ] || exit $$status
	echo "Exit status $$status; 1 says that something in it is incompatible with one of the GPUs."
	echo "Your own: $(program) scan PATH --gpu GPU"

test: setup ## Run all tests, with the small wheels as inputs
	@$(scripts)/fetch-test-wheels small compilers field >/dev/null
	$(scripts)/swift-test $(SWIFT_FLAGS)

test-python: wheel data-wheel ## Test the wheels in a new virtual environment, and the static program against the other
	@$(scripts)/test-python build/wheels
	$(scripts)/compare-programs $(program) $(static) Fixtures $$($(scripts)/fetch-test-wheels torchvision)

test-debian: wheel data-wheel ## Try the wheels in Debian 11, 12 and 13, and the static program where nothing else is (as root)
	@$(scripts)/setup downloads
	$(scripts)/check-debian $(program) $(static) build/wheels

test-large: build fetch-large ## Compare with cuobjdump on torch and CUDA libraries, judge cuBLAS, cuDNN, vLLM and two releases of torch, run the compilers of 33 wheels, judge the wheels of all field reports, and check HTML pages in Chromium (21 GB to fetch)
	@$(scripts)/setup views
	$(scripts)/fetch-test-wheels small compilers dispatch compilers-large field field-large >/dev/null
	for name in torchvision bitsandbytes; do
	  folder=$$($(scripts)/fetch-test-wheels $$name)
	  cache=$${folder%/unpacked/*}
	  folder=$${folder##*/}
	  $(scripts)/make-views "$$cache/wheels/$$folder"-*.whl "$$cache/views/$$folder"
	done
	$(scripts)/check-page $(program)
	$(scripts)/check-page $(program) --broken
	CUBINSPECT_TEST_LARGE=1 $(scripts)/swift-test $(SWIFT_FLAGS) --filter Agreement

build: ## Build the program, optimised and with the Swift runtime inside: build/cubinspect
	@$(scripts)/setup build
	$(isal)
	$(release) --product cubinspect
	mkdir -p build
	strip -o $(program) "$$($(release) --show-bin-path)/cubinspect"
	# Libraries come from where the system keeps them, never from beside the program.
	if readelf -d $(program) | grep -E '\((RPATH|RUNPATH)\)'; then exit 1; fi
	echo "Built $(program)"

install: ## Install the program with its manual page and completions: PREFIX=/usr/local, DESTDIR=
	@[ -x $(program) ] || $(MAKE) build
	Packaging/install-tree $(program) "$(DESTDIR)$(PREFIX)"

static: build
	@if [ -n "$(filter-out no,$(CUBINSPECT_ISAL))" ] && [ ! -e "$(CUBINSPECT_ISAL)/libisal.a" ]; then
	  echo "static: no static library of ISA-L could be built; CUBINSPECT_ISAL=no leaves ISA-L out"
	  exit 1
	fi
	Packaging/link-static "$(objects)" $(static)

wheel: static ## Build the Python wheel, with a program that runs on every Linux: build/wheels
	@Packaging/make-wheel program $(static) build/wheels

data-wheel: ## Build the Python wheel of the tables alone: build/wheels
	@Packaging/make-wheel data build/wheels

dist: static ## Build the archives of a release, with checksums: build/dist
	@Packaging/make-dist $(static) "$(objects)" build/dist

lint: ## Check the format, the layers and the scripts
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests
	$(scripts)/check-imports
	grep -rlIE --exclude-dir=.build --exclude-dir=build --exclude-dir=.git '^#!.*\bbash$$' . |
	  while read -r script; do bash -n "$$script"; done
	$(scripts)/check-versions
	echo "No findings."

bench: build fetch-large ## Measure against floors and other tools (4 GB more to fetch)
	@$(scripts)/setup views
	$(scripts)/fetch-test-wheels small dispatch bench >/dev/null
	Tests/Benchmarks/run --cubinspect $(program)

survey: build ## Measure releases on PyPI, and write the table for cubinspect which: SURVEY="PACKAGE..." for some
	@$(scripts)/survey --program $(program) $(SURVEY)
	$(scripts)/survey --program $(program) --table

refresh-tables: ## Say which releases PyPI has that the tables lack
	@$(scripts)/survey --news

fuzz: ## Run the fuzz targets
	@Tests/Fuzz/run

hardware: ## Ask this machine's GPU whether the predictions hold
	@Tests/Hardware/run

fixtures: ## Make the fixtures again with NVIDIA's compilers from PyPI
	@$(scripts)/setup downloads
	for script in Fixtures/*/make.sh; do echo "$$script"; bash "$$script"; done

goldens: setup ## Write the expected outputs of the tests again: read the difference before you commit it
	@CUBINSPECT_UPDATE_GOLDENS=1 swift test --disable-xctest $(SWIFT_FLAGS) --filter GoldenTests
	git --no-pager diff --stat -- Tests/CommandTests/Goldens Tests/Hardware

docs: setup ## Write the libraries' reference as web pages: build/docs
	@$(scripts)/build-docs build/docs

setup: ## Install the Debian packages that are missing, and check the Swift version
	@$(scripts)/setup

fetch-large: ## Fetch the large wheels that test-large and bench read
	@$(scripts)/setup downloads
	$(scripts)/fetch-test-wheels large >/dev/null

clean: ## Remove what was built; the downloads stay
	@rm -rf .build build

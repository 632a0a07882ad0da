# Two commands do everything on a fresh Debian 12 with Swift: `make demo` and `make test`.

PREFIX ?= /usr/local
DATA   ?=
# One configuration for building, testing and benchmarks (see Package.swift).
SWIFT_FLAGS = -c release -j 2
BIN = .build/release/howdah

PACKAGES = pkg-config lua5.4 liblua5.4-dev libhdf5-dev libopenblas-dev libreadline-dev zlib1g-dev \
  libdeflate-dev libzip-dev libpng-dev libtiff-dev libexpat1-dev libcurl4-openssl-dev lua-check

export HOWDAH_DATA

.PHONY: setup build demo test bench format lint stubs install clean help

help:            ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup:           ## install the Debian packages that are missing (as root or through sudo)
	@missing=; for p in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing$$missing"; \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing; fi

build: setup     ## build the program (release)
	swift build $(SWIFT_FLAGS) --product howdah

demo: build      ## simulate an embryo (or DATA=path.xml), find, link, tag, count, draw and save
	@mkdir -p demo
	@$(BIN) lua/demo.lua demo "$(DATA)"

test: setup      ## build and run all tests
	swift build $(SWIFT_FLAGS) --build-tests
	swift test $(SWIFT_FLAGS) --skip-build

# PyTorch is a large download: it comes only when the networks are measured.
bench: setup .venv/ready $(if $(ONLY),$(if $(findstring network,$(ONLY)),.venv/networks),.venv/networks)   ## measure beside the peers and print one table
	swift build $(SWIFT_FLAGS) --product bench
	swift build $(SWIFT_FLAGS) --product howdah
	HOWDAH_BENCH_PYTHON=$(CURDIR)/.venv/bin/python .build/release/bench $(ONLY)

.venv/ready: Sources/bench/peers/requirements.txt
	python3 -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) setup PACKAGES="python3 python3-venv"
	python3 -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/networks: Sources/bench/peers/requirements-networks.txt .venv/ready
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

format:          ## format the Swift sources
	swift format format --in-place --parallel --recursive Sources Tests Package.swift

lint: setup      ## check the format of the Swift sources and the Lua code
	swift format lint --strict --parallel --recursive Sources Tests Package.swift
	luacheck --quiet lua recipes

stubs: build     ## write the editor stubs of the Lua names again
	$(BIN) help --stubs > lua/stubs/howdah.lua

install: build   ## install program, Lua part and recipes under PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/howdah
	install -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin/howdah
	cp -R lua recipes $(wildcard models) $(DESTDIR)$(PREFIX)/share/howdah/

clean:           ## remove what was built
	rm -rf .build .venv demo

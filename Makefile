# The one entry. Targets install what they need and the machine lacks (packaging/build/packages.sh), and say what.
# Two commands do everything on a fresh machine with Rust: `make run` and `make test`.

prefix        ?= /usr
sysconfdir    ?= /etc
localstatedir ?= /var
sbindir       ?= $(prefix)/sbin
bindir        ?= $(prefix)/bin
DESTDIR       ?=
# Passed to every cargo call, e.g. CARGO_FLAGS=--locked.
CARGO_FLAGS   ?=
# `make test FILTER=name` runs the host's tests that match.
FILTER        ?=

export prefix sysconfdir localstatedir sbindir bindir DESTDIR CARGO_FLAGS

needs := packaging/build/packages.sh

.DEFAULT_GOAL := build
# Recipes install packages and share cargo's lock: one after another.
.NOTPARALLEL:
.PHONY: help build programs guests run test lint bench install deny fresh-root clean

help: ## what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

build: guests programs ## target/release/{vdsmd,vdsm-tool,vdsClient} and target/modules/*.wasm

programs:
	@$(needs) build
	cargo build $(CARGO_FLAGS) --release --package vdsmd --bins

guests: ## the components, when guests/, sdk/ or wit/ changed
	@$(needs) build
	@packaging/build/guests.sh

run: build ## a daemon under target/run and the whole tour through its port
	@$(needs) run
	@packaging/tour.sh

test: guests ## every test; what was skipped is listed with its reason
	@$(needs) run
	@packaging/build/test.sh $(FILTER)

lint: ## formatting, clippy, sizes, shell scripts
	@$(needs) build lint
	@packaging/build/lint.sh

bench: build ## the benchmarks' table: ratios to floors and peers of the same run (BENCH=--quick: about a minute)
	@$(needs) run
	rm -rf --one-file-system target/bench/root
	DESTDIR=$(CURDIR)/target/bench/root prefix=/usr sysconfdir=/etc localstatedir=/var sbindir=/usr/sbin bindir=/usr/bin packaging/build/install.sh
	cargo run $(CARGO_FLAGS) --release --package vdsm-bench -- run --root target/bench/root $(BENCH)

install: build ## into DESTDIR, by prefix, sysconfdir and localstatedir
	@packaging/build/install.sh

deny: ## licences, bans and sources of all dependencies (installs cargo-deny; not part of lint)
	@packaging/build/deny.sh

fresh-root: ## `make run` and `make test` of the last commit in a new Debian root (needs root; minutes)
	@$(needs) fresh-root
	@packaging/build/fresh-root.sh

clean: ## remove what was built; refuses while something of target/ still runs
	@packaging/build/clean.sh

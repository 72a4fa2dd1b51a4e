# evtools: make demo, make test; see README.md. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
EFFORT ?= 1
FUZZ_SECONDS ?= 10
SANITIZE ?=
COVERAGE ?=
VERSION := 0.1.0

COMMANDS := evtail evproject evreplay evverify
MAN := $(wildcard docs/man/*.[157])

PACKAGES := rdkafka sqlite3 libpq jansson zlib libxxhash libcrypto
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith
# texts of messages are cut to their buffer on purpose (clang has no such warning)
WARN += $(if $(findstring clang,$(CC)),,-Wno-format-truncation)
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -Ilibreplay -Icmd -DEV_VERSION='"$(VERSION)"' $(WARN) \
	$(CFLAGS) $(shell pkg-config --cflags $(PACKAGES)) $(INSTRUMENT)
LIBS = $(shell pkg-config --libs $(PACKAGES)) -lm -lpthread

# Each way of building has a folder of its own, so that they do not rebuild each other.
comma := ,
FLAVOUR := $(notdir $(CC))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))$(if $(COVERAGE),-cov)
B := build/$(FLAVOUR)
INSTRUMENT := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer) \
	$(if $(COVERAGE),--coverage)

LIB_SRC := $(wildcard libreplay/*/*.c)
CMD_SRC := $(wildcard cmd/*/*.c)
UNIT_SRC := $(wildcard tests/unit/*_test.c)
BENCH_SRC := $(wildcard tests/bench/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
HELPER_SRC := $(wildcard tests/helpers/*.c)

LIB_OBJ := $(LIB_SRC:%.c=$B/%.o)
CMD_OBJ := $(CMD_SRC:%.c=$B/%.o)
PROGRAMS := $(COMMANDS:%=$B/%)
UNIT := $(UNIT_SRC:tests/unit/%.c=$B/unit/%)
BENCH := $(BENCH_SRC:tests/bench/%.c=$B/bench/%)
FUZZ := $(FUZZ_SRC:tests/fuzz/%.c=$B/fuzz/%)
HELPERS := $(HELPER_SRC:tests/helpers/%.c=$B/helpers/%)

.PHONY: all helpers check test demo bench bench-count fuzz fuzz-run differential mutate lint docs install uninstall clean help setup setup-test
.SECONDARY:
all: $(PROGRAMS)

$B/libreplay.a: $(LIB_OBJ)
	@mkdir -p $(@D) && rm -f $@
	ar rcs $@ $(LIB_OBJ)

$B/libcmd.a: $(CMD_OBJ)
	@mkdir -p $(@D) && rm -f $@
	ar rcs $@ $(CMD_OBJ)

LINK = @mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(PROGRAMS): $B/%: $B/cmd/%.o $B/libcmd.a $B/libreplay.a
	$(LINK)

$B/unit/%: $B/tests/unit/%.o $B/libcmd.a $B/libreplay.a
	$(LINK)

$B/bench/%: $B/tests/bench/%.o $B/libreplay.a
	$(LINK)

$B/helpers/%: $B/tests/helpers/%.o $B/libreplay.a
	$(LINK)

$B/fuzz/%: $B/tests/fuzz/%.o $B/libcmd.a $B/libreplay.a
	$(LINK) -fsanitize=fuzzer

$B/%.o: %.c Makefile | build/have-packages
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

build/have-packages:
	@pkg-config --exists $(PACKAGES) || { echo "libraries are missing: run make setup" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

-include $(shell find build -name '*.d' 2>/dev/null)

# Small programs for tests, and for scripts/generate --into BROKER.
helpers: $(HELPERS)

# What one runs all day: no servers, under two minutes. The second make sees what setup installed.
check: setup-test
	@$(MAKE) all $(UNIT) $(HELPERS)
	tests/run --build $B --effort $(EFFORT) --tier check

# The whole suite on this machine, with a real Kafka. The servers of other versions that tests want are fetched before,
# once: a test has its time limit.
test: setup-test
	@for v in $$(sed -n 's/^VERSION=\([0-9.]*\).*/\1/p' tests/t*.t); do scripts/fetch-postgres $$v >/dev/null || exit; done
	@$(MAKE) all $(UNIT) $(HELPERS) $(BENCH)
	tests/run --build $B --effort $(EFFORT) --tier all

demo: setup
	@[ -x $B/evproject ] || echo "demo: building, which takes a minute or two the first time"
	@$(MAKE) --no-print-directory -s all
	@scripts/demo --build $B

# BENCH_ARGS: see scripts/bench, e.g. --full, or --only rebuild --events 4400000
bench: all $(BENCH) $(HELPERS)
	@scripts/bench --build $B $(BENCH_ARGS)

# Instructions per event against those on record, by callgrind; the same on a noisy machine.
bench-count: all $(HELPERS)
	@CC='$(CC)' scripts/bench-count --build $B $(if $(RECORD),--record)

fuzz:
	@$(MAKE) CC=clang SANITIZE=address,undefined,fuzzer-no-link fuzz-run

fuzz-run: $(FUZZ)
	scripts/fuzz --seconds $(FUZZ_SECONDS) $(FUZZ)

# Folded in memory against by statements, on N random programs.
N ?= 2000
differential: $B/unit/fold_test
	N=$(N) $B/unit/fold_test

# The checker is checked: N random views, logs and ledgers are damaged, and evverify must see it.
mutate: $B/unit/mutate_test
	N=$(N) $B/unit/mutate_test

lint:
	scripts/lint

setup:
	@scripts/setup

setup-test:
	@scripts/setup --test

# OPTIONS of the man pages and the completions, from the option tables of the commands.
docs: all
	scripts/gen-docs --build $B

share := $(DESTDIR)$(PREFIX)/share
install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(share)/man/man1 $(share)/man/man5 $(share)/man/man7
	install -m 755 $(PROGRAMS) $(DESTDIR)$(PREFIX)/bin
	for page in $(MAN); do install -m 644 $$page $(share)/man/man$${page##*.} || exit 1; done
	install -d $(share)/bash-completion/completions $(share)/zsh/site-functions
	install -d $(share)/fish/vendor_completions.d $(share)/evtools/projections/cases $(share)/doc/evtools/docs
	for c in $(COMMANDS); do \
		install -m 644 completions/$$c.bash $(share)/bash-completion/completions/$$c && \
		install -m 644 completions/_$$c $(share)/zsh/site-functions/_$$c && \
		install -m 644 completions/$$c.fish $(share)/fish/vendor_completions.d/$$c.fish || exit 1; done
	install -m 644 projections/*.sql $(share)/evtools/projections
	install -m 644 projections/cases/*.json $(share)/evtools/projections/cases
	install -m 644 README.md NEWS $(share)/doc/evtools
	install -m 644 docs/*.md $(share)/doc/evtools/docs

uninstall:
	cd $(DESTDIR)$(PREFIX)/bin && rm -f $(COMMANDS)
	for page in $(notdir $(MAN)); do rm -f $(share)/man/man$${page##*.}/$$page; done
	for c in $(COMMANDS); do rm -f $(share)/bash-completion/completions/$$c \
		$(share)/zsh/site-functions/_$$c $(share)/fish/vendor_completions.d/$$c.fish; done
	rm -rf $(share)/evtools $(share)/doc/evtools

help:
	@echo "demo       set up, build, and show a view of the bundled events"
	@echo "test       set up, build, and run the whole suite with a real Kafka"
	@echo "check      build and run what needs no server"
	@echo "helpers    what scripts/generate wants to write to a broker"
	@echo "differential  N random programs, folded in memory against by statements"
	@echo "mutate     N random views are damaged, which evverify must see"
	@echo "bench      measure (BENCH_ARGS=--full for the large sizes); fuzz: fuzz the decoders; lint: check the sources' manners"
	@echo "bench-count  instructions per event, against those on record (RECORD=1 writes them anew)"
	@echo "docs       write OPTIONS and completions anew; setup: install what building needs"
	@echo "install    into DESTDIR and PREFIX ($(PREFIX)); uninstall"
	@echo "variables  CC SANITIZE=address,undefined COVERAGE=1 EFFORT=1..10 FUZZ_SECONDS=10 PREFIX DESTDIR"

clean:
	rm -rf build

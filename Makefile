# evtools: make demo, make test; see README.md. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
EFFORT ?= 1
FUZZ_SECONDS ?= 10
SANITIZE ?=
COVERAGE ?=
VERSION := 0.1.0

COMMANDS := evtail evproject
MAN := $(wildcard docs/man/*.[157])

PACKAGES := rdkafka sqlite3 jansson zlib libxxhash
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
HELPERS := $(HELPER_SRC:tests/helpers/%.c=$B/helpers/%)

.PHONY: all check test demo bench fuzz lint install uninstall clean help setup setup-test docs
.SECONDARY:
all: $(PROGRAMS)

$B/libreplay.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $(LIB_OBJ)

$B/libcmd.a: $(CMD_OBJ)
	@rm -f $@
	ar rcs $@ $(CMD_OBJ)

$(PROGRAMS): $B/%: $B/cmd/%.o $B/libcmd.a $B/libreplay.a
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/unit/%: $B/tests/unit/%.o $B/libcmd.a $B/libreplay.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/bench/%: $B/tests/bench/%.o $B/libreplay.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/helpers/%: $B/tests/helpers/%.o $B/libreplay.a
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(shell find build -name '*.d' 2>/dev/null)

# What one runs all day: no servers, under two minutes.
check: all $(UNIT) $(HELPERS)
	tests/run --build $B --effort $(EFFORT) --tier check

help:
	@echo "all check test demo bench fuzz lint install uninstall clean"
	@echo "variables: CC SANITIZE=address,undefined COVERAGE=1 EFFORT=1..10 FUZZ_SECONDS=10 PREFIX DESTDIR"

clean:
	rm -rf build

# p2plab: seven peer-to-peer systems, each written once.
#
#   make            bin/PROGRAM for every protocol that is here
#   make demo       the monitor on the lecture's ring
#   make test       all tests: loopback only, a few minutes
#   make asan       the same under the address and undefined sanitizers
#   make fuzz TIME=60 | sweep SEEDS=1000 | lint | pure | bench | install
#   (sweep: all systems, or PROTOCOL="chord ...")
#
# V=1 shows commands.  BUILD=dir, CC=clang, OPT=-O0, SAN=... make other
# builds beside this one; POLL=1 waits with poll(2) instead of epoll.

PROTOCOLS := $(patsubst %/main.c,%,$(wildcard */main.c))
BUILD ?= build/main
BIN ?= bin
OPT ?= -O2 -g
SAN ?=
PREFIX ?= /usr/local
TIME ?= 60
SEEDS ?= 1000
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wundef \
	-Wswitch-enum -Wformat=2 -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Werror
HARDEN ?= -fstack-protector-strong
FEATURES := -D_XOPEN_SOURCE=700 -D_DEFAULT_SOURCE -D_DARWIN_C_SOURCE \
	-DP2PLAB_SHARE='"$(PREFIX)/share/p2plab"' $(if $(POLL),-DUSE_POLL)
CFLAGS_ALL = -std=c11 $(OPT) $(WARN) $(HARDEN) $(SAN) -I. $(FEATURES) $(CFLAGS)
LIBS := -lcrypto -lncursesw -lz
Q := $(if $(V),,@)
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(JOBS)
endif

COMMON := $(patsubst %.c,$(BUILD)/%.o,$(wildcard common/*.c))
OBJECTS_OF = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(1)/*.c))
UNIT := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/*_test.c))
BENCH := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*_bench.c))
FUZZ := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/*_fuzz.c))

.PHONY: all demo test unit poll replay pure asan fuzz sweep lint labs bench benches install clean expected
.SECONDARY:

all: $(addprefix $(BIN)/,$(PROTOCOLS) lab)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC $<")
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c $< -o $@

$(BUILD)/libcommon.a: $(COMMON)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define program
$(BIN)/$(1): $(call OBJECTS_OF,$(1)) $(BUILD)/libcommon.a
	@mkdir -p $$(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $$^ $(LIBS) -o $$@
endef
$(foreach p,$(PROTOCOLS),$(eval $(call program,$(p))))

$(BIN)/lab: $(BUILD)/labs/lab.o $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $^ $(LIBS) -o $@

# Unit tests and benchmarks link every protocol's objects but main.o.
NODES := $(filter-out %/main.o,$(patsubst %.c,$(BUILD)/%.o,\
	$(filter-out common/% labs/% tests/%,$(wildcard */*.c))))
$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(NODES) $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $^ $(LIBS) -o $@
$(BUILD)/bench/%: $(BUILD)/tests/bench/%.o $(NODES) $(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $^ $(LIBS) -o $@

# A fuzz target: libFuzzer's main when tests/fuzz/run asks for it, else one
# that replays the inputs kept in tests/fuzz/corpus.
REPLAY := $(addprefix $(BUILD)/fuzz/,$(FUZZ))
$(BUILD)/fuzz/%: $(BUILD)/tests/fuzz/%.o \
		$(if $(LIBFUZZER),,$(BUILD)/tests/fuzz/replay.o) $(NODES) \
		$(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $^ $(LIBS) -o $@

demo: all
	@bin/chord

unit: $(UNIT)
	@tests/run-unit $(UNIT)

# What the two ways to wait could do differently, with poll(2).
POLLED := $(addprefix $(BUILD)/poll/,live_test conformance_test)
$(BUILD)/poll/live_wait.o: common/live_wait.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -DUSE_POLL -MMD -MP -c $< -o $@
$(BUILD)/poll/%: $(BUILD)/tests/unit/%.o $(BUILD)/poll/live_wait.o \
		$(BUILD)/libcommon.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) $(LDFLAGS) $^ $(LIBS) -o $@
poll: $(POLLED)
	@tests/run-unit $(POLLED)

replay: $(REPLAY)
	@for f in $(REPLAY); do $$f tests/fuzz/corpus/$${f##*/} || exit 1; done

BATS ?= $(wildcard tests/*.bats)
test: all unit replay
	@BIN=$(abspath $(BIN)) BUILD=$(abspath $(BUILD)) tests/run-bats $(BATS)

# Rewrite the saved outputs that tests compare with.
expected: all
	tests/hashes $(BIN) >tests/expected/hashes
	EXPECTED=write BIN=$(abspath $(BIN)) BUILD=$(abspath $(BUILD)) \
	    tests/run-bats $(BATS)

# Without those that look at how we are built, at other people's programs, or
# at long runs of what the rest also does; every scenario of every system runs
# under sanitizers as well, and must end in the same hash.
SANITIZED = $(filter-out $(patsubst %,tests/%.bats,determinism dissector readme \
	figures tmux sheets fasttrack gnutella kelips napster pastry swarm \
	bittorrent_interop),$(BATS))
asan:
	$(MAKE) BATS="$(SANITIZED)" BUILD=build/asan BIN=build/asan/bin OPT="-O1 -g" \
	    SAN="-fsanitize=address,undefined -fno-sanitize-recover=all" test
	tests/hashes build/asan/bin | diff -u tests/expected/hashes -

benches: $(BENCH)
bench: all benches
	@for b in $(BENCH); do $$b || exit 1; done
	@BIN=$(abspath $(BIN)) tests/bench/users
	@BIN=$(abspath $(BIN)) tests/bench/transfers

pure:
	@tests/pure $(PROTOCOLS)

fuzz:
	@tests/fuzz/run $(TIME) $(FUZZ)

sweep: all
	@tests/sweep $(SEEDS) $(JOBS) 1 $(PROTOCOL)

lint:
	@tests/lint

labs: all
	@$(BIN)/lab test $(wildcard labs/*/[0-9]*.md) --seeds 20

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/p2plab
	install $(addprefix $(BIN)/,$(PROTOCOLS) lab) $(DESTDIR)$(PREFIX)/bin
	cp -R labs $(DESTDIR)$(PREFIX)/share/p2plab/
	rm -f $(DESTDIR)$(PREFIX)/share/p2plab/labs/lab.c

clean:
	rm -rf build bin

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

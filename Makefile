# SPDX-License-Identifier: BSD-2-Clause
#
# make                      build/<arch>/s2verify for this machine
# make ARCH=arm64 STATIC=1  one static arm64 executable, cross-built where need be
# make demo                 an emulated host, an unsafe mapping, and s2verify finding it
# make check                everything that is tested, the emulated hosts included (JOBS: groups side by side)
# make check-all            the same, with the whole matrix of emulated hosts (tests/README.md)
# make soak                 TARGETS='predict daemon', RUNS=20 of each, with two CPUs' worth of other load
# make unit bpf-test cli view daemon-test lint lab   its parts
# make bench                what watching costs a guest, beside other tools; bench-readme: its tables into the documents
# make bench-audit          what an audit costs, in instructions a leaf; 10 minutes and more
# make fuzz                 ten minutes of fuzzing trace files (FUZZ_SECONDS)
# make bench-analyze        speed and size of trace files, beside other tools
# make check-vmm            QEMU as the VMM of an emulated host: a Linux guest that reboots
# make check-unit           the systemd unit, under a systemd in an emulated host
# make predict              what resets says that S2FWB would save, held against what it saves
# make fleet                packages, units, Prometheus and Grafana around the daemon
# make fresh                README.md's commands on bare Debian 12 and 13: tests/fresh/README.md
# make install uninstall    DESTDIR, PREFIX (/usr/local), and more: contrib/contrib.mk
# make deb                  Debian packages of what is committed, in build/deb
#
# Variables: ARCH, STATIC, CC, CLANG, BPFTOOL, SYSROOT, CFLAGS, LDFLAGS, V=1 (show commands),
# JOBS (emulated hosts side by side).

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:

norm = $(patsubst aarch64,arm64,$(1))
HOST_ARCH := $(call norm,$(shell uname -m))
override ARCH := $(call norm,$(or $(ARCH),$(HOST_ARCH)))
B := build/$(ARCH)
Q := $(if $(V),,@)
comma := ,
say = $(if $(V),,@printf '  %-8s%s\n' $(1) $(2))

CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool) bpftool)
# tools/sysroot is called once, and only if something is compiled.
sysroot = $(eval SYSROOT := $(or $(shell tools/sysroot $(ARCH)),$(error tools/sysroot $(ARCH) failed)))$(SYSROOT)
ifeq ($(ARCH),$(HOST_ARCH))
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
# The libelf.a of a Debian 13 does not link; the sysroot's does.
SYSROOT ?= $(if $(and $(STATIC),$(filter arm64,$(ARCH))),$(sysroot))
else ifeq ($(ARCH),arm64)
CC := $(if $(filter default,$(origin CC)),aarch64-linux-gnu-gcc,$(CC))
SYSROOT ?= $(sysroot)
else
$(error cross-building for $(ARCH) is not supported: arm64 from anywhere, or this machine's own)
endif

VERSION := $(shell cat VERSION)$(shell git describe --always --dirty --exclude '*' 2>/dev/null | sed 's/^/+g/')
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
ALL_CFLAGS = -std=gnu11 $(WARN) -Iinclude -Isrc -I$(B) -Ibuild/proto -DS2V_VERSION='"$(VERSION)"' \
	$(if $(SYSROOT),-isystem $(SYSROOT)/usr/include -isystem $(SYSROOT)/usr/include/aarch64-linux-gnu) \
	-MMD -MP $(CFLAGS)
ALL_LDFLAGS = $(if $(SYSROOT),-L$(SYSROOT)/usr/lib/aarch64-linux-gnu) $(if $(STATIC),-static -Wl$(comma)--no-warnings) $(LDFLAGS)

# Most files build anywhere. LIVE needs arm64, KVM and BPF; ELSEWHERE takes its place on other machines.
LIVE := $(sort $(wildcard src/live/*.c)) src/daemon/live.c src/daemon/privileges.c \
	$(addprefix src/cmd/,audit.c check.c recording.c trace.c watch.c)
ELSEWHERE := src/cmd/elsewhere.c src/daemon/elsewhere.c
CORE := $(filter-out $(LIVE) $(ELSEWHERE),$(sort $(wildcard src/*/*.c)))
SRCS := src/main.c $(CORE) $(if $(filter arm64,$(ARCH)),$(LIVE),$(ELSEWHERE))
OBJS := $(SRCS:%.c=$(B)/%.o) $(B)/assets.o $(B)/perfetto.pb-c.o
VIEW_LIBS := -lsqlite3 -lprotobuf-c $(if $(STATIC),-lm)
CORE_LIBS := -ljson-c $(VIEW_LIBS) -lzstd -lz -lpthread
LIBS := $(if $(filter arm64,$(ARCH)),-lbpf -lelf -lcap-ng) -levent_extra -levent_core $(CORE_LIBS)

.PHONY: all clean check check-all check-build soak unit bpf-test cli view lint lab check-vmm check-unit predict bench bench-readme bench-audit demo format fresh
.PHONY: fleet install uninstall deb
all: $(B)/s2verify

$(B)/s2verify: $(OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(OBJS) $(LIBS)

$(B)/%.o: %.c Makefile VERSION
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Files that the program holds as strings: parts of the HTML report, the SQLite schema.
ASSETS := html_css=src/report/assets/report.css html_js=src/report/assets/report.js html_defs=src/report/assets/defs.svg \
	sql_schema=src/sink/sql/schema.sql sql_finish=src/sink/sql/finish.sql
build/assets.S: Makefile tools/embed $(foreach a,$(ASSETS),$(lastword $(subst =, ,$(a))))
	$(call say,EMBED,$@)
	$(Q)mkdir -p $(@D)
	$(Q)tools/embed $(ASSETS) >$@

$(B)/assets.o: build/assets.S
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

# The Perfetto trace format.
PROTO := build/proto/perfetto.pb-c
PROTOC_C ?= protoc-c
$(PROTO).h: src/sink/perfetto.proto
	$(call say,PROTO,$(PROTO).c)
	$(Q)mkdir -p $(@D)
	$(Q)$(PROTOC_C) -Isrc/sink --c_out=$(@D) $<
$(PROTO).c: $(PROTO).h

$(B)/perfetto.pb-c.o: $(PROTO).c
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(B)/src/sink/perfetto.o: $(PROTO).h

# BPF: one object, no vmlinux.h; its CO-RE types are declared in bpf/.
BPF_SRCS := $(wildcard bpf/*.c bpf/*.h include/*.h)
MULTIARCH := $(shell gcc -print-multiarch 2>/dev/null)
$(B)/s2verify.bpf.o: $(BPF_SRCS) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -D__TARGET_ARCH_arm64 -O2 -g -Wall -Wextra -Werror \
		-Wno-unused-parameter -Iinclude -idirafter /usr/include/$(MULTIARCH) -c -o $@.tmp bpf/s2verify.bpf.c
	$(Q)$(BPFTOOL) gen object $@ $@.tmp && rm $@.tmp

$(B)/s2verify.skel.h: $(B)/s2verify.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name s2verify_bpf > $@

$(LIVE:%.c=$(B)/%.o): $(B)/s2verify.skel.h

-include $(OBJS:.o=.d)

# Unit tests: tests/unit/test_X.c says in its first lines what it is linked with.
include tests/unit/unit.mk
include tests/bpf/bpf.mk
include tests/fuzz/fuzz.mk
include tests/bench/bench.mk
include tests/view/view.mk
include tests/fleet/fleet.mk
include contrib/contrib.mk
include tests/daemon/daemon.mk

cli: all
	$(Q)S2VERIFY=$(CURDIR)/$(B)/s2verify tests/report cli tests/cli/*.bats

lint:
	$(Q)tests/lint

lab:
	$(Q)tests/lab/matrix

fresh:
	$(Q)tests/fresh/run

predict:
	$(Q)tests/lab/predict

bench:
	$(Q)tests/lab/bench

bench-readme:
	$(Q)tests/lab/bench --no-run --tables

bench-audit:
	$(Q)$(MAKE) --no-print-directory ARCH=arm64 STATIC=1
	$(Q)tests/lab/run --kernel latest --cpu neoverse-n2 --icount --smp 1 --mem 1700 --timeout 1800 --out $(CURDIR)/build/lab/out/cost audit-cost
	$(Q)cat build/lab/out/cost/audit-cost/figures
	$(Q)tests/lab/run --kernel latest --cpu cortex-a76 --icount --smp 1 --mem 1700 --timeout 1800 --out $(CURDIR)/build/lab/out/cost guest-cost
	$(Q)cat build/lab/out/cost/guest-cost/figures

check-vmm:
	$(Q)tests/lab/check-vmm

check-unit:
	$(Q)tests/lab/check-unit

demo:
	$(Q)tests/lab/demo

check:
	$(Q)tests/check

check-all:
	$(Q)tests/check --all

soak:
	$(Q)tests/soak -n $(or $(RUNS),20) $(TARGETS)

# What groups of tests share, made before they run side by side.
check-build: all $(UNIT_BINS) $(BPF_BINS) $(VB)/viewgen $(FUZZ_BINS) $(BB)/generate $(DB)/client

clean:
	rm -rf build

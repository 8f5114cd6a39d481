# SPDX-License-Identifier: BSD-2-Clause
# Fuzzers (libFuzzer, ASan, UBSan), each for an equal share of FUZZ_SECONDS. Inputs that fail are in
# build/fuzz; add them to tests/fuzz/corpus when the bug is fixed.
FUZZ_SECONDS ?= 600
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FB := build/fuzz
# The code from trace files to findings, without reports and exports.
FUZZ_CORE := $(filter-out src/cmd/%.c src/report/%.c src/util/outfile.c src/sink/perfetto.c \
	src/sink/sqlite%.c src/daemon/%.c,$(CORE))
FUZZ_BINS := $(FUZZERS:tests/fuzz/%.c=$(FB)/%)
FUZZ_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION -Iinclude -Isrc \
	-DS2V_VERSION='"fuzz"'
# Limit: 128 MiB for the reader and the correlator (malloc_limit), plus the overhead of ASan (rss_limit). No input takes
# a second; the timeout is a minute, so that load on the machine does not make an input fail.
FUZZ_ARGS := -max_len=65536 -timeout=60 -malloc_limit_mb=128 -rss_limit_mb=1024 -print_final_stats=1

FUZZ_OBJS := $(FUZZ_CORE:%.c=$(FB)/obj/%.o)

$(FB)/obj/%.o: %.c Makefile tests/fuzz/fuzz.mk
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS:-fsanitize=fuzzer%=-fsanitize=fuzzer-no-link%) -MMD -MP -c -o $@ $<

.SECONDARY: $(FUZZ_OBJS)
-include $(FUZZ_OBJS:.o=.d)

$(FB)/fuzz_%: tests/fuzz/fuzz_%.c $(FUZZ_OBJS) $(wildcard include/*.h src/*/*.h tests/fuzz/*.h)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_CFLAGS) -o $@ $< $(FUZZ_OBJS) $(CORE_LIBS)

.PHONY: fuzz
fuzz: $(FUZZ_BINS)
	$(Q)tests/fuzz/run $(FB) $(FUZZ_SECONDS) -- $(FUZZ_ARGS)

$(FB)/unpack: tests/fuzz/unpack.c $(filter src/trace/bytes.c,$(CORE)) src/trace/private.h
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 -O1 -Iinclude -Isrc -o $@ $< src/trace/bytes.c -lzstd -lz

# SPDX-License-Identifier: BSD-2-Clause
# The generator of trace files, and the benchmark and the test that use it. BENCH_EVENTS: number of events.
BB := build/bench
BENCH_EVENTS ?= 10000000
S2T_SRCS := $(sort $(filter-out src/trace/analyze.c,$(wildcard src/trace/*.c))) src/core/unread.c src/host/host.c

$(BB)/generate: tests/bench/generate.c $(S2T_SRCS) $(wildcard include/*.h src/*/*.h)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 $(WARN) -O2 -g -Iinclude -Isrc -DS2V_VERSION='"bench"' -o $@ $< $(S2T_SRCS) \
		-lzstd -lz -lpthread

$(BB)/measure: tests/bench/measure.c
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 $(WARN) -O2 -o $@ $<

.PHONY: bench-analyze kill9
bench-analyze: all $(BB)/generate $(BB)/measure
	$(Q)tests/bench/analyze $(B)/s2verify $(BB)/generate $(BB)/measure $(BENCH_EVENTS)

# Kills 1000 writers of trace files (KILLS).
kill9: all $(BB)/generate
	$(Q)tests/bench/kill9 $(B)/s2verify $(BB)/generate $(or $(KILLS),1000)

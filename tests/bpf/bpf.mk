# SPDX-License-Identifier: BSD-2-Clause
# Loads the BPF object with the BTF of other kernels: relocated against each of tests/data/btf and
# checked by this machine's verifier, natively. Needs root, else it is skipped.
BPF_TESTS := $(sort $(wildcard tests/bpf/test_*.c))
BPF_BINS := $(BPF_TESTS:tests/bpf/%.c=build/bpf/%)

define bpf_rule
build/bpf/$(notdir $(basename $(1))): $(1) $(call needs_of,$(1)) $$(wildcard include/*.h src/*/*.h tests/bpf/*.h)
	$$(call say,UNIT,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -I$$(B) -o $$@ $(1) $(call needs_of,$(1)) -lcmocka $(call word_after,$(1),libs)
endef
$(foreach t,$(BPF_TESTS) tests/tools/btf_add.c,$(eval $(call bpf_rule,$(t))))

$(BPF_BINS): $(B)/s2verify.skel.h

bpf-test: $(BPF_BINS)
	$(Q)tests/report bpf $(BPF_BINS)

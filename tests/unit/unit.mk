# SPDX-License-Identifier: BSD-2-Clause
# Unit tests, natively, under ASan and UBSan. A test's first lines say what it needs:
#   /* needs: src/core src/a/b.c */   and, if anything but cmocka:   /* libs: -ljson-c */
# A room is all of its files.
# tests/unit/fake has what stands in the place of generated headers.
UNIT := $(sort $(wildcard tests/unit/*/test_*.c))
UB := build/unit
UNIT_BINS := $(addprefix $(UB)/,$(notdir $(basename $(UNIT))))
HOSTCC ?= gcc
UNIT_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined \
	-fno-sanitize-recover=all -fno-omit-frame-pointer -Iinclude -Isrc -Itests/unit \
	-DS2V_VERSION='"test"'
word_after = $(shell sed -n '1,12s,^/\* $(2): \(.*\) \*/$$,\1,p' $(1))
needs_of = $(foreach n,$(call word_after,$(1),needs),$(if $(filter %.c,$(n)),$(n),$(sort $(wildcard $(n)/*.c))))

# The program's objects with sanitizers, each made once for all the tests that link it, those of views included.
SAN := build/san
san_objects = $(patsubst %.c,$(SAN)/%.o,$(1))

$(SAN)/%.o: %.c Makefile tests/unit/unit.mk
	$(call say,SAN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -Itests/unit/fake -Ibuild/proto -MMD -MP -c -o $@ $<

$(SAN)/src/sink/perfetto.o: $(PROTO).h
-include $(wildcard $(SAN)/*/*.d $(SAN)/*/*/*.d)

define unit_rule
$(UB)/$(notdir $(basename $(1))): $(1) $(call san_objects,$(call needs_of,$(1))) $$(wildcard include/*.h src/*/*.h tests/unit/*.h tests/unit/fake/*.h)
	$$(call say,UNIT,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(HOSTCC) $$(UNIT_CFLAGS) -Itests/unit/fake -o $$@ $(1) $(call san_objects,$(call needs_of,$(1))) -lcmocka $(call word_after,$(1),libs)
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))

unit: $(UNIT_BINS)
	$(Q)tests/report unit $(UNIT_BINS)

# SPDX-License-Identifier: BSD-2-Clause
# Views: a generated run through each file sink, under ASan and UBSan; the results are checked with
# Chromium, sqlite3 and protoc.
VB := build/view
VIEW_OWN := $(patsubst %.c,$(VB)/%.o,$(sort $(wildcard tests/view/*.c)))
VIEW_OBJS := $(VIEW_OWN) $(call san_objects,$(filter-out src/cmd/% src/daemon/%,$(CORE))) $(VB)/assets.o $(VB)/perfetto.pb-c.o

$(VB)/tests/%.o: tests/%.c Makefile tests/view/view.mk
	$(call say,VIEW,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -Itests/view -Ibuild/proto -MMD -MP -c -o $@ $<

$(VB)/assets.o: build/assets.S
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -c -o $@ $<

$(VB)/perfetto.pb-c.o: $(PROTO).c
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -c -o $@ $<

$(VB)/viewgen: $(VIEW_OBJS)
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(VIEW_OBJS) $(CORE_LIBS)

-include $(VIEW_OWN:.o=.d)

view: $(VB)/viewgen
	$(Q)VIEWGEN=$(CURDIR)/$(VB)/viewgen tests/report view tests/view/*.bats

# SPDX-License-Identifier: BSD-2-Clause
# Views: a generated run through each file sink, under ASan and UBSan, and what came out looked at
# with other people's programs (Chromium, sqlite3, protoc).
VB := build/view
VIEW_SRCS := $(sort $(wildcard tests/view/*.c)) $(filter-out src/daemon/%,$(CORE))
VIEW_OBJS := $(VIEW_SRCS:%.c=$(VB)/%.o) $(VB)/assets.o $(VB)/perfetto.pb-c.o

$(VB)/%.o: %.c Makefile tests/view/view.mk
	$(call say,VIEW,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -Itests/view -Ibuild/proto -MMD -MP -c -o $@ $<

$(VB)/assets.o: build/assets.S
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -c -o $@ $<

$(VB)/perfetto.pb-c.o: $(PROTO).c
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -c -o $@ $<

$(VB)/src/sink_perfetto.o: $(PROTO).h

$(VB)/viewgen: $(VIEW_OBJS)
	$(call say,LINK,$@)
	$(Q)$(HOSTCC) $(UNIT_CFLAGS) -o $@ $(VIEW_OBJS) $(CORE_LIBS)

-include $(VIEW_OBJS:.o=.d)

view: $(VB)/viewgen
	$(Q)VIEWGEN=$(CURDIR)/$(VB)/viewgen tests/report view tests/view/*.bats

# SPDX-License-Identifier: BSD-2-Clause
# The daemon on large hosts, under load, and in a browser. DAEMON_SECONDS: duration of the load.
DB := build/daemon

$(DB)/client: tests/daemon/client.c
	$(call say,DAEMON,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) -std=gnu11 $(WARN) -O2 -o $@ $< -lpthread

.PHONY: daemon-test
daemon-test: all $(BB)/generate $(DB)/client
	$(Q)S2VERIFY=$(CURDIR)/$(B)/s2verify GENERATE=$(CURDIR)/$(BB)/generate CLIENT=$(CURDIR)/$(DB)/client \
		DAEMON_SECONDS=$(or $(DAEMON_SECONDS),20) tests/report daemon tests/daemon/*.bats

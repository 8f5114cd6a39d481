# SPDX-License-Identifier: BSD-2-Clause
# What a fleet needs around the daemon, each part tested with other people's programs.
fleet: all
	$(Q)tools/install-deps fleet
	$(Q)S2VERIFY=$(CURDIR)/$(B)/s2verify tests/report fleet tests/fleet/*.bats

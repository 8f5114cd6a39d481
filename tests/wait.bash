# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Waiting, for tests: until something is so, never for a time in which it should be.

# Until a command succeeds. The bound is wide on purpose: it is there to end a test that would never end, and says
# nothing of how long a thing may take, on a machine that does much else besides.
wait_for() { # COMMAND...
	local end=$((SECONDS + 300))
	until "$@"; do
		if ((SECONDS >= end)); then
			echo "not after 300 s: $*" >&2
			return 1
		fi
		sleep 0.1
	done
}

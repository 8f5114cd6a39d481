# shellcheck shell=dash
# SPDX-License-Identifier: BSD-2-Clause
# Helpers for the host part of a scenario: busybox sh, in the emulated host.

# Start s2verify with these arguments and wait until it has attached everything. Its output goes to
# ${S2V}out.json and ${S2V}err.txt (S2V, empty by default, tells several runs apart).
s2v_start() {
	: >"${S2V:-}err.txt"
	s2verify "$@" >"${S2V:-}out.json" 2>"${S2V:-}err.txt" &
	s2v_pid=$!
	s2v_tries=0
	while ! grep -q '^ready' "${S2V:-}err.txt"; do
		if ! kill -0 "$s2v_pid" 2>/dev/null; then
			wait "$s2v_pid"
			echo $? >"${S2V:-}rc"
			echo "s2verify $* ended with $(cat "${S2V:-}rc") before it was ready:"
			cat "${S2V:-}err.txt"
			return 1
		fi
		s2v_tries=$((s2v_tries + 1))
		if [ "$s2v_tries" -gt 600 ]; then
			echo "s2verify $* is not ready after 60 s:"
			cat "${S2V:-}err.txt"
			return 1
		fi
		sleep 0.1
	done
}

# Interrupt it, wait for it, leave its exit status in ${S2V}rc.
s2v_stop() {
	kill -INT "$s2v_pid"
	wait "$s2v_pid"
	echo $? >"${S2V:-}rc"
}

# Run s2verify to its end: the same files.
s2v_run() {
	s2verify "$@" >"${S2V:-}out.json" 2>"${S2V:-}err.txt"
	echo $? >"${S2V:-}rc"
}

# Make N huge pages available (2 MiB each; 32 MiB on a 16 KiB kernel).
hugepages() {
	echo "$1" >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge "$1" ]
}

# Wait, at most 60 s, until a file exists.
wait_file() {
	for _ in $(seq 600); do
		[ ! -e "$1" ] || return 0
		sleep 0.1
	done
	echo "no $1 after 60 s"
	return 1
}

# Have the scenario's function outside() run on the machine that emulates this one, with these words.
# Nothing runs here but what runs already; its status is the result.
ask_outside() {
	printf '\nlab: outside %s %s\n' "${PWD##*/}" "$*" >/dev/console
	read -r s2v_answer </dev/console
	[ "$s2v_answer" = 0 ] || echo "outside: '$s2v_answer' (see outside.log)"
	[ "$s2v_answer" = 0 ]
}

# shellcheck shell=dash
# SPDX-License-Identifier: BSD-2-Clause
# Helpers for the host part of a scenario: busybox sh, in the emulated host.

# Waits until a command succeeds. The bound is wide on purpose: it ends a scenario that would never end. It does not
# limit how long anything may take under emulation, beside other runs.
wait_for() { # COMMAND...
	s2v_end=$(($(cut -d . -f 1 /proc/uptime) + 300))
	until "$@"; do
		if [ "$(cut -d . -f 1 /proc/uptime)" -ge "$s2v_end" ]; then
			echo "not after 300 s: $*"
			return 1
		fi
		sleep 0.1
	done
}

# Start s2verify with these arguments (also a daemon) and wait until it has attached everything. Its output goes to
# ${S2V}out.json and ${S2V}err.txt (S2V, empty by default, is a prefix that separates several runs).
s2v_start() {
	: >"${S2V:-}err.txt"
	s2verify "$@" >"${S2V:-}out.json" 2>"${S2V:-}err.txt" &
	s2v_pid=$!
	wait_for s2v_ready_or_gone && s2v_ready && return
	kill -0 "$s2v_pid" 2>/dev/null || {
		wait "$s2v_pid"
		echo $? >"${S2V:-}rc"
		echo "it ended with $(cat "${S2V:-}rc")"
	}
	echo "s2verify $* is not ready:"
	cat "${S2V:-}err.txt"
	return 1
}

s2v_ready() {
	grep -q '^ready\|^s2verify: watching' "${S2V:-}err.txt"
}

s2v_ready_or_gone() {
	s2v_ready || ! kill -0 "$s2v_pid" 2>/dev/null
}

# Interrupt s2verify, wait for it, write its exit status to ${S2V}rc.
s2v_stop() {
	kill -INT "$s2v_pid"
	wait "$s2v_pid"
	echo $? >"${S2V:-}rc"
}

# Run s2verify to its end; it leaves the same files.
s2v_run() {
	s2verify "$@" >"${S2V:-}out.json" 2>"${S2V:-}err.txt"
	echo $? >"${S2V:-}rc"
}

# Start a VMM beside others ($vmms: their process IDs), and wait until it has done its ops. It then waits for vmms_go.
vmm() { # NAME OPS...
	name=$1
	shift
	rm -f "/tmp/now-$name"
	guest limit=2000 "comm=$name" "$@" "mark=/tmp/now-$name" wait=/tmp/go >"ops-$name" &
	vmms="$vmms $!"
	wait_file "/tmp/now-$name"
}

# Let all VMMs end; the status is that of the last.
vmms_go() {
	touch /tmp/go
	# shellcheck disable=SC2086
	wait $vmms
	s2v_status=$?
	rm -f /tmp/go
	vmms=
	return $s2v_status
}

# Make N huge pages available (2 MiB each; 32 MiB on a 16 KiB kernel).
hugepages() {
	echo "$1" >/proc/sys/vm/nr_hugepages
	[ "$(cat /proc/sys/vm/nr_hugepages)" -ge "$1" ]
}

# Wait until a file exists.
wait_file() {
	wait_for [ -e "$1" ]
}

# Write an HTTP response with its headers to a file; busybox's wget prints no response that is an error. The connection
# stays open for sending until the response has come: at its end the server would assume that the client has gone.
http_get() { # PATH FILE
	[ -p /tmp/http ] || mkfifo /tmp/http
	exec 8<>/tmp/http
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" >&8
	nc 127.0.0.1 9899 <&8 >"$2" 2>/dev/null
	exec 8>&-
}

# The status code of such a response.
http_code() { # FILE
	sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p' "$1"
}

# Returns whether the daemon's /-/ready has this status code; the response is in the file `ready`.
ready_is() { # CODE
	http_get /-/ready ready
	[ "$(http_code ready)" = "$1" ]
}

# Returns whether such a response has this metric with this value. NAME may have labels.
http_metric() { # FILE NAME VALUE
	[ "$(sed -n "s/^$2 \([0-9.e+-]*\)\r*$/\1/p" "$1")" = "$3" ]
}

# Run the scenario's function outside() with these arguments on the machine that emulates this host, and wait for it.
# Its status is the result.
ask_outside() {
	printf '\nlab: outside %s %s\n' "${PWD##*/}" "$*" >/dev/console
	read -r s2v_answer </dev/console
	[ "$s2v_answer" = 0 ] || echo "outside: '$s2v_answer' (see outside.log)"
	[ "$s2v_answer" = 0 ]
}

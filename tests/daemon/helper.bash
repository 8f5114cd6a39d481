# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the daemon's tests share: a daemon in the background, and what it takes.

# In setup().
begin_test() {
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
	pid='' port='' url=''
}

# Starts it on a port that it picks; sets $pid, $port and $url. ${to:-$out} has its findings.
start() { # ARG...
	"${S2VERIFY:?}" daemon --web.listen-address 127.0.0.1:0 "$@" >"${to:-$out}" 2>"$err" 3>&- &
	pid=$!
	for _ in $(seq 100); do
		grep -q watching "$err" && break
		sleep 0.05
	done
	port=$(sed -n 's/.*listening on 127.*:\([0-9]*\)$/\1/p' "$err")
	url=http://127.0.0.1:$port
}

# Ends it as a service manager does; $status.
# shellcheck disable=SC2034 # $status is for those who call it
stop() {
	status=0
	kill -TERM "$pid"
	wait "$pid" || status=$?
	pid=
	cat "$err"
}

get() { # PATH CURL-ARG...
	curl -sS --max-time 10 "${@:2}" "$url$1"
}

metric() { # NAME{LABELS}
	get /metrics | awk -v m="$1" '$1 == m { print $2 }'
}

# Waits until so many events have been taken.
taken() { # EVENTS SECONDS
	for _ in $(seq $(($2 * 10))); do
		[ "$(metric s2verify_events_total)" != "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

resident() { # Rss|Hwm, KiB
	awk -v k="Vm$1:" 'tolower($1) == tolower(k) { print $2 }' "/proc/$pid/status"
}

# CPU time so far, ns.
cpu() {
	cut -d ' ' -f 1 "/proc/$pid/schedstat"
}

descriptors() {
	find "/proc/$pid/fd" -mindepth 1 | wc -l
}

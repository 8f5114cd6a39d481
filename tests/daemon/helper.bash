# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Shared by the daemon's tests: a daemon in the background, and what it consumes.
# shellcheck source=tests/wait.bash
. "$(dirname "${BASH_SOURCE[0]}")/../wait.bash"

# Call in setup().
begin_test() {
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
	pid='' port='' url=''
}

# Starts the daemon on a free port; sets $pid, $port and $url. Findings go to ${to:-$out}.
start() { # ARG...
	"${S2VERIFY:?}" daemon --web.listen-address 127.0.0.1:0 "$@" >"${to:-$out}" 2>"$err" 3>&- &
	pid=$!
	wait_for begun
	port=$(sed -n 's/.*listening on 127.*:\([0-9]*\)$/\1/p' "$err")
	url=http://127.0.0.1:$port
}

begun() {
	grep -q watching "$err" || ! kill -0 "$pid"
}

# Ends the daemon with SIGTERM; sets $status.
# shellcheck disable=SC2034 # $status is for the caller
stop() {
	status=0
	kill -TERM "$pid"
	wait "$pid" || status=$?
	pid=
	cat "$err"
}

get() { # PATH CURL-ARG...
	curl -sS --max-time 300 "${@:2}" "$url$1"
}

metric() { # NAME{LABELS}
	get /metrics | awk -v m="$1" '$1 == m { print $2 }'
}

metric_is() { # NAME{LABELS} VALUE
	[ "$(metric "$1")" = "$2" ]
}

# Waits until the daemon has processed this many events.
taken() { # EVENTS
	wait_for metric_is s2verify_events_total "$1"
}

events_of() { # FILE
	"$S2VERIFY" export --format jsonl -o "$out.jsonl" "$1" 3>&-
	jq -s '[.[] | select(.type == "event")] | length' "$out.jsonl"
}

# Succeeds if at most N descriptors are open.
descriptors_at_most() { # N
	[ "$(descriptors)" -le "$1" ]
}

# Number of events of a generated host. Per VM: its creation, 4 for each memslot (one for leaves), the end
# of its audit, 9 of its reset. And the end of the audit of all VMs.
events_of_host() { # VMS SLOTS
	echo $(($1 * (1 + 4 * $2 + 1 + 9) + 1))
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

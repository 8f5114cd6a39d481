# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the daemon's tests share: a daemon in the background, and what it takes.
# shellcheck source=tests/wait.bash
. "$(dirname "${BASH_SOURCE[0]}")/../wait.bash"

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
	wait_for begun
	port=$(sed -n 's/.*listening on 127.*:\([0-9]*\)$/\1/p' "$err")
	url=http://127.0.0.1:$port
}

begun() {
	grep -q watching "$err" || ! kill -0 "$pid"
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
	curl -sS --max-time 300 "${@:2}" "$url$1"
}

metric() { # NAME{LABELS}
	get /metrics | awk -v m="$1" '$1 == m { print $2 }'
}

metric_is() { # NAME{LABELS} VALUE
	[ "$(metric "$1")" = "$2" ]
}

# Waits until so many events have been taken.
taken() { # EVENTS
	wait_for metric_is s2verify_events_total "$1"
}

events_of() { # FILE
	"$S2VERIFY" export --format jsonl -o "$out.jsonl" "$1" 3>&-
	jq -s '[.[] | select(.type == "event")] | length' "$out.jsonl"
}

# Are no more descriptors open than so many?
descriptors_at_most() { # N
	[ "$(descriptors)" -le "$1" ]
}

# Events of a generated host: per VM its beginning, three a memslot and its leaves, the end of its
# audit, nine steps of its reset; and the end of the audit of all.
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

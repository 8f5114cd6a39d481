#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The daemon as a service: its notifications to the manager, and socket activation.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
	file=tests/data/s2t/6.1-cortex-a76.s2t
	port=$(free_port)
	daemon=("$S2VERIFY" daemon --replay "$file" --web.listen-address "127.0.0.1:$port")
	sent=$BATS_TEST_TMPDIR/notifications
	pid=''
}

teardown() {
	[ -z "$pid" ] || end "$pid" KILL || true
}

# Run the daemon with these steps of notify.py; its notifications are in $sent.
run_steps() { # [OPTION...] STEPS
	"$BATS_TEST_DIRNAME/notify.py" "$@" "${daemon[@]}" >"$sent" 2>"$BATS_TEST_TMPDIR/err" || {
		cat "$sent" "$BATS_TEST_TMPDIR/err"
		return 1
	}
	grep -v '^{' "$sent" | tee "$sent.only"
	mv "$sent.only" "$sent"
}

# The numbers of the lines that have a state.
at() { # STATE
	grep -nE "[ ;]$1(;|$)" "$sent" | cut -d : -f 1
}

@test "ready, and stopping, in this order, and status 0" {
	run_steps READY,TERM
	[ "$(at READY=1 | wc -l)" -eq 1 ]
	[ "$(at STOPPING=1 | wc -l)" -eq 1 ]
	[ "$(at READY=1)" -lt "$(at STOPPING=1)" ]
	[ "$(tail -1 "$sent")" = "exit 0" ]
}

@test "an abstract socket" {
	run_steps --abstract READY,TERM
	[ -n "$(at READY=1)" ]
	[ "$(tail -1 "$sent")" = "exit 0" ]
}

@test "after READY it answers" {
	"$BATS_TEST_DIRNAME/notify.py" READY,300,TERM "${daemon[@]}" >"$sent" 2>&1 &
	pid=$!
	wait_for grep -q 'READY=1' "$sent"
	[ "$(curl -s "http://127.0.0.1:$port/-/healthy" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}')" = 200 ]
	end "$pid" || true
	pid=''
}

# sd_watchdog_enabled(3) recommends half of the watchdog's time, here 5 s. On a busy machine a notification may come up to
# 5 s late, but never early.
@test "it sends WATCHDOG twice in the watchdog's time" {
	run_steps --watchdog 10 READY,WATCHDOG,WATCHDOG,WATCHDOG,TERM
	awk '/WATCHDOG=1/ { if (last && $1 - last >= 10) bad = 1; last = $1; n++ }
		END { print n " in " last " s"; exit bad || n < 3 || last / n < 3 }' "$sent"
}

@test "without a watchdog it sends no WATCHDOG" {
	run_steps READY,2,TERM
	[ -z "$(at WATCHDOG=1)" ]
}

@test "a reload sends RELOADING, then READY" {
	run_steps READY,0.3,HUP,RELOADING,READY,TERM
	[ "$(at RELOADING=1 | wc -l)" -eq 1 ]
	[ "$(at READY=1 | wc -l)" -eq 2 ]
	[ "$(at RELOADING=1)" -le "$(at READY=1 | tail -1)" ]
	[ "$(tail -1 "$sent")" = "exit 0" ]
}

@test "it runs without a manager" {
	"${daemon[@]}" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	end "$pid"
	pid=''
}

@test "it runs if the manager's socket has no listener" {
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/nobody "${daemon[@]}" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	end "$pid"
	pid=''
}

@test "socket activation: it answers on its sockets, and on no others" {
	command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not installed: tools/install-deps fleet"
	local other=$BATS_TEST_TMPDIR/http.sock
	systemd-socket-activate -l "127.0.0.1:$port" -l "$other" \
		"$S2VERIFY" daemon --replay "$file" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	curl -sf --unix-socket "$other" http://localhost/metrics | grep -q '^s2verify_build_info'
	# It has a single listening TCP socket (state 0A).
	local inodes
	inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' | sort -u)
	[ "$(awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6 | grep -cxF "$inodes")" -eq 1 ]
	end "$pid"
	pid=''
}

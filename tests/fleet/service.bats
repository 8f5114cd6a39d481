#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The daemon as a service: what it tells its manager, and sockets that it is given.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
	file=tests/data/s2t/6.1-cortex-a76.s2t
	port=$(free_port)
	daemon=("$S2VERIFY" daemon --replay "$file" --web.listen-address "127.0.0.1:$port")
	told=$BATS_TEST_TMPDIR/told
	pid=''
}

teardown() {
	[ -z "$pid" ] || end "$pid" KILL || true
}

# Run it with steps; what it told is in $told.
told() { # [OPTION...] STEPS
	"$BATS_TEST_DIRNAME/notify.py" "$@" "${daemon[@]}" >"$told" 2>"$BATS_TEST_TMPDIR/err" || {
		cat "$told" "$BATS_TEST_TMPDIR/err"
		return 1
	}
	grep -v '^{' "$told" | tee "$told.only"
	mv "$told.only" "$told"
}

# Numbers of the lines in which a state stands.
at() { # STATE
	grep -nE "[ ;]$1(;|$)" "$told" | cut -d : -f 1
}

@test "ready, and stopping, in this order, and status 0" {
	told READY,TERM
	[ "$(at READY=1 | wc -l)" -eq 1 ]
	[ "$(at STOPPING=1 | wc -l)" -eq 1 ]
	[ "$(at READY=1)" -lt "$(at STOPPING=1)" ]
	[ "$(tail -1 "$told")" = "exit 0" ]
}

@test "an abstract socket" {
	told --abstract READY,TERM
	[ -n "$(at READY=1)" ]
	[ "$(tail -1 "$told")" = "exit 0" ]
}

@test "when it says that it is ready, it answers" {
	"$BATS_TEST_DIRNAME/notify.py" READY,300,TERM "${daemon[@]}" >"$told" 2>&1 &
	pid=$!
	wait_for grep -q 'READY=1' "$told"
	[ "$(curl -s "http://127.0.0.1:$port/-/healthy" -o "$BATS_TEST_TMPDIR/body" -w '%{http_code}')" = 200 ]
	end "$pid" || true
	pid=''
}

# Half of the watchdog's time is what sd_watchdog_enabled(3) recommends. That is five seconds: as many again are left to a
# machine that does much else besides, which may make it late, and never early.
@test "it says that it is alive twice in the watchdog's time" {
	told --watchdog 10 READY,WATCHDOG,WATCHDOG,WATCHDOG,TERM
	awk '/WATCHDOG=1/ { if (last && $1 - last >= 10) bad = 1; last = $1; n++ }
		END { print n " in " last " s"; exit bad || n < 3 || last / n < 3 }' "$told"
}

@test "without a watchdog it does not" {
	told READY,2,TERM
	[ -z "$(at WATCHDOG=1)" ]
}

@test "a reload is told of: reloading, then ready" {
	told READY,0.3,HUP,RELOADING,READY,TERM
	[ "$(at RELOADING=1 | wc -l)" -eq 1 ]
	[ "$(at READY=1 | wc -l)" -eq 2 ]
	[ "$(at RELOADING=1)" -le "$(at READY=1 | tail -1)" ]
	[ "$(tail -1 "$told")" = "exit 0" ]
}

@test "no manager: it runs all the same" {
	"${daemon[@]}" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	end "$pid"
	pid=''
}

@test "a manager's socket that nobody listens on is no reason to fail" {
	NOTIFY_SOCKET=$BATS_TEST_TMPDIR/nobody "${daemon[@]}" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	end "$pid"
	pid=''
}

@test "socket activation: it answers on what it is given, and on nothing else" {
	command -v systemd-socket-activate >/dev/null || skip "systemd-socket-activate is not installed: tools/install-deps fleet"
	local other=$BATS_TEST_TMPDIR/http.sock
	systemd-socket-activate -l "127.0.0.1:$port" -l "$other" \
		"$S2VERIFY" daemon --replay "$file" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for curl -sfo /dev/null "http://127.0.0.1:$port/-/healthy"
	curl -sf --unix-socket "$other" http://localhost/metrics | grep -q '^s2verify_build_info'
	# Of TCP sockets that listen (state 0A) it has the one.
	local inodes
	inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' | sort -u)
	[ "$(awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6 | grep -cxF "$inodes")" -eq 1 ]
	end "$pid"
	pid=''
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The systemd units, as far as systemd can check them without running them.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	command -v systemd-analyze >/dev/null || skip "systemd-analyze is not installed: tools/install-deps fleet"
	units=$BATS_TEST_TMPDIR
	local unit
	for unit in s2verify.service s2verify.socket; do
		sed "s#@BINDIR@#$(dirname "$S2VERIFY")#" "contrib/systemd/$unit" >"$units/$unit"
	done
	# systemd-analyze complains about the unit's documentation if it is not installed.
	sed -i "s#^Documentation=.*#Documentation=file:$PWD/docs/daemon.md#" "$units"/s2verify.*
}

@test "systemd-analyze verify" {
	run systemd-analyze verify "$units/s2verify.service" "$units/s2verify.socket"
	echo "$output"
	[ "$status" -eq 0 ]
	# It reads the machine's own units, too: messages about those are ignored.
	run ! grep s2verify <<<"$output"
}

# It reports a wrong setting: else the test above would prove nothing.
@test "systemd-analyze verify of a unit with a mistake" {
	sed -i 's/^SystemCallFilter=bpf /SystemCallFilter=no_such_call /; s/^LockPersonality=/LockedPersonality=/' "$units/s2verify.service"
	run systemd-analyze verify "$units/s2verify.service"
	echo "$output"
	grep -q 's2verify.service.*no_such_call' <<<"$output"
	grep -q 's2verify.service.*LockedPersonality' <<<"$output"
}

@test "systemd-analyze security: exposure" {
	systemd-analyze security --help | grep -q -- --offline || skip "this systemd-analyze knows no --offline"
	run systemd-analyze security --offline=yes --threshold=35 "$units/s2verify.service"
	echo "$output"
	[ "$status" -eq 0 ]
}

in_set() { # CALL @SET
	local name
	while read -r name; do
		[ "$name" != "$1" ] || return 0
		[[ $name != @* ]] || ! in_set "$1" "$name" || return 0
	done < <(systemd-analyze syscall-filter "$2" | sed '1d; s/^ *//; /^#/d')
	return 1
}

# The last SystemCallFilter= that names a call decides, after the first, which denies all others.
permitted() { # CALL
	local line token verdict=1
	while read -r line; do
		for token in ${line#\~}; do
			[[ $token == "$1" ]] || { [[ $token == @* ]] && in_set "$1" "$token"; } || continue
			verdict=0
			[[ $line != \~* ]] || verdict=1
		done
	done < <(sed -n 's/^SystemCallFilter=//p' contrib/systemd/s2verify.service)
	return $verdict
}

@test "the system call filter permits what an audit calls to read a vCPU's registers" {
	local call
	for call in $(grep -ohE 'sched_[gs]et[a-z]+\(' src/live/vcpu_regs.c | tr -d '(' | sort -u); do
		echo "$call"
		permitted "$call"
	done
	[ "$call" = sched_setaffinity ] # the last of three
	run ! permitted sched_setscheduler
	run ! permitted reboot
}

@test "capabilities: no more than documented" {
	local caps cap
	read -ra caps < <(sed -n 's/^CapabilityBoundingSet=//p' contrib/systemd/s2verify.service)
	[ "${#caps[@]}" -le 5 ]
	for cap in "${caps[@]}"; do
		echo "$cap"
		grep -q "^| .*\`$cap\`.* |" docs/daemon.md
	done
}

@test "the units listen where the daemon does by default" {
	[ "$(sed -n 's/^ListenStream=.*:\([0-9]*\)$/\1/p' contrib/systemd/s2verify.socket | sort -u)" = 9899 ]
}

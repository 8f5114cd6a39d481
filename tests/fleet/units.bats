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

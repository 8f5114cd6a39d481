#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The command line, on this machine's own build ($S2VERIFY).

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	[ -x "$S2VERIFY" ]
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
}

# Run s2verify: sets $status; stdout is in $out, stderr in $err.
s2v() {
	status=0
	"$S2VERIFY" "$@" >"$out" 2>"$err" || status=$?
}

# Expects a usage error: status 2, nothing on stdout, and a message with this text.
refused() { # TEXT ARG...
	local text=$1
	shift
	s2v "$@"
	echo "status $status, stdout: $(cat "$out"), stderr: $(cat "$err")"
	[ "$status" -eq 2 ]
	[ ! -s "$out" ]
	grep -qF -- "$text" "$err"
}

# A valid live command: on a machine that is not arm64, status 3 and a single sentence.
not_here() { # ARG...
	[ "$(uname -m)" != aarch64 ] || skip "this is an arm64 machine"
	s2v "$@"
	echo "status $status, stdout: $(cat "$out"), stderr: $(cat "$err")"
	[ "$status" -eq 3 ]
	[ ! -s "$out" ]
	[ "$(wc -l <"$err")" -eq 1 ]
	grep -q "$(uname -m)" "$err"
	grep -q 'arm64 host' "$err"
}

@test "--version goes to stdout" {
	s2v --version
	[ "$status" -eq 0 ]
	grep -qE '^s2verify [0-9]' "$out"
	[ ! -s "$err" ]
}

@test "--help lists the commands, on stdout" {
	s2v --help
	[ "$status" -eq 0 ]
	[ ! -s "$err" ]
	for c in check trace explain; do
		grep -qE "^ *$c " "$out"
	done
}

@test "every command has --help, on stdout" {
	for c in check trace explain; do
		s2v $c --help
		[ "$status" -eq 0 ]
		[ ! -s "$err" ]
		grep -q "Usage: s2verify $c" "$out"
	done
}

@test "--help has the options that are required" {
	s2v record --help
	grep -qF "Usage: s2verify record [OPTION...] -o FILE" "$out"
	s2v export --help
	grep -qF "Usage: s2verify export [OPTION...] --format FORMAT -o OUT FILE" "$out"
}

@test "no command" {
	refused "Usage:"
}

@test "unknown command" {
	refused "bogus: no such command" bogus
	refused "no such command" ""
}

@test "unknown option" {
	refused "unrecognized option" --bogus
	refused "unrecognized option" trace --bogus
	refused "unrecognized option" check --bogus
	refused "unrecognized option" explain --bogus
	refused "invalid option" trace -x
}

@test "an option of the command before it" {
	refused "unrecognized option" --json trace
}

@test "unexpected arguments" {
	refused "trace takes options only" trace 123
	refused "check takes options only" check now
	refused "one rule at a time" explain attr-drift device-exec
}

@test "an option without its argument" {
	refused "requires an argument" trace -d
	refused "requires an argument" trace --fail-on
}

@test "durations" {
	for d in "" 0 0s -1 +1 1x 1.5 " 1" 1h30 30m1h ten 1e3; do
		refused "-d $d:" trace -d "$d"
	done
	refused "too long" trace -d 99999999999d
}

@test "process IDs" {
	for p in "" 0 -1 1x 0x1 4194305 99999999999999999999; do
		refused "not a process ID" trace -p "$p"
	done
}

@test "a process that does not exist" {
	sleep 0 &
	wait $!
	refused "no such process" trace -p $!
}

@test "a thread is not a process" {
	# A thread of this system that is no thread group leader, if there is any.
	for t in /proc/[0-9]*/task/*; do
		tid=${t##*/}
		[ -d "$t" ] && [ "${t#/proc/}" != "$tid/task/$tid" ] || continue
		refused "a thread of process" trace -p "$tid"
		return 0
	done
	skip "no process here has threads"
}

@test "severities, methods, buffer sizes" {
	refused "--fail-on=urgent" trace --fail-on urgent
	refused "--fail-on=" trace --fail-on=
	refused "--attach=uprobe" trace --attach=uprobe
	refused "--attach=uprobe" check --attach=uprobe
	for b in 0 1 32K 65535 96K 2G 1T 1MB -1M ""; do
		refused "--buffer=$b:" trace --buffer="$b"
	done
}

@test "check and trace report why they cannot run here" {
	not_here check
	not_here check --json --attach=kprobe -v
	not_here trace
	not_here trace -p $$ -d 1h30m --all --json --fail-on low --attach=fentry --buffer 64K -v
	not_here trace --pid=1 --duration=500ms --buffer=1G --fail-on=CRITICAL --attach=auto
}

@test "bad options are reported before the wrong machine" {
	refused "not a duration" trace --json -d nonsense
}

@test "explain lists every rule with its severity" {
	s2v explain
	[ "$status" -eq 0 ]
	[ ! -s "$err" ]
	for r in s2-noncacheable:critical s2-cacheable:high pfnmap-cacheable-admitted:critical \
		pfnmap-cacheable-refused:info attr-drift:high device-exec:high cap-unqueried:low \
		migration-pinned:info; do
		grep -qE "^${r%:*} +${r#*:} " "$out"
	done
}

@test "explain of each rule" {
	s2v explain
	mapfile -t rules < <(grep -oE '^[a-z0-9-]+' "$out")
	[ "${#rules[@]}" -ge 8 ]
	for r in "${rules[@]}"; do
		s2v explain "$r"
		[ "$status" -eq 0 ]
		[ ! -s "$err" ]
		grep -q "^$r (" "$out"
		grep -q "^Fires when " "$out"
		[ "$(wc -w <"$out")" -gt 40 ]
		[ "$(wc -L <"$out")" -le 80 ]
	done
}

@test "explain of an unknown rule names the nearest" {
	refused "did you mean s2-noncacheable?" explain s2-noncachable
	refused "did you mean attr-drift?" explain drift
	refused '"s2verify explain" lists them' explain something-else-altogether
	refused 'there is no rule ""' explain ""
}

@test "a rule name with an escape sequence does not reach the terminal" {
	refused '\x1b[2J' explain $'\e[2J\xff'
	run ! grep -q $'\e' "$err"
}

@test "results that cannot be written are reported" {
	status=0
	"$S2VERIFY" explain >/dev/full 2>"$err" || status=$?
	[ "$status" -eq 4 ]
	grep -q "No space left" "$err"
}

@test "no crash when the reader has gone" {
	status=0
	"$S2VERIFY" explain 2>"$err" | true
	[ "${PIPESTATUS[0]}" -lt 128 ]
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Helpers for the verdict part of a scenario: bash, in the scenario's output directory. Every failed
# expectation is printed; the scenario fails if any failed, whatever verdict() returns.
lab_failures=0

lab_fail() {
	lab_failures=$((lab_failures + 1))
	printf '  %s\n' "$*"
}

# expect_eq WHAT EXPECTED GOT
expect_eq() {
	[[ $2 == "$3" ]] || lab_fail "$1: expected '$2', got '$3'"
}

# expect_match WHAT REGEX GOT
expect_match() {
	[[ $3 =~ $2 ]] || lab_fail "$1: expected a match of '$2', got '$3'"
}

# expect_true WHAT COMMAND...
expect_true() {
	local what=$1
	shift
	"$@" >/dev/null || lab_fail "$what: failed: $*"
}

# expect_grep WHAT REGEX FILE
expect_grep() {
	grep -qE -- "$2" "$3" || lab_fail "$1: no line of $3 matches '$2'"
}

# expect_jq WHAT FILTER EXPECTED FILE: jq's compact output of FILTER over all objects of an NDJSON file
expect_jq() {
	local got
	got=$(jq -s -c -r "$2" "$4" 2>&1) || true
	expect_eq "$1" "$3" "$got"
}

# Rules of an NDJSON file's findings, sorted, each once: "attr-drift s2-cacheable".
rules_of() {
	jq -s -r '[.[] | select(.type == "finding").rule] | unique | join(" ")' "$1"
}

# expect_findings "RULE RULE" STATUS [PREFIX]: expects findings of these rules, this exit status, a
# complete run, and NDJSON valid by the schema. Files are PREFIXout.json and PREFIXrc.
expect_findings() {
	local ndjson=${3:-}out.json
	expect_eq "rules" "$1" "$(rules_of "$ndjson")"
	expect_eq "exit status" "$2" "$(cat "${3:-}rc")"
	expect_jq "complete" '[.[] | select(.type == "summary") | [.complete, .incomplete // ""]]' \
		'[[true,""]]' "$ndjson"
	expect_schema "$ndjson"
}

expect_schema() {
	local said
	said=$("$LAB_ROOT/tests/cli/validate" "$@" 2>&1) || lab_fail "not valid by docs/schema.json: $said"
}

# Returns whether this kernel checks cacheable PFNMAP memory against the host's features (6.17 on), and
# whether the host has the features that it requires.
kernel_decides() { [[ $LAB_KERNEL == latest ]]; }
host_has_both() { ((LAB_FWB && LAB_DIC)); }

native() {
	echo "$LAB_ROOT/build/$(uname -m | sed s/aarch64/arm64/)/s2verify"
}

# same WHAT LIVE RC ARG...: expects that analyze ARG... has the output and the exit status of the live run
same() {
	local what=$1 live=$2 rc=$3 got status=0
	shift 3
	got=$live.again
	"$(native)" analyze "$@" >"$got" 2>"$got.err" || status=$?
	cmp "$live" "$got" >/dev/null || lab_fail "$what: $(diff "$live" "$got" | head -n 4)"
	expect_eq "$what: exit status" "$(cat "$rc")" "$status"
	expect_eq "$what: stderr" "" "$(cat "$got.err")"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# docs/schema.json and tests/cli/validate: valid lines pass, invalid lines fail.

bats_require_minimum_version 1.5.0

setup() {
	validate=$BATS_TEST_DIRNAME/validate
	good='{"type":"rule","rule":"attr-drift","severity":"high","covered":null,"reason":""}'
}

valid() { # LINE
	run "$validate" - <<<"$1"
	echo "$output"
	[ "$status" -eq 0 ]
}

invalid() { # TEXT LINE
	run "$validate" - <<<"$2"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"$1"* ]]
}

@test "a good line" {
	valid "$good"
}

@test "unknown and missing fields, wrong values" {
	invalid "extra" "${good/\}/,\"extra\":1\}}"
	invalid "'reason' is a required property" "${good/,\"reason\":\"\"/}"
	invalid "covered" "${good/null/1}"
	invalid "severity" "${good/high/urgent}"
	invalid "type" "${good/\"rule\",/\"nonsense\",}"
	invalid "'type' is a required property" '{}'
}

@test "addresses are hexadecimal strings" {
	h='{"type":"event","event":"map","time":"2025-01-01T00:00:00.000000000Z","gpa":"0x0","size":1,"hva":"0x0","flags":[],"count":1}'
	valid "$h"
	invalid "gpa" "${h/\"gpa\":\"0x0\"/\"gpa\":0}"
	invalid "gpa" "${h/\"gpa\":\"0x0\"/\"gpa\":\"0x00\"}"
	invalid "gpa" "${h/\"gpa\":\"0x0\"/\"gpa\":\"0xABC\"}"
	invalid "time" "${h/00Z/00+00:00}"
}

@test "input that is not NDJSON" {
	invalid "not JSON" "{"
	invalid "not JSON" $'"\xff"'
	invalid "twice" "${good/\{/\{\"type\":\"rule\",}"
	run "$validate" - <<<"$good$good"
	[ "$status" -eq 1 ]
	run "$validate" - < <(printf %s "$good")
	[ "$status" -eq 1 ]
	[[ $output == *"cut off"* ]]
	run "$validate" /dev/null
	[ "$status" -eq 1 ]
}

@test "no file, no argument" {
	run "$validate" /nonexistent
	[ "$status" -eq 2 ]
	run "$validate"
	[ "$status" -eq 2 ]
}

@test "the schema has every rule of the catalogue, and no other" {
	"${S2VERIFY:?}" explain | grep -oE '^[a-z0-9]+-[a-z0-9-]+' | sort >"$BATS_TEST_TMPDIR/rules"
	/usr/bin/python3 -c 'import json, sys
names = json.load(sys.stdin)["\x24defs"]["rule_name"]["enum"]
print(*sorted(names), sep="\n")' <"$BATS_TEST_DIRNAME/../../docs/schema.json" |
		diff - "$BATS_TEST_TMPDIR/rules"
}

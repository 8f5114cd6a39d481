#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# How tests/lab/bench evaluates figures, and when it fails. Nothing is booted here.

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	dir=$BATS_TEST_TMPDIR/latest-neoverse-n2
	mkdir -p "$dir/bench"
	echo 7.3.4-arm64 >"$dir/release"
	echo "ready: 9 hooks by fentry; stop with Ctrl-C" >"$dir/bench/trace-err.txt"
	tsv=$BATS_TEST_TMPDIR/figures.tsv
	expected=$BATS_TEST_TMPDIR/expected
}

# MODE NS CPU READER of 1000 faults; two instructions are 4 ns.
figure() {
	echo "$1 pages fault 1000 $2 $3 $4 10 2" >>"$dir/bench/figures"
}

# 10,000 instructions per fault with nothing attached, of which the VMM and its guest run 9,500.
baseline() {
	figure nothing 20000000 19000000 0
	figure nothing-after "${1:-20000000}" 19000000 0
}

field() { # MODE FIELD
	awk -F '\t' -v mode="$1" -v field="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
		$at["mode"] == mode { print $at[field] }' "$tsv"
}

# trace adds 600 instructions, 500 of them to the VMM and its guest. Its reader takes 300, partly among these 600.
measured() {
	baseline
	figure trace 21200000 20000000 600000
	tests/bench/figures "$dir" >"$tsv"
}

@test "figures: instructions, added instructions, per cent" {
	measured
	[ "$(field nothing instructions)" = 10000 ]
	[ "$(field trace instructions)" = 10600 ]
	[ "$(field trace baseline)" = 10000 ]
	[ "$(field trace added)" = 600 ]
	[ "$(field trace percent)" = 6.0 ]
	[ "$(field trace own)" = 10000 ]
	[ "$(field trace reader)" = 300 ]
	[ "$(field trace spread)" = 0.10 ]
	[ "$(field trace method) $(field trace cpu) $(field trace kernel)" = "fentry neoverse-n2 latest" ]
}

@test "figures: baselines that disagree are an error" {
	baseline 20390000
	tests/bench/figures "$dir" >"$tsv"
	rm "$dir/bench/figures"
	baseline 20440000
	run tests/bench/figures "$dir"
	[ "$status" = 1 ]
	[[ "$output" == *"2.2 % apart (pages)"* ]]
}

@test "figures: a workload without a baseline is an error" {
	figure trace 21000000 20000000 0
	run tests/bench/figures "$dir"
	[ "$status" = 1 ]
	[[ "$output" == *"no baseline of pages"* ]]
}

@test "compare: 20 % more than stored passes, more than that fails" {
	measured # adds 500 to the VMM and its guest
	echo "latest trace pages 417" >"$expected"
	tests/bench/compare "$expected" "$tsv"
	echo "latest trace pages 416" >"$expected"
	run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 1 ]
	[[ "$output" == "FAILED  latest trace pages"*"adds 500 instructions, stored 416 (+20.2 %)" ]]
}

@test "compare: less passes" {
	measured
	echo "latest trace pages 5000" >"$expected"
	run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 0 ]
	[[ "$output" == "ok "*"(-90.0 %)" ]]
}

@test "compare: each stored figure must be measured, and vice versa" {
	measured
	printf '%s\n' "latest trace pages 600" "latest record pages 700" "6.1 trace pages 700" >"$expected"
	run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 1 ]
	[[ "$output" == *"FAILED  latest record pages"*"not measured"* ]]
	[[ "$output" != *"6.1"* ]]
	BENCH_SKIPPED=record tests/bench/compare "$expected" "$tsv"
	echo "latest record pages 700" >"$expected"
	BENCH_SKIPPED=record run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 1 ]
	[[ "$output" == *"FAILED  latest trace pages"*"none stored"* ]]
}

@test "compare: an error without stored figures, or without figures" {
	measured
	run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 1 ]
	echo "latest trace pages 600" >"$expected"
	: >"$tsv"
	run tests/bench/compare "$expected" "$tsv"
	[ "$status" = 1 ]
}

@test "compare --store writes what compare accepts" {
	measured
	tests/bench/compare --store "$tsv" >"$expected"
	[ "$(cat "$expected")" = "latest trace pages 500" ]
	BENCH_WITHIN=0 tests/bench/compare "$expected" "$tsv"
}

@test "the stored figures have a line for each kernel and mode" {
	local kernel mode
	for kernel in latest 6.1; do
		for mode in trace record; do
			grep -qE "^$kernel $mode pages [1-9][0-9]*\$" tests/lab/bench.expected
		done
	done
}

# shellcheck disable=SC2016 # these are backquotes of Markdown
@test "table: a row for each mode that was measured, a column for each kernel" {
	measured
	run tests/bench/table small "$tsv" "$tsv"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "| attached | fentry: Linux 7.3, neoverse-n2 | fentry: Linux 7.3, neoverse-n2 | what it delivers |" ]
	[[ "${lines[3]}" == '| `trace` | 10,600 (+6.0 %) | 10,600 (+6.0 %) | every mapping'* ]]
	[ "${#lines[@]}" = 4 ]
	run tests/bench/table full "$tsv"
	[[ "$output" == *'| `trace` | 10,600 (+6.0 %) |  |  |  |  |  | 300 |'* ]]
}

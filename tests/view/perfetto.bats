#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The Perfetto export, decoded by protoc against the published field numbers.

bats_require_minimum_version 1.5.0

setup() {
	: "${VIEWGEN:?path of viewgen (make view)}"
	command -v protoc >/dev/null || skip "protoc is not installed: tools/install-deps view"
	dir=$BATS_TEST_TMPDIR
}

# Fails if protoc warns: names must be valid UTF-8.
decode() { # TRACE
	protoc -Itests/view --decode=perfetto.protos.Trace tests/view/perfetto_published.proto <"$1" >"$1.txt" 2>"$1.err"
	cat "$1.err"
	[ ! -s "$1.err" ]
}

@test "tracks, nesting of slices, counts and times match the run" {
	"$VIEWGEN" perfetto "$dir/run.pftrace" >"$dir/run.json"
	decode "$dir/run.pftrace"
	PYTHONDONTWRITEBYTECODE=1 python3 tests/view/perfetto.py "$dir/run.pftrace.txt" "$dir/run.json"
	"$VIEWGEN" --vms 60 --events 60000 perfetto "$dir/many.pftrace" >"$dir/many.json"
	decode "$dir/many.pftrace"
	PYTHONDONTWRITEBYTECODE=1 python3 tests/view/perfetto.py "$dir/many.pftrace.txt" "$dir/many.json"
}

@test "a finding on the guest's own stage 1 has its type and address" {
	"$VIEWGEN" --guest perfetto "$dir/guest.pftrace" >"$dir/guest.json"
	decode "$dir/guest.pftrace"
	# Two findings; 0xffff800010000000 and 0x20000000, as in gen_guest.c.
	[ "$(grep -c 'name: "guest-noncacheable"' "$dir/guest.pftrace.txt")" -eq 2 ]
	[ "$(grep -B 1 'name: "guest_va"' "$dir/guest.pftrace.txt" | grep -o '[0-9]*$' | sort | paste -sd ' ')" = \
		"$(printf '%u %u' 0xffff800010000000 0x20000000)" ]
	[ "$(grep -B 1 'name: "guest"' "$dir/guest.pftrace.txt" | grep -o '"normal.*"\|"device.*"' | sort | paste -sd ' ')" = '"device-nGnRnE" "normal-nc"' ]
}

@test "a run that was cut short makes a valid trace" {
	"$VIEWGEN" --cut perfetto "$dir/cut.pftrace" >"$dir/cut.json"
	decode "$dir/cut.pftrace"
	[ "$(grep -c TYPE_SLICE_BEGIN "$dir/cut.pftrace.txt")" -eq "$(grep -c TYPE_SLICE_END "$dir/cut.pftrace.txt")" ]
	[ "$(grep -c 'name: "fault"' "$dir/cut.pftrace.txt")" -eq "$(jq .faults "$dir/cut.json")" ]
}

@test "all field names and numbers are published ones" {
	# src/sink/perfetto.proto has numbers for enums, so types are not compared.
	while read -r name number; do
		echo "$name = $number"
		grep -qE "[A-Za-z0-9]+ $name = $number;" tests/view/perfetto_published.proto
	done < <(sed -nE 's/^\t(optional|repeated) [A-Za-z0-9]+ ([a-z_]+) = ([0-9]+);.*/\2 \3/p' src/sink/perfetto.proto)
	[ "$(grep -cE '^	(optional|repeated)' src/sink/perfetto.proto)" -ge 20 ]
}

@test "memory does not grow with the number of events, and a full disk is an error" {
	export ASAN_OPTIONS=quarantine_size_mb=1
	"$VIEWGEN" --events 300000 perfetto "$dir/a.pftrace" >"$dir/a.json"
	"$VIEWGEN" --events 900000 perfetto "$dir/b.pftrace" >"$dir/b.json"
	a=$(jq .max_rss_kib "$dir/a.json") b=$(jq .max_rss_kib "$dir/b.json")
	echo "$a KiB, with three times the events $b KiB"
	((b < a + a / 10))
	run -1 "$VIEWGEN" perfetto /dev/full
	[[ $output == *"No space left"* ]]
	[ -c /dev/full ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# analyze and export on files that were recorded in the lab (tests/data/s2t/README.md). The expected
# results follow from what the guests did there, not from earlier output.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	data=$BATS_TEST_DIRNAME/../data/s2t
	n2=$data/latest-neoverse-n2.s2t a76=$data/6.1-cortex-a76.s2t stage1=$data/6.12-cortex-a76-stage1.s2t
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
}

# Run s2verify: sets $status; stdout is in $out, stderr in $err.
s2v() {
	status=0
	"$S2VERIFY" "$@" >"$out" 2>"$err" || status=$?
	echo "status $status; $(head -c 400 "$err")"
}

refused() { # TEXT ARG...
	local text=$1
	shift
	s2v "$@"
	[ "$status" -eq 2 ]
	[ ! -s "$out" ]
	grep -qF -- "$text" "$err"
}

# The last line of each finding: rule, VM, count.
findings() {
	jq -s -c '[.[] | select(.type == "finding")] | group_by(.id) | map(last) | map([.rule, .vm.id, .count]) | sort' "$out"
}

@test "a host with S2FWB and DIC: findings" {
	s2v analyze --json "$n2"
	[ "$status" -eq 1 ]
	[ ! -s "$err" ]
	# 64 KiB of write-combined RAM in VM 1; 64 KiB of a cacheable device in VM 2, which did not query the capability.
	[ "$(findings)" = '[["cap-unqueried",2,1],["migration-pinned",2,16],["s2-cacheable",1,16]]' ]
	[ "$(jq -s -c 'last | [.type, .complete, .vms, .lost]' "$out")" = '["summary",true,3,0]' ]
}

@test "a host with neither: findings" {
	s2v analyze --json "$a76"
	[ "$status" -eq 1 ]
	# The device is mapped as Device there; and of two unmaps a reset, one is too many.
	[ "$(findings)" = '[["pfnmap-cacheable-admitted",2,1],["reset-unmap-repeated",1,1],["reset-unmap-repeated",3,1],["s2-cacheable",1,16],["s2-noncacheable",2,16]]' ]
}

# What the guests of tests/lab/scenarios/stage1.sh map: 1 MiB a memslot unless it is named.
@test "the guest's own stage 1: findings" {
	s2v analyze --json "$stage1"
	[ "$status" -eq 4 ]
	# VM 1: memslot 5 is cacheable, and 64 KiB and 128 KiB of it not by other addresses. VM 2: a vCPU for each format.
	[ "$(jq -s -c '[.[] | select(.type == "finding") | [.vm.id, .memslot.id, .guest.attr, .bytes, .guest.alias_bytes]] | sort[]' "$out")" = \
		'[1,3,"normal-nc",1048576,0]
[1,4,"device-nGnRnE",1048576,0]
[1,5,"normal-nc",196608,196608]
[2,2,"normal-nc",1048576,0]
[2,3,"normal-nc",1048576,0]
[2,4,"normal-nc",1048576,0]
[2,5,"normal-nc",1048576,0]
[2,6,"normal-nc",1048576,0]
[2,7,"normal-nc",1048576,0]
[2,8,"normal-nc",1048576,0]
[7,2,"normal-nc",1048576,0]' ]
	[ "$(jq -r 'select(.type == "finding").rule' "$out" | sort -u)" = guest-noncacheable ]
	[ "$(jq -c 'select(.type == "finding" and .vm.id == 1 and .memslot.id == 5) | [.gpa_low, .gpa_high, .count, .guest.va, .guest.ttbr]' "$out")" = \
		'["0x80510000","0x8059ffff",2,"0xffff000010000000",1]' ]
}

@test "the guest's own stage 1: vCPUs, contract, completeness" {
	s2v analyze --json "$stage1"
	# VM 3: MMU off, caches off, no walks, Write-Back; VM 4: tables that lead to themselves; 6: in a device's memory.
	[ "$(jq -s -c '[.[] | select(.type == "vcpu") | [.vm.id, .vcpu, (.flags - ["tvm"] | join(","))]] | map(select(.[0] != 2)) | sort[]' "$out")" = \
		'[1,0,""]
[1,1,"shared"]
[3,0,"mmu-off"]
[3,1,"cache-off"]
[3,2,""]
[3,3,""]
[4,0,"bound"]
[4,1,"bound"]
[5,0,""]
[6,0,"not-ram"]
[7,0,""]' ]
	[ "$(jq -s -c '[.[] | select(.type == "vcpu" and .vm.id == 2)] | [length, ([.[].flags[]] | unique)]' "$out")" = '[7,["tvm"]]' ]
	# VM 5: a table in no memslot.
	[ "$(jq -c 'select(.type == "vcpu" and .tables_absent > 0) | [.vm.id, .tables_absent]' "$out")" = '[5,1]' ]
	[ "$(jq -s -c '[.[] | select(.type == "memslot" and .vm.id == 1 and .id > 1 and .id < 31) | [.id, .guest.bytes, .guest.alias_bytes, .vmm_cmo_now]] | sort[]' "$out")" = \
		'[2,{"normal-wb":1048576},0,"icache"]
[3,{"normal-nc":1048576},0,"data+icache"]
[4,{"device-nGnRnE":1048576},0,"data+icache"]
[5,{"normal-wb":1048576,"normal-nc":65536,"device-nGnRE":131072},196608,"data+icache"]' ]
	# With an MMU off, or tables that were not walked, nothing is taken off what the VMM owes.
	[ "$(jq -s -c '[.[] | select(.type == "memslot" and .id == 2 and (.vm.id | IN(3, 4, 6))) | [.guest.bytes, .vmm_cmo_now]] | unique' "$out")" = \
		'[[{"normal-wb":1048576},"data+icache"]]' ]
	[ "$(jq -s -c 'last | [.complete, [.unverified_vms[] | [.id, .guest_vcpus]], .complete_but_for_these]' "$out")" = '[false,[[4,2],[6,1]],true]' ]
	s2v analyze "$stage1"
	grep -qE 'stage 2 +guest +WB' "$out"
	grep -qE '^  vCPU 0: MMU off' "$out"
	# One VM alone.
	s2v analyze --json --vm 7 "$stage1"
	[ "$(jq -r 'select(.type == "vcpu" or .type == "finding" or .type == "memslot").vm.id' "$out" | sort -u)" = 7 ]
	grep -q '"type":"vcpu"' "$out"
}

@test "the guest's own stage 1 in a report and a database" {
	s2v analyze --html "$BATS_TEST_TMPDIR/guest.html" "$stage1"
	# 7 VMs: memslots 31 and 1 of each, and 4 + 7 + 1 + 1 + 1 + 2 + 1.
	[ "$(grep -o 'class="bar guest"' "$BATS_TEST_TMPDIR/guest.html" | wc -l)" -eq 31 ]
	grep -q 'guest: 1 MiB normal-wb, 64 KiB normal-nc, 128 KiB device-nGnRE (192 KiB of it also cacheable)' "$BATS_TEST_TMPDIR/guest.html"
	s2v analyze --html "$BATS_TEST_TMPDIR/none.html" "$a76"
	run ! grep -q 'class="bar guest"' "$BATS_TEST_TMPDIR/none.html"
	command -v sqlite3 >/dev/null || skip "sqlite3 is not installed"
	s2v export --format sqlite -o "$BATS_TEST_TMPDIR/guest.db" "$stage1"
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/guest.db" "SELECT flags FROM vcpus WHERE vm_id = 4")" = $'tvm,bound\ntvm,bound' ]
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/guest.db" "SELECT attr, sum(bytes) FROM guest_ranges WHERE vm_id = 1 GROUP BY attr ORDER BY attr")" = \
		$'device-nGnRE|131072\ndevice-nGnRnE|1048576\nnormal-nc|1114112\nnormal-wb|2097152' ]
}

@test "resets" {
	s2v analyze --resets --json "$a76"
	[ "$status" -eq 0 ]
	# VM 1: 256 KiB and the code page, of which 128 KiB and that page come back; VM 3: 64 KiB, all of it.
	[ "$(jq -c 'select(.type == "reset") | [.vm.id, .vcpus, .unmaps, .redundant, .unmapped_bytes, .refaults]' "$out" | sort | tr '\n' ' ')" = \
		'[1,2,2,1,266240,33] [3,1,2,1,69632,17] ' ]
	[ "$(jq -c 'select(.type == "reset").verdict' "$out" | sort -u)" = '"redundant-repeat"' ]
	# Rules that were not asked for are not claimed as covered.
	[ "$(jq -r 'select(.type == "rule" and .covered != null).rule' "$out" | sort | tr '\n' ' ')" = \
		'reset-unmap-missing reset-unmap-repeated ' ]
	[ "$(jq -r 'select(.type == "rule" and .rule == "s2-noncacheable").reason' "$out")" = "only the rules of resets apply" ]
	s2v analyze --resets --json --fail-on low "$a76"
	[ "$status" -eq 1 ]
	s2v analyze --resets --json "$n2"
	[ "$(jq -c 'select(.type == "reset") | [.vm.id, .unmaps, .verdict]' "$out" | sort | tr '\n' ' ')" = \
		'[1,0,"no-unmap"] [3,0,"no-unmap"] ' ]
}

@test "output is valid by the schema" {
	for f in "$n2" "$a76" "$stage1"; do
		s2v analyze --json --all "$f"
		"$BATS_TEST_DIRNAME/validate" "$out"
		s2v analyze --json --resets "$f"
		"$BATS_TEST_DIRNAME/validate" "$out"
	done
}

@test "text" {
	s2v analyze "$n2"
	[ "$status" -eq 1 ]
	grep -q '^HIGH s2-cacheable ' "$out"
	grep -q '^Coherence contract of vm 2' "$out"
	grep -q 'complete: every applicable rule covered' "$out"
}

@test "standard input" {
	status=0
	"$S2VERIFY" analyze --json - <"$n2" >"$out" || status=$?
	[ "$status" -eq 1 ]
	"$S2VERIFY" analyze --json "$n2" | cmp - "$out"
	# A pipe: reads return less than asked for.
	(head -c 100 "$n2" && sleep 0.2 && tail -c +101 "$n2") | "$S2VERIFY" analyze --json - | cmp - "$out"
}

@test "filters" {
	s2v analyze --json --rule migration-pinned "$n2"
	[ "$status" -eq 0 ]
	[ "$(findings)" = '[["migration-pinned",2,16]]' ]
	s2v analyze --json --vm 1 "$n2"
	[ "$(findings)" = '[["s2-cacheable",1,16]]' ]
	[ "$(jq -r 'select(.type == "memslot").vm.id' "$out" | sort -u)" = 1 ]
	# The counters are of the whole recording; so are the verdicts.
	[ "$(jq -s -c 'last | [.vms, .complete]' "$out")" = '[3,true]' ]
	pid=$(jq -s '.[-2].vm.pid' "$out")
	s2v analyze --json -p "$pid" --rule s2-cacheable "$n2" # all three VMs are its
	[ "$status" -eq 1 ]
	[ "$(findings)" = '[["s2-cacheable",1,16]]' ]
	s2v analyze --json --vm 3 "$n2"
	[ "$status" -eq 0 ]
	[ "$(findings)" = '[]' ]
	s2v analyze --json --all "$n2"
	total=$(grep -c '"type":"event"' "$out")
	middle=$(jq -r 'select(.type == "event").time' "$out" | sed -n "$((total / 2))p")
	s2v analyze --json --all --since "$middle" "$n2"
	after=$(grep -c '"type":"event"' "$out")
	s2v analyze --json --all --until "$middle" "$n2"
	before=$(grep -c '"type":"event"' "$out")
	[ "$((before + after))" -gt "$total" ] # the event at that time is in both
	[ "$((before + after))" -le "$((total + 5))" ]
	s2v analyze --json --all --since +1h "$n2"
	[ "$(grep -c '"type":"event"' "$out")" -eq 0 ]
	[ "$status" -eq 4 ]
	[ "$(jq -s -r 'last.incomplete' "$out")" = "3 findings of other times not shown" ]
}

@test "filters that match nothing give no all-clear" {
	local page=$BATS_TEST_TMPDIR/none.html
	s2v analyze --json -p 1 "$n2"
	[ "$status" -eq 3 ]
	grep -q "$n2: the recording has no VM of process 1;" "$err"
	[ "$(jq -s -c 'last | [.complete, .incomplete]' "$out")" = \
		'[false,"the recording has no VM of process 1"]' ]
	s2v analyze --vm 99 "$a76"
	[ "$status" -eq 3 ]
	grep -q "INCOMPLETE: the recording has no VM 99" "$out"
	s2v analyze --html "$page" --vm 99 "$n2"
	[ "$status" -eq 3 ]
	run ! grep -q 'Safe:' "$page"
	# An HTML page says that there is more than it shows.
	s2v analyze --html "$page" --vm 3 "$n2"
	[ "$status" -eq 4 ]
	grep -q '3 findings of other VMs or rules not shown' "$page"
}

@test "a file that is cut off" {
	head -c 3000 "$n2" >"$BATS_TEST_TMPDIR/cut.s2t"
	s2v analyze --json "$BATS_TEST_TMPDIR/cut.s2t"
	grep -q 'was not closed' "$err"
	[ "$(jq -s -c 'last | [.complete, (.incomplete | test("end is missing"))]' "$out")" = '[false,true]' ]
	head -c 1200 "$n2" >"$BATS_TEST_TMPDIR/cut.s2t"
	s2v analyze --json "$BATS_TEST_TMPDIR/cut.s2t"
	[ "$status" -eq 4 ] || [ "$status" -eq 3 ]
}

@test "files that are no trace files" {
	for f in /dev/null "$BATS_TEST_FILENAME"; do
		s2v analyze "$f"
		[ "$status" -eq 3 ]
		[ ! -s "$out" ]
		grep -q "cannot read $f: not a trace file of s2verify" "$err"
	done
	s2v analyze /nonexistent.s2t
	[ "$status" -eq 3 ]
	grep -q 'cannot read /nonexistent.s2t: No such file' "$err"
	s2v export /nonexistent.s2t --format jsonl -o /dev/null
	[ "$status" -eq 3 ]
}

@test "a newer format is refused by its version" {
	{
		head -c 8 "$n2"
		printf '\x02\x00\x05\x00'
		tail -c +13 "$n2" | head -c 16
		# CRC-32 of the 28 bytes before, as gzip computes it
	} >"$BATS_TEST_TMPDIR/head"
	gzip -c "$BATS_TEST_TMPDIR/head" | tail -c 8 | head -c 4 >"$BATS_TEST_TMPDIR/crc"
	{
		cat "$BATS_TEST_TMPDIR/head" "$BATS_TEST_TMPDIR/crc"
		tail -c +33 "$n2"
	} >"$BATS_TEST_TMPDIR/newer.s2t"
	s2v analyze "$BATS_TEST_TMPDIR/newer.s2t"
	[ "$status" -eq 3 ]
	grep -q 'version 2.5.*reads version 1' "$err"
}

@test "export jsonl has every event, finding, memslot and reset" {
	s2v export "$a76" --format jsonl -o "$BATS_TEST_TMPDIR/x.jsonl"
	[ "$status" -eq 0 ]
	[ ! -s "$out" ]
	"$BATS_TEST_DIRNAME/validate" "$BATS_TEST_TMPDIR/x.jsonl"
	[ "$(jq -r .type "$BATS_TEST_TMPDIR/x.jsonl" | sort -u | tr '\n' ' ')" = \
		'event finding hook host memslot reset reset_total rule summary ' ]
	cd "$BATS_TEST_TMPDIR"
	s2v export "$a76" --format jsonl -o -
	[ "$status" -eq 0 ]
	cmp "$out" x.jsonl
	[ ! -e ./- ]
	refused "wants a file of its own" export "$a76" --format sqlite -o -
}

@test "results that cannot be written" {
	[ -w /dev/full ] || skip "no /dev/full"
	s2v export "$n2" --format jsonl -o /dev/full
	[ "$status" -eq 3 ]
	grep -q 'cannot write /dev/full: No space left' "$err"
	status=0
	"$S2VERIFY" analyze --json "$n2" >/dev/full 2>"$err" || status=$?
	[ "$status" -ne 0 ]
	grep -q 'results could not be written' "$err"
}

@test "usage" {
	refused "which file?" analyze
	refused "one file at a time" analyze "$n2" "$a76"
	refused "no such rule" analyze --rule nothing "$n2"
	refused "not a time" analyze --since yesterday "$n2"
	refused "not a duration" analyze --until +soon "$n2"
	refused "not the number of a VM" analyze --vm 0 "$n2"
	refused "must be info, low" analyze --fail-on urgent "$n2"
	refused "--format is needed" export "$n2" -o x
	refused "-o OUT is needed" export "$n2" --format jsonl
	refused "must be one of: jsonl" export "$n2" --format xml -o x
	refused "-o FILE is needed" record
	refused "64M is a size, 10m a time" record -o x --ring 10
	refused "1M or more" record -o x --ring 4K
	refused "does not go with --rotate" record -o x --ring 64M --rotate 10M
	refused "--rotate=1K" record -o x --rotate 1K
	refused "--trigger=urgent" record -o x --trigger urgent
}

@test "analyze --html and export: the findings of the recording, in each format" {
	local file=tests/data/s2t/6.1-cortex-a76.s2t rules
	rules=$("$S2VERIFY" analyze --json "$file" | jq -r 'select(.type == "finding") | .rule' | sort -u)
	[ -n "$rules" ]
	run -1 "$S2VERIFY" analyze --html "$BATS_TEST_TMPDIR/r.html" "$file"
	[ -z "$output" ]
	local rule
	while read -r rule; do grep -q "$rule" "$BATS_TEST_TMPDIR/r.html"; done <<<"$rules"
	run ! grep -qE '(src|href)="?https?:' "$BATS_TEST_TMPDIR/r.html"
	run -2 "$S2VERIFY" analyze --html "$BATS_TEST_TMPDIR/r.html" --json "$file"
	"$S2VERIFY" export --format perfetto -o "$BATS_TEST_TMPDIR/r.pf" "$file"
	[ -s "$BATS_TEST_TMPDIR/r.pf" ]
	"$S2VERIFY" export --format sqlite -o "$BATS_TEST_TMPDIR/r.db" "$file"
	! command -v sqlite3 >/dev/null ||
		[ "$(sqlite3 "$BATS_TEST_TMPDIR/r.db" 'select distinct rule from findings order by 1')" = "$rules" ]
}

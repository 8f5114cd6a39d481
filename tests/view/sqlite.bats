#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The SQLite export: every query of docs/export.md, compared with the numbers of the generator.

bats_require_minimum_version 1.5.0

setup_file() {
	: "${VIEWGEN:?path of viewgen (make view)}"
	export db=$BATS_FILE_TMPDIR/run.db truth=$BATS_FILE_TMPDIR/run.json
	"$VIEWGEN" sqlite "$db" >"$truth"
}

setup() {
	command -v sqlite3 >/dev/null || skip "sqlite3 is not installed: tools/install-deps view"
}

# Prints the query below a heading of docs/export.md.
query() { # HEADING
	awk -v h="### $1" '$0 == h { on = 1; next } on && /^```$/ { exit } on && sql { print } on && /^```sql/ { sql = 1 }' \
		docs/export.md
}

ask() { # HEADING
	local sql
	sql=$(query "$1")
	[ -n "$sql" ]
	sqlite3 -bail -readonly "$db" "$sql"
}

# Compares the generator's numbers, by a jq program, with a text.
same() { # JQ-PROGRAM TEXT
	local want
	want=$(jq -r "$1" "$truth")
	printf 'expected:\n%s\ngot:\n%s\n' "$want" "$2"
	[ "$want" = "$2" ]
}

@test "every query of the documentation runs, with columns that exist" {
	n=0
	while IFS= read -r heading; do
		ask "$heading" >/dev/null
		n=$((n + 1))
	done < <(sed -n 's/^### //p' docs/export.md)
	[ "$n" -ge 9 ]
	[ "$n" -eq "$(grep -c '^```sql' docs/export.md)" ]
}

@test "the database passes SQLite's checks and has its schema version" {
	[ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]
	[ -z "$(sqlite3 "$db" 'PRAGMA foreign_key_check')" ]
	[ "$(sqlite3 "$db" 'PRAGMA user_version')" = 1 ]
	[ ! -e "$db.tmp" ] && [ ! -e "$db.tmp-journal" ]
}

@test "a run is complete, or the reason is there" {
	[ "$(ask 'Can this run be relied on?')" = $'complete|1\nincomplete|\nlost|0' ]
	"$VIEWGEN" --lost 3 sqlite "$BATS_TEST_TMPDIR/lost.db" >/dev/null
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/lost.db" "$(query 'Can this run be relied on?')")" = \
		$'complete|0\nincomplete|3 events lost (use a larger --buffer)\nlost|3' ]
	"$VIEWGEN" --cut sqlite "$BATS_TEST_TMPDIR/cut.db" >/dev/null
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/cut.db" "SELECT value FROM meta WHERE key = 'complete'")" = 0 ]
}

@test "unsafe mappings: how many in which VM, and where" {
	rows=$(ask 'Which VMs are unsafe, and where?')
	same '.per_vm[] | select(.unsafe_maps > 0) | "\(.id)|\(.unsafe_maps)"' \
		"$(awk -F'|' '{ print $1 "|" $NF }' <<<"$rows")"
	# The addresses that gen.c gives its device memory.
	grep -q '^1|4001|.*|0x8000000000|17$' <<<"$rows"
	grep -q '^2|4002|.*|0x18000000000|1$' <<<"$rows"
	rows=$(ask 'Which driver is behind unsafe memory?')
	[ "$rows" = $'nvgrace_gpu|2|18\nvgem|1|1' ]
}

@test "findings by rule and severity" {
	rows=$(ask 'Findings by rule, the gravest first')
	for severity in critical high low; do
		same ".findings.$severity" "$(awk -F'|' -v s=$severity '$2 == s { n += $3 } END { print n + 0 }' <<<"$rows")"
	done
	same .unsafe_maps "$(awk -F'|' '/^s2-/ { n += $4 } END { print n }' <<<"$rows")"
	[ "$(head -1 <<<"$rows" | cut -d'|' -f2)" = critical ]
}

@test "faults and the time they took" {
	rows=$(ask 'Faults of each VM, and how long they took')
	same '.per_vm[] | "\(.id)|\(.faults)"' "$(cut -d'|' -f1,2 <<<"$rows")"
	same .fault_ns "$(awk -F'|' '{ n += $3 } END { printf "%d\n", n }' <<<"$rows")"
	slow=$(ask 'The slowest tenth of a second')
	[ "$(sqlite3 "$db" "SELECT max(s) FROM (SELECT sum(duration_ns) s FROM faults GROUP BY time_ns / 100000000)")" = "${slow##*|}" ]
}

@test "resets and unmaps" {
	# As JSON, since a name has a newline.
	rows=$(sqlite3 -json "$db" "$(query 'What resets cost, and what of it was for nothing')")
	same '[.per_vm[] | select(.resets > 0) | "\(.id)|\(.resets)"][]' \
		"$(jq -r 'sort_by(.vm_id)[] | "\(.vm_id)|\(.resets)"' <<<"$rows")"
	same .unmap_ns "$(jq 'map(.unmap_ns) | add' <<<"$rows")"
	same '"\(.unmaps)|\(.unmap_ns)"' "$(sqlite3 "$db" 'SELECT count(*), sum(duration_ns) FROM unmaps')"
}

@test "registrations, refusals and deletions of memslots" {
	[ "$(ask 'Memslots that the kernel refused')" = '4|4|0xa000000000|2097152|EINVAL' ]
	same .registrations "$(sqlite3 "$db" "SELECT count(*) FROM registrations WHERE change = 'create'")"
	[ "$(sqlite3 "$db" "SELECT count(*) FROM registrations WHERE change = 'delete'")" = 5 ]
}

@test "the guest's own stage 1: what gen_guest.c writes" {
	local guest=$BATS_TEST_TMPDIR/guest.db
	"$VIEWGEN" --guest sqlite "$guest" >/dev/null
	[ -z "$(sqlite3 "$guest" 'PRAGMA foreign_key_check')" ]
	# VM 1: 64 KiB and 4 KiB; VM 5: 70 pages.
	[ "$(sqlite3 "$guest" "$(query 'What a guest maps not cacheable')")" = \
		$'1|0|0x60000000|device-nGnRE|4096|4096\n1|0|0x50000000|normal-nc|65536|65536\n5|0|0x40000000|device-nGnRnE|286720|0' ]
	# VM 1: one is off; VM 2: MMU off; VM 4: nested.
	[ "$(sqlite3 "$guest" "$(query 'vCPUs whose tables were not walked')")" = \
		$'1|4001|2|off\n2|4002|0|mmu-off\n2|4002|1|mmu-off\n4|4004|0|nested' ]
	[ "$(sqlite3 "$guest" "SELECT vm_id, vcpu, flags, tables, leaves, tables_absent FROM vcpus WHERE vm_id IN (3, 5)")" = \
		$'3|0|stale,not-ram|3|512|0\n5|0|tvm|300|70|2' ]
	[ "$(sqlite3 "$guest" "SELECT DISTINCT sctlr_el1, tcr_el1, mair_el1, ttbr0_el1, ttbr1_el1 FROM vcpus_hex")" = \
		'0x30d00805|0x280100010|0x44ff|0x41000000|0x41001000' ]
	[ "$(sqlite3 "$guest" "SELECT guest, guest_va, gpa, count FROM findings_hex WHERE guest IS NOT NULL ORDER BY id")" = \
		$'normal-nc|0xffff800010000000|0x50000000|2\ndevice-nGnRnE|0x20000000|0x40000000|70' ]
	[ "$(sqlite3 "$guest" "SELECT guest_alias_bytes, bytes FROM findings WHERE rule = 'guest-noncacheable' ORDER BY id")" = \
		$'69632|69632\n0|286720' ]
	[ "$(sqlite3 "$guest" "SELECT vm_id, json_extract(guest_bytes, '$.\"normal-wb\"'), guest_alias_bytes, vmm_cmo_now
		FROM memslots WHERE slot = 0 AND guest_bytes IS NOT NULL ORDER BY vm_id")" = \
		$'1|2147483648|69632|data+icache\n2||0|data+icache\n3|2097152|0|data+icache\n4||0|data+icache\n5|2097152|0|data+icache' ]
	# Without an audit there is nothing.
	[ "$(sqlite3 "$db" 'SELECT (SELECT count(*) FROM vcpus) + (SELECT count(*) FROM guest_ranges) + count(guest_bytes) FROM memslots')" = 0 ]
}

@test "names are valid UTF-8 even if their bytes were not" {
	[ "$(sqlite3 "$db" "SELECT hex(comm) FROM vms WHERE id = 4")" = "$(printf 'bad \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd(utf' | od -An -tx1 | tr -d ' \n' | tr a-f A-F)" ]
	[ "$(sqlite3 "$db" "SELECT comm FROM vms WHERE id = 3")" = $'a\n</title>\tb' ]
}

@test "10^6 events take seconds, and memory does not grow with them" {
	export ASAN_OPTIONS=quarantine_size_mb=1
	SECONDS=0
	"$VIEWGEN" --vms 50 --events 1000000 sqlite "$BATS_TEST_TMPDIR/big.db" >"$BATS_TEST_TMPDIR/big.json"
	took=$SECONDS
	echo "$took s, $(jq .max_rss_kib "$BATS_TEST_TMPDIR/big.json") KiB"
	((took < 600)) # wide, as sanitizers and other load slow it down; if it were not linear it would take hours
	(($(jq .max_rss_kib "$BATS_TEST_TMPDIR/big.json") < 65536))
	[ "$(sqlite3 "$BATS_TEST_TMPDIR/big.db" 'SELECT count(*) FROM faults')" = "$(jq .faults "$BATS_TEST_TMPDIR/big.json")" ]
}

@test "a database that cannot be written is an error and leaves no file behind" {
	run ! "$VIEWGEN" sqlite "$BATS_TEST_TMPDIR/nowhere/x.db"
	run -1 "$VIEWGEN" sqlite /dev/full
	[[ $output == *"not supported"* ]]
	[ -c /dev/full ]
	(
		trap '' XFSZ
		ulimit -f 128
		run ! "$VIEWGEN" sqlite "$BATS_TEST_TMPDIR/small.db"
		echo "$output"
	)
	[ ! -e "$BATS_TEST_TMPDIR/small.db" ] && [ ! -e "$BATS_TEST_TMPDIR/small.db.tmp" ]
}

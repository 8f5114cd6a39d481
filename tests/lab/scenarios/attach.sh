# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The same guests with fentry, with kprobes, and with --all: the findings and the contract must be the same. 6.1 has no
# fentry. With kprobes a map is counted at the entry of the function: a map that fails because the other vCPU was faster
# is counted too.

guests() {
	guest vm vcpus=2 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 touch=0x40000000,64K,vcpu=0 \
		slot=3,gpa=0x50000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x50000000,64K,vcpu=0 \
		slot=4,gpa=0x60000000,size=64K,from=dev:/dev/s2f-wc@0x600000 touch=0x60000000,64K,vcpu=0 \
		slot=5,gpa=0x70000000,size=64K,from=dev:/dev/s2f-wb@0x700000,expect=any \
		replace=1,from=dev:/dev/s2f-nc@0x800000,off=0x0,size=64K touch=0x0,64K,vcpu=0 \
		slot=6,gpa=0x80000000,size=128K,from=anon touch=0x80000000,64K,vcpu=0 \
		replace=6,from=dev:/dev/s2f-ram-wc,off=0x10000,size=64K touch=0x80010000,64K,vcpu=0 \
		slot=7,gpa=0x90000000,size=64K,from=anon touch=0x90000000,32K,vcpu=0 delete=7 \
		slot=7,gpa=0x90000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x90008000,32K,vcpu=0
	remembered_host_table
}

# The host has these pages, in another VMA than that of the mapping before. From the second page on mappings take the fast
# path, by the host's table that was found for the first page. On one CPU, since the table is remembered per CPU.
# - Slot 8: the table moves away with its memory, unchanged, and another table maps a driver's memory there. First the
#   guest touches another page, which is read closely. A check by the remembered table would find ordinary memory.
# - Slot 9: the remembered table also maps a driver's memory. The table is then found again.
remembered_host_table() {
	taskset 1 guest vm vcpus=1 slot=8,gpa=0xa0000000,size=4M,from=anon split=8,part=2M \
		host=8,off=0x200000,size=1M touch=0xa0000000,16K touch=0xa0200000,64K \
		away=8,off=0x200000,size=2M replace=8,from=dev:/dev/s2f-ram-wc,off=0x210000,size=64K \
		touch=0xa0100000,16K touch=0xa0210000,64K \
		slot=9,gpa=0xb0000000,size=4M,from=anon split=9,part=2M touch=0xb0000000,16K touch=0xb0200000,64K \
		replace=9,from=dev:/dev/s2f-ram-wc,off=0x220000,size=64K \
		touch=0xb0100000,16K touch=0xb0210000,64K touch=0xb0220000,64K
}

host() {
	for how in "fentry --attach=fentry" "kprobe --attach=kprobe" "all --all"; do
		[ "${how%% *} $LAB_KERNEL" != "fentry 6.1" ] || continue
		# shellcheck disable=SC2086
		S2V=${how%% *}- s2v_start trace --json ${how#* } || return 1
		guests >ops || return 1
		S2V=${how%% *}- s2v_stop
	done
}

# The output of a run without times, process IDs, HVAs and PAs: the last update of each finding (earlier updates depend on
# the clock), and the contract.
comparable_output() {
	jq -c -s '([.[] | select(.type == "finding")] | group_by(.id) | map(last)[]), (.[] | select(.type == "memslot")) |
		del(.time, .vm.pid, .hva, .memslot.hva, .pa, .id, .vcpu, .update) |
		if .explain then .explain |= gsub("0x[0-9a-f]+"; "ADDRESS") else . end' "$1-out.json"
	jq -c 'select(.type == "summary") | [[.maps[] | [.s1, .s2]], .findings, .complete]' "$1-out.json"
}

expect_cacheable() { # HOW SLOT GPA TEXT
	expect_jq "$1: $4" "[.[] | select(.type == \"finding\" and .rule == \"s2-cacheable\" and .memslot.id == $2)
		| [.gpa, .s1.attr, .s2.attr]] | unique" "[[\"$3\",\"normal-nc\",\"normal-wb\"]]" "$1-out.json"
}

verdict() {
	local how exact=fentry ways='kprobe all fentry' cap='' foreign='' counts='[.[] | select(.type == "summary").maps[].count]'
	[[ $LAB_KERNEL != 6.1 ]] || exact=all ways='kprobe all'
	for how in $ways; do
		expect_schema "$how-out.json"
		diff <(comparable_output $exact) <(comparable_output "$how") >"diff-$how" ||
			lab_fail "$exact (<) and $how (>) differ: $(head -20 "diff-$how")"
	done
	expect_eq "maps, --all" "$(jq -c -s "$counts" $exact-out.json)" "$(jq -c -s "$counts" all-out.json)"
	expect_true "maps by kprobe: as many, plus maps that failed" jq -e -n --slurpfile f $exact-out.json --slurpfile k kprobe-out.json \
		"[[(\$f | $counts), (\$k | $counts)] | transpose[] | .[1] - .[0] | . >= 0 and . <= 64] | all"
	# Stage 2 stays Write-Back there: a check by earlier mappings nearby would find nothing.
	for how in $ways; do
		expect_cacheable "$how" 7 0x90008000 "a memslot over a driver's memory where a memslot over ordinary memory was"
		expect_cacheable "$how" 6 0x80010000 "a driver's memory mapped in a memslot in use"
		expect_cacheable "$how" 8 0xa0210000 "a driver's memory where the host's table has moved away"
		expect_cacheable "$how" 9 0xb0220000 "a driver's memory mapped by a table in use"
	done
	expect_eq "exit status" 1 "$(cat $exact-rc)"
	# Which pfnmap-* rule fires for slot 5 depends on the host. Where KVM can map it, the VMM did not query the capability.
	! kernel_decides || ! host_has_both || cap='"cap-unqueried",'
	# The 64 KiB at the start of memslot 1 begin at a block boundary: get_vma_page_shift() assumes that the VMA covers
	# the whole block (ALIGN() of an aligned address is that address), and KVM maps 2 MiB of the device.
	kernel_decides || foreign='"foreign-memory",'
	expect_jq "rules" '[.[] | select(.type == "finding").rule] | unique | map(select(startswith("pfnmap")
		| not))' "[\"attr-drift\",$cap$foreign\"s2-cacheable\",\"s2-noncacheable\"]" $exact-out.json
}

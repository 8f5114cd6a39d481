# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# VMs that exist before s2verify starts: an audit finds what a trace from their start would have found, nothing else, and
# what only an audit can find: memory mapped with two types. On one CPU of each kernel also audits of an ordinary VM
# alone, without the memory mapped with two types, of one process, as text, at the start of trace, and of no VM. Each
# kind of memory is in a VMM of its own, which waits until it has been audited.

host() {
	vmms=
	hugepages 4 || return 1
	vmm ordinary vm vcpus=2 slot=1,gpa=0x0,size=4M,from=anon slot=2,gpa=0x40000000,size=4M,from=thp \
		slot=3,gpa=0x80000000,size="$huge",from=hugetlb slot=4,gpa=0xc0000000,size=1M,from=file:/tmp/ram \
		slot=5,gpa=0x100000000,size=64K,from=anon,ro span=7,gpa=0x120000000,part=anon:64K,part=shm:64K \
		touch=0x0,2M touch=0x40000000,4M touch=0x80000000,"$huge",stride=0x10000 touch=0xc0000000,1M \
		touch=0x100000000,64K,read touch=0x120000000,128K touch=0x0,64K,exec \
		touch=0x200000,64K,read || return 1
	[ -n "$LAB_BRIEF" ] || S2V=ordinary- s2v_run audit --json
	vmm cacheable vm vcpus=1 query=243 slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wb,expect=any \
		touch=0x40000000,64K,expect=any || return 1
	vmm ram vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K || return 1
	# Registered, and not touched yet: the audit reports it all the same.
	vmm untouched vm vcpus=1 query=243 slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wb@0x700000,expect=any || return 1
	vmm pte vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 \
		touch=0x40000000,64K || return 1
	vmm device vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc@0x100000 touch=0x40000000,64K \
		slot=2,gpa=0x50000000,size=64K,from=dev:/dev/s2f-nc@0x200000 touch=0x50000000,64K || return 1
	[ -n "$LAB_BRIEF" ] || s2v_run audit --json
	# The same device memory, mapped by another driver; and memory that is not contiguous.
	vmm other vm vcpus=1 slot=1,gpa=0x60000000,size=64K,from=dev:/dev/s2f-wc@0x8000 touch=0x60000000,64K \
		slot=2,gpa=0x80000000,size="$huge",from=dev:/dev/s2f-swapped@0x4000000 \
		touch=0x80000000,"$huge",read,stride=0x10000 || return 1
	S2V=other- s2v_run audit --json
	[ -n "$LAB_BRIEF" ] || {
		s2v_run_one
		S2V=text- s2v_run audit
		S2V=first- s2v_start trace --audit-first --json || return 1
	}
	vmms_go || return 1
	[ -n "$LAB_BRIEF" ] || {
		S2V=first- s2v_stop
		S2V=none- s2v_run audit --json
	}
}
[[ $LAB_KERNEL == *16k ]] && huge=32M || huge=2M

# One process of several, at a limited rate.
s2v_run_one() {
	# shellcheck disable=SC2086
	set -- $vmms
	S2V=one- s2v_run audit --json -p "$3" --rate 100000
}

# VMM and rule of each finding: "[["cacheable","s2-noncacheable"],…]"
by_vmm() { # FILE
	jq -s -c '[.[] | select(.type == "finding") | [.vm.comm, .rule]] | unique' "$1"
}

verdict() {
	local all='["pte","s2-noncacheable"],["ram","s2-cacheable"]' extra=''
	if ! kernel_decides; then
		all="[\"cacheable\",\"pfnmap-cacheable-admitted\"],[\"cacheable\",\"s2-noncacheable\"],$all"
		all+=',["untouched","pfnmap-cacheable-admitted"]'
		extra='["other","foreign-memory"],'
	elif host_has_both; then
		all="[\"cacheable\",\"migration-pinned\"],$all"
		all_other="[\"cacheable\",\"alias-conflict\"],$all"
		extra='["other","alias-conflict"],'
	fi
	expect_eq "exit status" 1 "$(cat other-rc)"
	expect_eq "findings with another mapping" "[$(insert_other "${all_other:-$all}" "$extra")]" "$(by_vmm other-out.json)"
	expect_schema other-out.json
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' other-out.json
	verdict_ordinary
	verdict_other
	[[ -n $LAB_BRIEF ]] || verdict_whole "$all"
}

verdict_whole() { # FOUND
	expect_findings "" 0 ordinary-
	expect_schema out.json
	expect_eq "exit status" 1 "$(cat rc)"
	expect_eq "findings" "[$1]" "$(by_vmm out.json)"
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' out.json
	expect_findings "s2-cacheable" 1 one-
	expect_jq "findings of that process" '[.[] | select(.type == "finding").vm.comm] | unique' '["ram"]' one-out.json
	expect_findings "" 0 none-
	expect_jq "no VM left" '.[] | select(.type == "summary") | [.vms, .leaves]' '[0,[]]' none-out.json
	expect_schema first-out.json
	expect_eq "findings of trace --audit-first" "$(by_vmm other-out.json)" "$(by_vmm first-out.json)"
	expect_jq "complete from the start" '[.[] | select(.type == "summary") | .complete, .incomplete,
		.preexisting_vms, .audited_vms]' '[true,null,7,7]' first-out.json
	expect_grep "text" '^audit of vm 1 \(ordinary, pid ' text-out.json
}

# Adds EXTRA to ALL, in the order in which the VMs' names sort.
insert_other() { # ALL EXTRA
	echo "${1/\[\"pte\"/$2[\"pte\"}"
}

# Every page that was touched is mapped, by blocks where its backing allows it.
verdict_ordinary() {
	local page=4096 level2=2
	[[ $LAB_KERNEL != *16k ]] || page=16384
	jq -c 'select(.vm.comm == "ordinary")' other-out.json >ordinary.json
	expect_jq "leaves of plain memory" '[.[] | select(.type == "memslot" and .id == 1) | [.present, .unreadable,
		(.leaves[] | [.level, .s1, .s2])]]' "[[$((0x200000 + 0x10000)),0,[3,\"normal-wb\",\"normal-wb\"]]]" ordinary.json
	expect_jq "number of leaves" '[.[] | select(.type == "memslot" and .id == 1).leaves[].count]' \
		"[$(((0x200000 + 0x10000) / page))]" ordinary.json
	expect_jq "hugetlb" '[.[] | select(.type == "memslot" and .id == 3) | [.size == .present, .leaves]]' \
		"[[true,[{\"level\":$level2,\"s1\":\"normal-wb\",\"s2\":\"normal-wb\",\"count\":1}]]]" ordinary.json
	expect_jq "backing" '[.[] | select(.type == "memslot" and .id < 31) | [.id, .backing]]' \
		'[[1,"anonymous"],[2,"anonymous"],[3,"hugetlb"],[4,"file"],[5,"anonymous"],[7,"anonymous"],[7,"file"]]' \
		ordinary.json
}

# Which part of the memory is not contiguous, and which VMs map device memory with two types.
verdict_other() {
	local half=0x100000
	[[ $LAB_KERNEL != *16k ]] || half=0x1000000
	if ! kernel_decides; then
		expect_jq "not contiguous" '[.[] | select(.rule == "foreign-memory" and .type == "finding") | [.gpa, .size, .s1.attr]]' \
			"[[\"$(printf 0x%x $((0x80000000 + half)))\",$((half)),\"normal-nc\"]]" other-out.json
	elif host_has_both; then
		expect_jq "two types" '[.[] | select(.rule == "alias-conflict" and .type == "finding") |
			[.vm.comm, .gpa, .size, .s2.attr]] | sort' \
			'[["cacheable","0x40008000",32768,"normal-wb"],["other","0x60000000",32768,"device-nGnRE"]]' other-out.json
	else
		expect_jq "no such finding" '[.[] | select((.rule == "alias-conflict" or .rule == "foreign-memory") and .type == "finding")]' \
			'[]' other-out.json
	fi
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Memory of each kind, in a VMM of its own, all in one trace: the findings of each, and its contract.
# - cacheable: a device's memory, mapped cacheable, in a memslot of its own, as by NVIDIA's Grace driver.
# - late: the same memory, but mapped over an existing memslot of ordinary memory: the check that the kernel made at
#   registration no longer holds.
# - noncacheable: device memory that the host maps write-combined or non-cached, VM_ALLOW_ANY_UNCACHED included: both
#   sides non-cacheable, no finding.
# - ram-wc: ordinary RAM that a driver mapped write-combined: KVM decides by the PFN and maps it Write-Back, also
#   on the newest kernel.
# - pte-wb: PTEs that are Write-Back under a vm_page_prot that says write-combined: KVM goes by the VMA, only the PTE
#   has the type.

host() {
	s2v_start trace --json || return 1
	guest comm=cacheable vm vcpus=2 query=243 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wb,expect=any \
		touch=0x40000000,64K,vcpu=0,expect=any >ops
	guest comm=late vm vcpus=1 query=243 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,1M \
		replace=1,from=dev:/dev/s2f-wb,off=0x100000,size=64K touch=0x100000,64K,expect=any >>ops
	anyuc="slot=3,gpa=0x60000000,size=64K,from=dev:/dev/s2f-anyuc@0x300000 touch=0x60000000,64K"
	[ "$LAB_KERNEL" != 6.1 ] || anyuc= # VM_ALLOW_ANY_UNCACHED is 6.9's
	# shellcheck disable=SC2086
	guest comm=noncacheable vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc@0x100000 \
		touch=0x40000000,64K slot=2,gpa=0x50000000,size=64K,from=dev:/dev/s2f-nc@0x200000 touch=0x50000000,64K $anyuc \
		slot=4,gpa=0x70000000,size=64K,from=dev:/dev/mem@$((LAB_OUTSIDE + 0x400000)) \
		touch=0x70000000,64K >>ops || return 1
	guest comm=ram-wc vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		slot=2,gpa=0x50000000,size=64K,from=anon touch=0x50000000,64K >>ops || return 1
	guest comm=pte-wb vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 \
		touch=0x40000000,64K >>ops || return 1
	s2v_stop
}

verdict() {
	local comm
	expect_schema out.json
	expect_eq "exit status" 1 "$(cat rc)"
	expect_jq "complete" '[.[] | select(.type == "summary") | [.complete, .incomplete // ""]]' '[[true,""]]' out.json
	expect_jq "findings of these VMMs only" '[.[] | select(.type == "finding").vm.comm] | unique - ["cacheable", "late",
		"noncacheable", "ram-wc", "pte-wb"]' '[]' out.json
	for comm in cacheable late noncacheable ram-wc pte-wb; do
		jq -c --arg comm $comm 'select(.vm.comm == $comm)' out.json >$comm.json
	done
	verdict_cacheable
	verdict_late
	verdict_noncacheable
	verdict_ram_wc
	verdict_pte_wb
}

verdict_cacheable() {
	if ! kernel_decides; then
		# Whatever features the CPU has: this kernel does not use them.
		expect_eq "cacheable: rules" "pfnmap-cacheable-admitted s2-noncacheable" "$(rules_of cacheable.json)"
		expect_jq "cacheable: the last update" '[.[] | select(.rule == "s2-noncacheable" and .type == "finding")]
			| last | [.severity, .gpa, .count, .memslot.id, .memslot.gpa, .s1.attr, .s1.source,
			.s2.attr, .s2.source]' "[\"critical\",\"0x40000000\",$(pages 64),2,\"0x40000000\",\
\"normal-wb\",\"pte\",\"device-nGnRE\",\"prot\"]" cacheable.json
		expect_contract '["pfnmap","s2fixture","s2f-wb","normal-wb","device-nGnRE",false,"unsafe",false]'
	elif host_has_both; then
		expect_eq "cacheable: rules" migration-pinned "$(rules_of cacheable.json)"
		expect_contract '["pfnmap","s2fixture","s2f-wb","normal-wb","normal-wb",true,"none",true]'
	else
		expect_eq "cacheable: rules" pfnmap-cacheable-refused "$(rules_of cacheable.json)"
		expect_jq "cacheable: refused" '[.[] | select(.type == "finding") | [.errno, .errno_at, .gpa]]' \
			'[["EINVAL","memslot","0x40000000"]]' cacheable.json
	fi
}

expect_contract() {
	expect_jq "contract" '[.[] | select(.type == "memslot" and .id == 2)] | last | [.backing, .driver,
		.name, .s1, .s2, .write_back_guaranteed, .vmm_cmo_required, .needs_s2fwb]' "$1" cacheable.json
}

# The number of pages in so many KiB on this kernel.
pages() {
	if [[ $LAB_KERNEL == *16k ]]; then echo $(($1 / 16)); else echo $(($1 / 4)); fi
}

verdict_late() {
	if ! kernel_decides; then
		expect_eq "late: rules" "attr-drift s2-noncacheable" "$(rules_of late.json)"
	elif host_has_both; then
		expect_eq "late: rules" "attr-drift migration-pinned" "$(rules_of late.json)"
		expect_jq "late: harmless here" '[.[] | select(.rule == "attr-drift" and .type == "finding").severity] | unique' \
			'["info"]' late.json
	else
		expect_eq "late: rules" pfnmap-cacheable-refused "$(rules_of late.json)"
		expect_jq "late: refused" '[.[] | select(.type == "finding") | [.errno, .errno_at, .gpa]]' \
			'[["EFAULT","fault","0x100000"]]' late.json
	fi
	expect_jq "late: where" '[.[] | select(.type == "finding").gpa] | unique' '["0x100000"]' late.json
}

verdict_noncacheable() {
	local rows='["device-nGnRE",false,"none"],["device-nGnRE",false,"none"]'
	[[ $LAB_KERNEL == 6.1 ]] || rows+=',["normal-nc",false,"none"]'
	rows+=',["device-nGnRE",false,"none"]'
	expect_eq "noncacheable: rules" "" "$(rules_of noncacheable.json)"
	expect_jq "noncacheable: contract" '[.[] | select(.type == "memslot" and .id < 31) |
		[.s2, .write_back_guaranteed, .vmm_cmo_required]]' "[$rows]" noncacheable.json
	expect_jq "noncacheable: stage 1" '[.[] | select(.type == "memslot" and .id < 3).s1]' \
		'["normal-nc","device-nGnRnE"]' noncacheable.json
}

verdict_ram_wc() {
	expect_eq "ram-wc: rules" s2-cacheable "$(rules_of ram-wc.json)"
	expect_jq "ram-wc: finding" '[.[] | select(.type == "finding")] | last | [.severity, .memslot.id, .s1.attr,
		.s1.source, .s2.attr]' '["high",1,"normal-nc","pte","normal-wb"]' ram-wc.json
}

verdict_pte_wb() {
	expect_eq "pte-wb: rules" s2-noncacheable "$(rules_of pte-wb.json)"
	expect_jq "pte-wb: finding" '[.[] | select(.type == "finding")] | last | [.s1.attr, .s1.source, .s1.vma,
		.s2.attr]' '["normal-wb","pte","normal-nc","device-nGnRE"]' pte-wb.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A device's memory, mapped cacheable, in a memslot of its own: what NVIDIA's Grace driver does.

host() {
	s2v_start trace --json || return 1
	guest vm vcpus=2 query=243 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wb,expect=any \
		touch=0x40000000,64K,vcpu=0,expect=any >ops
	s2v_stop
}

verdict() {
	if ! kernel_decides; then
		# Whatever the CPU has: such a kernel does not use it.
		expect_findings "pfnmap-cacheable-admitted s2-noncacheable" 1
		expect_jq "the last word on it" '[.[] | select(.rule == "s2-noncacheable" and .type == "finding")]
			| last | [.severity, .gpa, .count, .memslot.id, .memslot.gpa, .s1.attr, .s1.source,
			.s2.attr, .s2.source, .vm.comm]' "[\"critical\",\"0x40000000\",$(pages 64),2,\"0x40000000\",\
\"normal-wb\",\"pte\",\"device-nGnRE\",\"prot\",\"guest\"]" out.json
		expect_contract '["pfnmap","s2fixture","s2f-wb","normal-wb","device-nGnRE",false,"unsafe",false]'
	elif host_has_both; then
		expect_findings "migration-pinned" 0
		expect_contract '["pfnmap","s2fixture","s2f-wb","normal-wb","normal-wb",true,"none",true]'
	else
		expect_findings "pfnmap-cacheable-refused" 0
		expect_jq "refused" '[.[] | select(.type == "finding") | [.errno, .errno_at, .gpa]]' \
			'[["EINVAL","memslot","0x40000000"]]' out.json
	fi
}

expect_contract() {
	expect_jq "contract" '[.[] | select(.type == "memslot" and .id == 2)] | last | [.backing, .driver,
		.name, .s1, .s2, .write_back_guaranteed, .vmm_cmo_required, .needs_s2fwb]' "$1" out.json
}

# Pages of so many KiB on this kernel.
pages() {
	if [[ $LAB_KERNEL == *16k ]]; then echo $(($1 / 16)); else echo $(($1 / 4)); fi
}

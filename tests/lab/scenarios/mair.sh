# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A host on which AttrIndx 2, the kernel's Normal-NC, is Device-nGnRE (--mutant mair): trace and audit report
# write-combined device memory and RAM as Device-nGnRE.

applies() {
	[[ $LAB_MUTANT == mair ]] || echo "a kernel with the usual MAIR_EL1"
	[[ $LAB_MUTANT == mair ]]
}

host() {
	s2v_run check --json || return 1
	S2V=trace- s2v_start trace --json || return 1
	vmms=
	vmm wc vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc@0x100000 touch=0x40000000,64K || return 1
	vmm ram vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K || return 1
	S2V=audit- s2v_run audit --json
	vmms_go || return 1
	S2V=trace- s2v_stop
}

verdict() {
	local how
	expect_jq "AttrIndx 2 to 4" '.[0] | [.s1_source, .s1_attr[2], .s1_attr[3], .s1_attr[4], .disagreement]' \
		"[\"MAIR_EL1 in the kernel's __cpu_setup()\",\"device-nGnRE\",\"device-nGnRnE\",\"device-nGnRE\",null]" out.json
	for how in trace audit; do
		expect_eq "$how: exit status" 1 "$(cat $how-rc)"
		expect_jq "$how: what the host maps" '[.[] | select(.type == "memslot" and .id < 31) | [.vm.comm, .s1]] | unique' \
			'[["ram","device-nGnRE"],["wc","device-nGnRE"]]' $how-out.json
		expect_jq "$how: findings" '[.[] | select(.type == "finding") | [.rule, .vm.comm, .s1.attr, .s2.attr]] | unique' \
			'[["s2-cacheable","ram","device-nGnRE","normal-wb"]]' $how-out.json
	done
}

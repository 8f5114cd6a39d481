# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# PTEs that are Write-Back under a vm_page_prot that says write-combined: KVM believes the VMA, only
# the PTE tells.

host() {
	s2v_start trace --json || return 1
	guest vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 \
		touch=0x40000000,64K >ops || return 1
	s2v_stop
}

verdict() {
	expect_findings "s2-noncacheable" 1
	expect_jq "finding" '[.[] | select(.type == "finding")] | last | [.s1.attr, .s1.source, .s1.vma,
		.s2.attr]' '["normal-wb","pte","normal-nc","device-nGnRE"]' out.json
}

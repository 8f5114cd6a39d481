# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Ordinary RAM that a driver mapped write-combined: KVM goes by the PFN and maps it Write-Back, on
# the newest kernel, too.

host() {
	s2v_start trace --json || return 1
	guest vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		slot=2,gpa=0x50000000,size=64K,from=anon touch=0x50000000,64K >ops || return 1
	s2v_stop
}

verdict() {
	expect_findings "s2-cacheable" 1
	expect_jq "finding" '[.[] | select(.type == "finding")] | last | [.severity, .memslot.id, .s1.attr,
		.s1.source, .s2.attr]' '["high",1,"normal-nc","pte","normal-wb"]' out.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Device memory that the host maps write-combined or non-cached, VM_ALLOW_ANY_UNCACHED included:
# both sides non-cacheable, nothing to report.

host() {
	s2v_start trace --json || return 1
	anyuc="slot=3,gpa=0x60000000,size=64K,from=dev:/dev/s2f-anyuc@0x300000 touch=0x60000000,64K"
	[ "$LAB_KERNEL" != 6.1 ] || anyuc= # VM_ALLOW_ANY_UNCACHED is 6.9's
	# shellcheck disable=SC2086
	guest vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc@0x100000 touch=0x40000000,64K \
		slot=2,gpa=0x50000000,size=64K,from=dev:/dev/s2f-nc@0x200000 touch=0x50000000,64K $anyuc \
		slot=4,gpa=0x70000000,size=64K,from=dev:/dev/mem@$((LAB_OUTSIDE + 0x400000)) \
		touch=0x70000000,64K >ops || return 1
	s2v_stop
}

verdict() {
	local rows='["device-nGnRE",false,"none"],["device-nGnRE",false,"none"]'
	expect_findings "" 0
	[[ $LAB_KERNEL == 6.1 ]] || rows+=',["normal-nc",false,"none"]'
	rows+=',["device-nGnRE",false,"none"]'
	expect_jq "contract" '[.[] | select(.type == "memslot" and .id < 31) |
		[.s2, .write_back_guaranteed, .vmm_cmo_required]]' "[$rows]" out.json
	expect_jq "stage 1" '[.[] | select(.type == "memslot" and .id < 3).s1]' \
		'["normal-nc","device-nGnRnE"]' out.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Up to 7.0 KVM maps a driver's mapping by blocks where the VMA allows it, from the first page on, whatever the host's page
# tables have for the others. Trace and record report such a block when it is mapped, an audit afterwards.
# - swapped: device memory, the last two quarters of it swapped.
# - lazy: device memory of which the host has mapped only the page that the guest touches. What the driver would map for
#   the rest is not known: no finding, and not complete.
# - firstwc: the first PTE agrees with the VMA, the others are Write-Back under Device.
# - udmabuf, udmabuf-lazy, udmabuf-ro: RAM of a dma-buf of which the VMM has read all, nothing, a part. The guest only
#   loads: the rest of its block can be any memory.

[[ $LAB_KERNEL == *16k ]] && huge=32M || huge=2M

device() { # NAME DEVICE OFFSET
	vmm "$1" vm vcpus=1 "slot=1,gpa=0x80000000,size=$huge,from=dev:/dev/$2@$3" "touch=0x80000000,$huge,read,stride=0x10000"
}

dmabuf() { # NAME OPS...
	name=$1
	shift
	vmm "$name" vm vcpus=1 "slot=1,gpa=0x40000000,size=4M,from=$name" "$@"
}

devices() {
	device swapped s2f-swapped 0x4000000 && device firstwc s2f-firstwc 0xc000000
}

# The newest kernel refuses cacheable VM_PFNMAP memory without S2FWB and DIC, and maps it by pages with them.
dmabufs() {
	[ -e /dev/udmabuf ] && [ "$LAB_KERNEL" != latest ] || return 0
	dmabuf udmabuf touch=0x40000000,4M,read,stride=0x10000 &&
		dmabuf udmabuf-lazy touch=0x40000000,4K,read &&
		dmabuf udmabuf-ro host=1,read,size=64K touch=0x40000000,4K,read
}

host() {
	vmms=
	s2v_start trace --json || return 1
	devices && dmabufs || return 1
	s2v_stop
	S2V=audit- s2v_run audit --json
	vmms_go
	S2V=lazy- s2v_start trace --json || return 1
	vmm lazy vm vcpus=1 "slot=1,gpa=0x80000000,size=$huge,from=dev:/dev/s2f-lazy@0x8000000" touch=0x80000000,4K,read || return 1
	S2V=lazy- s2v_stop
	vmms_go
	[ -n "$LAB_BRIEF" ] || recorded
}

recorded() {
	S2V=record- s2v_start record -o foreign.s2t || return 1
	devices && dmabufs || return 1
	S2V=record- s2v_stop
	S2V=replayed- s2v_run analyze --json foreign.s2t
	vmms_go
}

# "VMM rule" of each finding.
found() { # FILE
	jq -r -s '[.[] | select(.type == "finding") | "\(.vm.comm) \(.rule)"] | unique[]' "$1"
}

verdict() {
	local all=$'firstwc s2-noncacheable' file
	if ! kernel_decides; then
		all+=$'\nswapped foreign-memory'
		[[ $LAB_KERNEL == 6.1 ]] || all+=$'\nudmabuf foreign-memory\nudmabuf-lazy foreign-memory\nudmabuf-ro foreign-memory'
	fi
	for file in out.json audit-out.json replayed-out.json; do
		[[ -e $file ]] || continue
		expect_eq "$file: findings" "$all" "$(found "$file")"
		expect_schema "$file"
	done
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' out.json
	verdict_lazy
	kernel_decides || expect_jq "swapped: the first page that differs is reported" '[.[] | select(.type == "finding" and
		.vm.comm == "swapped" and (.explain | test("Stage 2 leads to PA 0x[0-9a-f]+, the host.s page tables lead to 0x")))
		] | length > 0' true out.json
}

verdict_lazy() {
	expect_eq "lazy: findings" "" "$(found lazy-out.json)"
	if kernel_decides; then
		expect_eq "lazy: exit status" 0 "$(cat lazy-rc)"
	else
		expect_eq "lazy: exit status" 4 "$(cat lazy-rc)"
		expect_jq "lazy: why" '[.[] | select(.type == "summary").incomplete | test("not mapped by the host")]' '[true]' lazy-out.json
	fi
}

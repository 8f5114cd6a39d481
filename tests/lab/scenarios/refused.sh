# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults that fail, each in a VMM of its own: fault-failed reports what the guest did, the memory there, and which check of
# KVM failed. The expected text follows from how the memory was mapped.

efault() { # NAME FROM ACCESS
	guest "comm=$1" vm vcpus=1 "slot=1,gpa=0x40000000,size=128K,from=$2" "touch=0x40010000,4K$3,expect=EFAULT" >>ops
}

has_udmabuf() {
	[ -e /dev/udmabuf ] && [ "$LAB_KERNEL" != latest ] && [ "$LAB_KERNEL" != 6.1 ]
}

# The newest kernel refuses a memslot of cacheable VM_PFNMAP memory without S2FWB and DIC; 6.1 has no /dev/udmabuf.
failing() {
	efault hole hole "" && efault none none ,read && efault read-only read-only "" && efault short short ,read || return 1
	! has_udmabuf || { touch dmabuf && efault dmabuf-ro udmabuf-ro ""; } || return 1
	[ "$LAB_KERNEL" != latest ] || efault gem vgem ""
}

host() {
	S2V=record- s2v_start record -o refused.s2t || return 1
	recorder=$s2v_pid
	s2v_start trace --json || return 1
	failing || return 1
	s2v_stop
	s2v_pid=$recorder
	S2V=record- s2v_stop
	S2V=replayed- s2v_run analyze --json refused.s2t
}

expect_fault() { # NAME TEXT
	expect_jq "$file: $1" "[.[] | select(.type == \"finding\" and .vm.comm == \"$1\") | .rule, .errno, (.explain | test(\"$2\"))]" \
		'["fault-failed","EFAULT",true]' "$file"
}

verdict() {
	local file
	for file in out.json replayed-out.json; do
		expect_fault hole "^A guest's access .*nothing that could be read.*finds no VMA"
		expect_fault none "^A guest's load .*no access, no PTE.*PROT_NONE"
		expect_fault read-only "^A guest's store .*anonymous, VMA normal-wb read-only, .*mapping is read-only, and the guest wrote"
		expect_fault short "^A guest's load .*VMA normal-wb, no PTE.*the file ends before it"
		[[ ! -e dmabuf ]] || expect_fault dmabuf-ro "^A guest's store .*pfnmap( of udmabuf)?, VMA normal-wb read-only, .*mapping is read-only, and the guest wrote"
		[[ $LAB_KERNEL != latest ]] || expect_fault gem "^A guest's store .*PTE normal-nc, inside the kernel's map.*refuses a guest's write through a read-only PTE"
		expect_jq "$file: complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' "$file"
		expect_schema "$file"
	done
	expect_eq "exit status" 0 "$(cat rc)"
}

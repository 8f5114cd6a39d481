# shellcheck shell=bash disable=SC2034,SC2046,SC2086 # variables of the caller, words
# SPDX-License-Identifier: BSD-2-Clause
# The guest's own stage 1, set by KVM_SET_ONE_REG: without S2FWB an audit finds memory that the guest maps not cacheable
# and the host does; with S2FWB it has no say. The VMMs wait until they have been audited. Memslot 1 holds tables, the
# others memory, 1 MiB each, which the guest has touched.

slot() { # ID
	echo slot=$1,gpa=0x80${1}00000,size=1M,from=anon touch=0x80${1}00000,1M
}

base() { # VCPUS
	echo vm vcpus=$1 slot=1,gpa=0x40000000,size=8M,from=anon touch=0x40000000,8M
}

# Memslots 2 to 5: cacheable; Normal-NC; Device; cacheable, and 192 KiB of it not cacheable by other addresses, as Linux
# does for dma_alloc_coherent().
types() {
	vmm types $(base 2) $(slot 2) $(slot 3) $(slot 4) $(slot 5) stage1=1 \
		map=0x10000000,gpa=0x80200000,size=1M,type=wb map=0x20000000,gpa=0x80300000,size=1M,type=nc \
		map=0x30000000,gpa=0x80400000,size=1M,type=ngnrne map=0x40000000,gpa=0x80500000,size=1M,type=wb \
		map=0xffff000010000000,gpa=0x80510000,size=64K,type=nc \
		map=0xffff000020000000,gpa=0x80580000,size=128K,type=ngnre vcpu-s1=0 vcpu-s1=1
}

# Each vCPU has its own granule, size and TTBR, and its own memslot: 2 to 8.
formats() {
	vmm formats $(base 7) $(slot 2) $(slot 3) $(slot 4) $(slot 5) $(slot 6) $(slot 7) $(slot 8) \
		stage1=1,granule=16K map=0x10000000,gpa=0x80200000,size=1M,type=nc vcpu-s1=0 \
		stage1=1,at=1M,granule=64K map=0x10000000,gpa=0x80300000,size=1M,type=nc vcpu-s1=1 \
		stage1=1,at=3M map=0xffff000010000000,gpa=0x80400000,size=1M,type=nc vcpu-s1=2 \
		stage1=1,at=4M map=0x40000000,gpa=0x80600000,size=2M,type=nc,level=2 \
		map=0x80000000,gpa=0x0,size=1G,type=wb,level=1 vcpu-s1=3 \
		stage1=1,at=5M,bits=39 map=0x10000000,gpa=0x80500000,size=1M,type=nc vcpu-s1=4 \
		stage1=1,at=6M,bits=52,wide map=0x000f000010000000,gpa=0x80800000,size=512K,type=nc vcpu-s1=5 \
		stage1=1,at=7M,bits=52,granule=64K,wide map=0x000f000010000000,gpa=0x80880000,size=512K,type=ngnre vcpu-s1=6
}

# MMU off, caches off, no walks (EPD): no table is used, and none is walked.
states() {
	vmm states $(base 4) $(slot 2) stage1=1 map=0x10000000,gpa=0x80200000,size=1M,type=nc \
		vcpu-s1=0,mmu-off vcpu-s1=1,cache-off vcpu-s1=2,epd0,epd1 stage1=1,at=4M \
		map=0x10000000,gpa=0x80200000,size=1M,type=wb vcpu-s1=3
}

# Tables that lead to themselves, are in no memslot, or in a device's memory.
hostile() {
	local wb=map=0x10000000,gpa=0x80200000,size=1M,type=wb
	vmm loop $(base 2) $(slot 2) stage1=1 $wb point=0xffff000010000000,gpa=root,all vcpu-s1=0 vcpu-s1=1 &&
		vmm nowhere $(base 1) $(slot 2) stage1=1 $wb point=0xffff000010000000,gpa=0x7000000000 vcpu-s1=0 &&
		vmm bar $(base 1) $(slot 2) slot=3,gpa=0x90000000,size=64K,from=dev:/dev/s2f-wc@0x100000 \
			touch=0x90000000,64K stage1=1 $wb point=0xffff000010000000,gpa=0x90000000 vcpu-s1=0
}

# Changes MAIR_EL1 between two audits: what was Normal-NC is Write-Back then.
changing() {
	guest limit=2000 comm=mair $(base 1) $(slot 2) stage1=1 map=0x10000000,gpa=0x80200000,size=1M,type=nc vcpu-s1=0 \
		mark=/tmp/before wait=/tmp/change vcpu-s1=0,mair=0xffff mark=/tmp/after wait=/tmp/go >ops-mair &
	vmms="$vmms $!"
	wait_file /tmp/before
}

host() {
	vmms=
	types && formats && states && hostile && changing || return 1
	s2v_run audit --json
	S2V=first- s2v_start trace --audit-first --json -o stage1.s2t || return 1
	S2V=first- s2v_stop
	touch /tmp/change
	wait_file /tmp/after || return 1
	S2V=changed- s2v_run audit --json
	S2V=text- s2v_run audit
	vmms_go
}

# [VM, memslot, type, bytes, of them mapped cacheable, too] of each finding, a line each
found() { # FILE
	jq -s -c '[.[] | select(.type == "finding") | [.vm.comm, .memslot.id, .guest.attr, .bytes, .guest.alias_bytes]] | sort[]' "$1"
}

findings() {
	cat <<-END
		["formats",2,"normal-nc",1048576,0]
		["formats",3,"normal-nc",1048576,0]
		["formats",4,"normal-nc",1048576,0]
		["formats",5,"normal-nc",1048576,0]
		["formats",6,"normal-nc",1048576,0]
		["formats",7,"normal-nc",1048576,0]
		["formats",8,"normal-nc",1048576,0]
		["mair",2,"normal-nc",1048576,0]
		["types",3,"normal-nc",1048576,0]
		["types",4,"device-nGnRnE",1048576,0]
		["types",5,"normal-nc",196608,196608]
	END
}

verdict() {
	expect_schema out.json
	expect_jq "no other rule" '[.[] | select(.type == "finding").rule] | unique - ["guest-noncacheable"]' '[]' out.json
	if ((LAB_FWB)); then
		verdict_fwb
	else
		expect_eq "findings" "$(findings)" "$(found out.json)"
		expect_eq "findings at the start of trace" "$(findings)" "$(found first-out.json)"
		expect_eq "MAIR changed" "$(findings | grep -v mair)" "$(found changed-out.json)"
		verdict_contract
		verdict_vcpus
	fi
	same "trace --audit-first" first-out.json first-rc --json stage1.s2t
}

verdict_fwb() {
	expect_eq "with S2FWB the guest has no say" '' "$(found out.json)"
	expect_jq "not applicable" '[.[] | select(.type == "rule" and .rule == "guest-noncacheable").covered]' '[null]' out.json
	expect_jq "not walked" '[.[] | select(.type == "vcpu" or .guest != null)] | length' 0 out.json
	expect_eq "exit status" 0 "$(cat rc)"
}

expect_guest() { # VM MEMSLOT BYTES CMO-NOW
	expect_jq "$1, memslot $2: the guest's types" "[.[] | select(.type == \"memslot\" and .vm.comm == \"$1\" and .id == $2) |
		.guest.bytes, .vmm_cmo_now]" "[$3,\"$4\"]" out.json
}

verdict_contract() {
	local owed now=icache
	((!LAB_DIC)) || now=none
	owed=$(jq -r 'select(.type == "memslot").vmm_cmo_required' out.json | grep data | sort -u)
	expect_guest types 2 '{"normal-wb":1048576}' $now
	expect_guest types 3 '{"normal-nc":1048576}' "$owed"
	expect_guest types 4 '{"device-nGnRnE":1048576}' "$owed"
	expect_guest types 5 '{"normal-wb":1048576,"normal-nc":65536,"device-nGnRE":131072}' "$owed"
	expect_guest states 2 '{"normal-wb":1048576}' "$owed"
	expect_guest loop 2 '{"normal-wb":1048576}' "$owed"
	expect_grep "text: a column" 'stage 2 +guest +WB' text-out.json
	expect_grep "text: other types, too" 'normal-wb  normal-wb  device-nGnRE\*' text-out.json
	expect_grep "text: MMU off" 'vCPU 0: MMU off' text-out.json
}

expect_vcpus() { # VM FLAGS
	expect_jq "$1: vCPUs" "[.[] | select(.type == \"vcpu\" and .vm.comm == \"$1\").flags - [\"tvm\", \"user\"]]" "$2" out.json
}

verdict_vcpus() {
	expect_vcpus types '[[],["shared"]]'
	expect_vcpus states '[["mmu-off"],["cache-off"],[],[]]'
	expect_vcpus loop '[["bound"],["bound"]]'
	expect_vcpus bar '[["not-ram"]]'
	expect_jq "a table in no memslot" '[.[] | select(.type == "vcpu" and .vm.comm == "nowhere").tables_absent]' '[1]' out.json
	expect_jq "incomplete by the VMs whose tables were not walked" '[.[] | select(.type == "summary") |
		.complete, [.unverified_vms[].guest_vcpus], .complete_but_for_these]' '[false,[2,1],true]' out.json
	expect_eq "exit status" 4 "$(cat rc)"
}

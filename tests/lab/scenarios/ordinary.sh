# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# An ordinary guest: four vCPUs, several kinds of memory, memslots that are moved, deleted and created
# again, resets. There is nothing unsafe, and the run must be complete.

host() {
	hugepages 4 || return 1
	s2v_start trace --json || return 1
	guest vm vcpus=4 query=243 slot=1,gpa=0x0,size=4M,from=anon slot=2,gpa=0x40000000,size=4M,from=thp \
		slot=3,gpa=0x80000000,size="$huge",from=hugetlb slot=4,gpa=0xc0000000,size=1M,from=file:/tmp/ram \
		slot=5,gpa=0x100000000,size=64K,from=anon,ro slot=6,gpa=0x110000000,size=1M,from=shm \
		span=7,gpa=0x120000000,part=anon:64K,part=file:/tmp/part:64K,part=shm:64K \
		loop=4 touch=0x0,4M touch=0x40000000,4M touch=0x80000000,"$huge" touch=0xc0000000,1M \
		touch=0x100000000,64K,read touch=0x110000000,1M touch=0x120000000,192K \
		touch=0x0,64K,exec reset end \
		flags=1,log touch=0x0,1M flags=1 \
		move=6,gpa=0x130000000 touch=0x130000000,1M delete=6 \
		slot=6,gpa=0x110000000,size=512K,from=anon touch=0x110000000,512K cpu-on=1 >ops || return 1
	s2v_stop
}
[[ $LAB_KERNEL == *16k ]] && huge=32M || huge=2M

verdict() {
	expect_findings "$(redundant)" 0
	expect_jq "maps" '[.[] | select(.type == "summary").maps[] | [.s1, .s2]]' \
		'[["normal-wb","normal-wb"]]' out.json
	expect_jq "memslots that are gone" '[.[] | select(.type == "memslot" and .gone) | [.id, .gpa, .backing]]' \
		'[[6,"0x110000000","file"],[6,"0x130000000","file"]]' out.json
	expect_jq "memslots at the end" '[.[] | select(.type == "memslot" and .id < 31 and (.gone | not)) | [.id, .gpa, .backing]]' \
		'[[1,"0x0","anonymous"],[2,"0x40000000","anonymous"],[3,"0x80000000","hugetlb"],[4,"0xc0000000",'\
'"file"],[5,"0x100000000","anonymous"],[6,"0x110000000","anonymous"],[7,"0x120000000","anonymous"],[7,'\
'"0x120010000","file"],[7,"0x120020000","file"]]' out.json
	expect_jq "Write-Back and maintenance" '[.[] | select(.type == "memslot") |
		[.write_back_guaranteed, .vmm_cmo_required, .needs_s2fwb]] | unique' "[$(owed)]" out.json
}

# The rule for what each reset of four vCPUs repeats: the only finding of such a guest.
redundant() {
	if ((!LAB_FWB)); then echo reset-unmap-repeated; elif ((!LAB_DIC)); then echo reset-icache-repeated; fi
}

# What the VMM must do for ordinary memory, by host.
owed() {
	case $LAB_FWB$LAB_DIC in
	11) echo '[true,"none",false]' ;;
	10) echo '[true,"icache",false]' ;;
	*) echo '[false,"data+icache",false]' ;;
	esac
}

# shellcheck shell=bash disable=SC2086 # names are lists
# SPDX-License-Identifier: BSD-2-Clause
# Compares an audit with an oracle outside (tests/lab/oracle): QEMU's monitor reads the physical memory
# of the stopped machine, and every leaf of every VM must be the same.

host() {
	local name block
	# khugepaged would change the tables of idle guests.
	echo 0 >/sys/kernel/mm/transparent_hugepage/khugepaged/defrag
	echo 10000000 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
	hugepages 6 || hugepages 2 || return 1
	block=$(($(sed -n 's/^Hugepagesize: *\([0-9]*\) kB/\1/p' /proc/meminfo) * 1024))
	start pages vm vcpus=2 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M touch=0x0,256K,exec \
		slot=2,gpa=0x8000000,size=1M,from=anon touch=0x8000000,1M,read,stride=128K \
		slot=3,gpa=0xff00000000,size=512K,from=shm,ro touch=0xff00000000,512K,read \
		tables
	start blocks vm vcpus=2 slot=1,gpa=0x40000000,size=$((block * 2)),from=hugetlb \
		touch=0x40000000,$((block * 2)) \
		slot=2,gpa=0x80000000,size=$((block * 2)),from=thp touch=0x80000000,$((block * 2)) \
		tables
	start mixed vm vcpus=1 span=1,gpa=0x40000000,part=thp:$block,part=anon:$block \
		touch=0x40000000,$((block * 2)) \
		slot=2,gpa=0x80000000,size=1M,from=anon touch=0x80000000,1M,stride=192K \
		slot=3,gpa=0xc0000000,size=64K,from=dev:/dev/s2f-nc@0x200000 touch=0xc0000000,64K \
		slot=4,gpa=0xc1000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0xc1000000,64K \
		slot=5,gpa=0xc2000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 touch=0xc2000000,64K \
		slot=6,gpa=0xc3000000,size=64K,from=dev:/dev/s2f-wb@0x600000,expect=any \
		touch=0xc3000000,64K,expect=any \
		slot=7,gpa=0x100000000,size=$block,from=thp,log touch=0x100000000,$block \
		tables
	own 4k 4K 48 && own 16k 16K 47 && own 64k 64K 52 ,wide || return 1
	for name in $all; do
		wait_file /tmp/$name || return 1
	done
	s2v_run audit --json --leaves
	S2V=plain- s2v_run audit --json
	# shellcheck disable=SC2046 # words
	ask_outside $(for name in $all; do
		sed -n "s/^tables: ok pgd=\(.*\) vtcr=\(.*\)/$name:\1:\2/p" ops-$name | tr -d '\n'
		sed -n 's/^vcpu-s1=0: ok regs=/:/p' ops-$name | tr -d '\n'
		echo
	done) || return 1
	touch /tmp/go
	wait
}

all="pages blocks mixed own-4k own-16k own-64k"

# A guest with tables of its own: pages and blocks of each type, by TTBR0 and TTBR1.
# own NAME GRANULE BITS [,wide]
own() {
	local block=0x200000 page=0x10000
	[ "$2" != 16K ] || block=0x2000000
	[ "$2" != 64K ] || block=0x20000000
	start "own-$1" vm vcpus=1 slot=1,gpa=0x40000000,size=4M,from=anon slot=2,gpa=0x80000000,size=1M,from=anon \
		touch=0x40000000,4M touch=0x80000000,1M "stage1=1,granule=$2,bits=$3$4" \
		map=0x10000000,gpa=0x80000000,size=768K,type=wb map=0x10100000,gpa=0x80000000,size=$((page * 2)),type=nc \
		map=0xffff800000000000,gpa=0x80000000,size=1M,type=wb \
		map=0xffff800000200000,gpa=0x80010000,size=$page,type=ngnre \
		map=0xffff800000400000,gpa=0x80020000,size=$page,type=ngnrne \
		map=0xffff800080000000,gpa=0x80000000,size=$block,type=wt,level=2 \
		map=0xffff8000c0000000,gpa=0x40000000,size=$((block * 2)),type=tagged,level=2 vcpu-s1=0 tables
}

# Starts a guest in the background; it waits for /tmp/go.
# start NAME OPS...
start() {
	name=$1
	shift
	guest comm=$name "$@" mark=/tmp/$name wait=/tmp/go >ops-$name &
}

outside() {
	"$LAB_ROOT/tests/lab/oracle" read "$LAB_QMP" tables "$@"
}

verdict() {
	local said
	expect_eq "exit status" 1 "$(cat rc)"
	said=$("$LAB_ROOT/tests/lab/oracle" compare tables out.json plain-out.json "$LAB_FWB" 2>&1) ||
		lab_fail "$said"
	printf '%s\n' "$said" >compared
}

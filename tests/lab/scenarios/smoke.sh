# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab itself: what guests and the fixture's mappings do on each kernel.
host() {
	[ -c /dev/kvm ] || return 1
	guest vm vcpus=2 query=243 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M touch=0x0,1M,read \
		touch=0x0,64K,exec reset touch=0x0,4M,all cpu-on=1
}
verdict() {
	cat log
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# VMMs whose threads come and go while their vCPUs fault: the address space always changes, so the VMA
# cannot always be read at once. Nothing may be reported as unreadable because of that.

host() {
	s2v_start resets --json || return 1
	for _ in $(seq 30); do
		guest vm vcpus=4 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,1M loop=3 reset \
			touch=0x0,512K end >ops || return 1
	done
	s2v_stop
}

verdict() {
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' out.json
	expect_jq "every reset" '[.[] | select(.type == "reset")] | length' 90 out.json
	expect_jq "of four vCPUs" '[.[] | select(.type == "reset").vcpus] | unique' '[4]' out.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# KSM merges equal pages of a guest (each has a return instruction). Up to 6.9 KVM maps the merged page at once, in ksmd,
# which is no VMM: nothing may be unreadable because of that, and nothing found. Later kernels unmap the page, and the
# guest's next access maps it.

host() {
	s2v_start trace --json || return 1
	echo 1 >/sys/kernel/mm/ksm/run && echo 10 >/sys/kernel/mm/ksm/sleep_millisecs &&
		echo 1000 >/sys/kernel/mm/ksm/pages_to_scan || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M,exec merge=1 mark=/tmp/now \
		wait=/tmp/go touch=0x0,1M,read >ops &
	wait_for merged || return 1
	cat /sys/kernel/mm/ksm/pages_sharing >sharing
	: >/tmp/go
	wait $! || return 1
	echo 2 >/sys/kernel/mm/ksm/run
	s2v_stop
}

merged() {
	[ "$(cat /sys/kernel/mm/ksm/pages_sharing)" -ge 200 ]
}

verdict() {
	expect_true "KSM has merged pages" test "$(cat sharing)" -ge 200
	expect_findings "" 0
	expect_jq "kinds of mappings" '.[] | select(.type == "summary") | [.maps[] | [.s1, .s2]]' \
		'[["normal-wb","normal-wb"]]' out.json
	expect_jq "maps: the guest's, and each merged page" '.[] | select(.type == "summary").maps[0].count >= 256 + 200' \
		true out.json
}

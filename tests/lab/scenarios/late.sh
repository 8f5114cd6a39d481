# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# s2verify reads late: while it is stopped memslots are deleted and a VM ends, with counts pending. The sweep each second
# must not report these counts after their end: an event of an unknown VM or registration counts as lost.

host() {
	s2v_start trace --json || return 1
	for _ in 1 2 3 4 5; do
		kill -STOP "$s2v_pid"
		guest comm=gone limit=600 vm vcpus=1 loop=40 slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc \
			touch=0x40000000,64K delete=2 end slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc \
			touch=0x40000000,64K >ops || return 1
		sleep 1
		kill -CONT "$s2v_pid"
		sleep 2
	done
	s2v_stop
}

verdict() {
	expect_jq "complete, nothing lost" '.[] | select(.type == "summary") | [.complete, .lost, .incomplete]' \
		'[true,0,null]' out.json
	expect_jq "every VM" '[.[] | select(.type == "summary").vms]' '[5]' out.json
	expect_jq "every map" '.[] | select(.type == "summary").maps[] | select(.s1 == "normal-nc").count' \
		$((5 * 41 * 16)) out.json
}

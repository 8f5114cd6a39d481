# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154,SC2016 # s2v_pid is lib/host.sh's; jq has variables, too
# A ring buffer that is too small for all events: every lost event is counted, and the run is not
# complete.

host() {
	s2v_start trace --json --all --buffer 64K || return 1
	kill -STOP "$s2v_pid"
	guest vm vcpus=2 slot=1,gpa=0x0,size=8M,from=anon touch=0x0,8M >ops || return 1
	kill -CONT "$s2v_pid"
	s2v_stop
	S2V=dev- s2v_start trace --json || return 1
	kill -STOP "$s2v_pid"
	guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-ram-wc touch=0x0,64K >ops2 || return 1
	kill -CONT "$s2v_pid"
	S2V=dev- s2v_stop
}

verdict() {
	expect_schema out.json dev-out.json
	expect_eq "exit status" 4 "$(cat rc)"
	expect_jq "complete" '.[] | select(.type == "summary") | [.complete, .lost > 0]' '[false,true]' out.json
	# Every map and every fault is an event; so are the VM's creation and end, its two memslots and their
	# VMAs, the inits of its two vCPUs, and their run.
	expect_jq "emitted = reported + lost" '([.[] | select(.type == "event" and .event == "map")] | length) as $maps
		| ([.[] | select(.type == "event" and .event == "fault")] | length) as $faults
		| ([.[] | select(.type == "event")] | length - $maps - $faults) as $rest
		| last | .lost == ([.maps[].count] | add) + .faults - $maps - $faults + (9 - $rest)' true out.json
	expect_findings "s2-cacheable" 1 dev-
}

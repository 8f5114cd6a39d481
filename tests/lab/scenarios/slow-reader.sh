# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# An audit whose output is read slowly: all its results come before its end, so that nothing is counted again or missing
# from what is decided at the end.

slowly() {
	while dd bs=4096 count=1 of=/tmp/piece 2>/dev/null && [ -s /tmp/piece ]; do
		cat /tmp/piece
		usleep 20000
	done
}

host() {
	vmms=
	vmm big vm vcpus=1 slot=1,gpa=0x0,size=8M,from=anon touch=0x0,8M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K || return 1
	{ s2verify audit --json --leaves 2>err.txt; echo $? >rc; } | slowly >whole.json
	vmms_go || return 1
	grep -v '"type":"event"' whole.json >out.json
	grep -n '"type":"audit"\|"event":"leaves"' whole.json | tail -n 1 >last
	rm whole.json
}

verdict() {
	expect_eq "exit status" 1 "$(cat rc)"
	expect_eq "stderr" "" "$(cat err.txt)"
	expect_grep "the end comes last" '"type":"audit"' last
	expect_jq "findings" '[.[] | select(.type == "finding") | [.rule, .gpa, .count]]' \
		'[["s2-cacheable","0x40000000",16]]' out.json
	expect_jq "all memory is present" '[.[] | select(.type == "memslot" and .id < 31) | .present == .size]' '[true,true]' out.json
	expect_schema out.json
}

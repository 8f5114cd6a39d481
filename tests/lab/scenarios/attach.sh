# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The same guests under fentry and under kprobes, and with every event told: the same findings and
# contract. On a kernel without fentry the first falls away. By kprobes a map counts when KVM asks for it:
# one that failed since the other vCPU was faster counts, too.

applies() {
	[[ $LAB_KERNEL != 6.1 ]] || { echo "this kernel has kprobes only"; return 1; }
}

guests() {
	guest vm vcpus=2 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb@0x500000 touch=0x40000000,64K,vcpu=0 \
		slot=3,gpa=0x50000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x50000000,64K,vcpu=0 \
		slot=4,gpa=0x60000000,size=64K,from=dev:/dev/s2f-wc@0x600000 touch=0x60000000,64K,vcpu=0 \
		slot=5,gpa=0x70000000,size=64K,from=dev:/dev/s2f-wb@0x700000,expect=any \
		replace=1,from=dev:/dev/s2f-nc@0x800000,off=0x0,size=64K touch=0x0,64K,vcpu=0 \
		slot=6,gpa=0x80000000,size=128K,from=anon touch=0x80000000,64K,vcpu=0 \
		replace=6,from=dev:/dev/s2f-ram-wc,off=0x10000,size=64K touch=0x80010000,64K,vcpu=0 \
		slot=7,gpa=0x90000000,size=64K,from=anon touch=0x90000000,32K,vcpu=0 delete=7 \
		slot=7,gpa=0x90000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x90008000,32K,vcpu=0
}

host() {
	for how in "fentry --attach=fentry" "kprobe --attach=kprobe" "all --all"; do
		# shellcheck disable=SC2086
		S2V=${how%% *}- s2v_start trace --json ${how#* } || return 1
		guests >ops || return 1
		S2V=${how%% *}- s2v_stop
	done
}

# What a run says, but for times, process IDs and host addresses.
essence() {
	jq -c 'select(.type == "finding" or .type == "memslot") | del(.time, .vm.pid, .hva, .memslot.hva,
		.pa, .id, .vcpu)' "$1-out.json"
	jq -c 'select(.type == "summary") | [[.maps[] | [.s1, .s2]], .findings, .complete]' "$1-out.json"
}

verdict() {
	local how counts='[.[] | select(.type == "summary").maps[].count]'
	for how in kprobe all; do
		expect_schema $how-out.json
		diff <(essence fentry) <(essence $how) >diff-$how ||
			lab_fail "fentry (<) and $how (>) differ: $(head -20 diff-$how)"
	done
	expect_eq "maps, --all" "$(jq -c -s "$counts" fentry-out.json)" "$(jq -c -s "$counts" all-out.json)"
	expect_true "maps by kprobe: as many, or some that failed" jq -e -n --slurpfile f fentry-out.json --slurpfile k kprobe-out.json \
		"[[(\$f | $counts), (\$k | $counts)] | transpose[] | .[1] - .[0] | . >= 0 and . <= 16] | all"
	# Stage 2 stays Write-Back there: whoever goes by what was mapped nearby a moment ago sees nothing.
	for how in fentry kprobe all; do
		expect_jq "$how: a memslot of a driver's memory where one of ordinary memory was" '[.[] | select(.type == "finding"
			and .rule == "s2-cacheable" and .memslot.id == 7) | [.gpa, .s1.attr, .s2.attr]] | unique' \
			'[["0x90008000","normal-nc","normal-wb"]]' $how-out.json
		expect_jq "$how: a driver's memory put into a memslot that is in use" '[.[] | select(.type == "finding" and
			.rule == "s2-cacheable" and .memslot.id == 6) | [.gpa, .s1.attr, .s2.attr]] | unique' \
			'[["0x80010000","normal-nc","normal-wb"]]' $how-out.json
	done
	expect_eq "exit status" 1 "$(cat fentry-rc)"
	expect_jq "rules" '[.[] | select(.type == "finding").rule] | unique | map(select(startswith("pfnmap")
		| not))' '["attr-drift","s2-cacheable","s2-noncacheable"]' fentry-out.json
}

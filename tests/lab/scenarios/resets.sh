# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Resets: four vCPUs are reset three times, and the guest touches a part of its memory again; a VMM runs one vCPU between
# inits; vCPUs that never ran; PSCI CPU_ON, which is no reset. One instance observes all. On one CPU of each kernel also
# the first by trace.

host() {
	# Counts all refaults, however slow the machine is.
	s2v_start resets --json --refault-window 1h || return 1
	guest comm=three vm vcpus=4 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M \
		loop=3 reset touch=0x0,2M end >ops || return 1
	guest comm=one vm vcpus=2 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K,vcpu=0 reset \
		touch=0x0,64K,vcpu=1 reset-vcpu=1 touch=0x0,64K,vcpu=0 reset-vcpu=0 reset-vcpu=1 >ops2 || return 1
	guest comm=on vm vcpus=2 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K cpu-on=1 >ops3 || return 1
	guest comm=away vm vcpus=1 slot=1,gpa=0x0,size=4M,from=anon slot=2,gpa=0x800000,size=64K,from=anon \
		touch=0x0,4M touch=0x800000,64K discard=1,off=1M,size=1M delete=2 \
		reset discard=1,off=2M,size=512K touch=0x0,4M >ops4 || return 1
	s2v_stop
	[ -z "$LAB_BRIEF" ] || return 0
	S2V=trace- s2v_start trace --json || return 1
	guest vm vcpus=4 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M reset touch=0x0,1M >ops5 || return 1
	S2V=trace- s2v_stop
}

verdict() {
	local comm
	expect_schema out.json
	for comm in three one on away; do
		jq -c --arg comm $comm 'select(.vm.comm == $comm)' out.json >$comm.json
	done
	expect_jq "MMU notifiers are followed" '[.[] | select(.type == "hook" and .observe == "host-unmap" and
		.method != "none")] | length' 1 out.json
	expect_eq "rules of all guests" "$(redundant)" "$(rules_of out.json)"
	expect_eq "exit status" 0 "$(cat rc)"
	if ((LAB_FWB)); then
		verdict_fwb
	else
		verdict_no_fwb
	fi
	expect_jq "PSCI CPU_ON is no reset" '[.[] | select(.type == "reset")] | length' 0 on.json
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' out.json
	[[ -n $LAB_BRIEF ]] || verdict_trace
}

verdict_trace() {
	expect_jq "no MMU notifiers for trace" '[.[] | select(.observe == "host-unmap")] | length' 0 trace-out.json
	expect_findings "$(redundant)" 0 trace-
}

# The rule for what each reset repeats. No other rule fires, not even those for mutants of these kernels (scenario mutant).
redundant() {
	if ((!LAB_FWB)); then echo reset-unmap-repeated; elif ((!LAB_DIC)); then echo reset-icache-repeated; fi
}

# The first reset unmaps 4 MiB and the guest's code page, the others what it touched since: 2 MiB and that page.
verdict_no_fwb() {
	local page=4096
	[[ $LAB_KERNEL != *16k ]] || page=16384
	expect_jq "resets" '[.[] | select(.type == "reset") | [.vcpus, .unmaps, .redundant, .verdict]]' \
		'[[4,4,3,"redundant-repeat"],[4,4,3,"redundant-repeat"],[4,4,3,"redundant-repeat"]]' three.json
	expect_jq "refaults" '[.[] | select(.type == "reset").refaults] | unique' "[$((0x200000 / page + 1))]" three.json
	expect_jq "unmapped" '[.[] | select(.type == "reset").unmapped_bytes]' \
		"[$((0x400000 + page)),$((0x200000 + page)),$((0x200000 + page))]" three.json
	expect_jq "times" '[.[] | select(.type == "reset") | .unmap_ns >= .longest_unmap_ns and
		.longest_unmap_ns > 0 and .refault_ns > 0 and .avoidable_ns > 0 and .avoidable_ns < .unmap_ns] |
		unique' '[true]' three.json
	# Of 4 MiB and a page, 1 MiB was discarded before the reset, and another memslot deleted; 512 KiB more
	# were discarded before the guest touched them again.
	expect_jq "what the host unmapped before" '[.[] | select(.type == "reset") | [.unmapped_bytes, .refaults]]' \
		"[[$((0x300000 + page)),$((0x280000 / page + 1))]]" away.json
	# At the first vCPU 1 had not run; the second is of vCPU 1 alone; the last is of both, of which one had run since.
	expect_jq "separate resets" '[.[] | select(.type == "reset") | [.vcpus, .unmaps, .redundant]]' \
		'[[1,1,0],[1,1,0],[2,2,1]]' one.json
	expect_jq "findings" '[.[] | select(.type == "finding") | [.rule, .count]] | last' \
		'["reset-unmap-repeated",9]' three.json
}

verdict_fwb() {
	expect_jq "resets" '[.[] | select(.type == "reset") | [.vcpus, .unmaps, .refaults, .verdict]]' \
		'[[4,0,0,"no-unmap"],[4,0,0,"no-unmap"],[4,0,0,"no-unmap"]]' three.json
	((LAB_DIC)) || expect_jq "findings" '[.[] | select(.type == "finding") | [.rule, .count]] | last' \
		'["reset-icache-repeated",9]' three.json
}

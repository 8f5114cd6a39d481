# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# `check`: host facts are those of QEMU's CPU model, hooks and methods those that the kernel allows, every rule
# is covered or not applicable. On one CPU of each kernel also: forced methods, and refusals in one sentence each.

host() {
	s2v_run check --json || return 1
	[ -z "$LAB_BRIEF" ] || return 0
	s2verify check >check.txt 2>&1
	S2V=kprobe- s2v_run check --json --attach=kprobe
	S2V=fentry- s2v_run check --json --attach=fentry
	unprivileged check
	unshare -p -f s2verify check >pidns-out.json 2>pidns-err.txt
	echo $? >pidns-rc
	mv /dev/kvm /dev/kvm.away
	S2V=nokvm- s2v_run check
	mv /dev/kvm.away /dev/kvm
}

# Without privileges: in a user namespace of its own s2verify has none on the host.
unprivileged() {
	unshare -U s2verify "$@" >user-out.json 2>user-err.txt
	echo $? >user-rc
}

verdict() {
	local method=fentry fault=kvm_handle_guest_abort cap=null
	local s2fwb=false dic=false idc=true mode=vhe
	((LAB_FWB)) && s2fwb=true
	((LAB_DIC)) && dic=true
	[[ $LAB_CPU == cortex-a57 ]] && idc=false mode=nvhe
	[[ $LAB_KERNEL == 6.1 ]] && method=kprobe
	if [[ $LAB_KERNEL == latest ]]; then
		fault=user_mem_abort cap=false
		host_has_both && cap=true
	fi
	expect_eq "exit status" 0 "$(cat rc)"
	expect_schema out.json
	expect_jq "host" '[.[] | select(.type == "host") | [.s2fwb, .ctr_dic, .ctr_idc, .kvm_mode,
		.cacheable_pfnmap_cap, .s1_calibrated, .disagreement]]' \
		"[[$s2fwb,$dic,$idc,\"$mode\",$cap,true,null]]" out.json
	expect_jq "AttrIndx from the kernel's code" \
		'.[0] | [.s1_source, .s1_attr[0], .s1_attr[2], .s1_attr[3], .s1_attr[4]]' \
		"[\"MAIR_EL1 in the kernel's __cpu_setup()\",\"normal-wb\",\"normal-nc\",\"device-nGnRnE\",\"device-nGnRE\"]" \
		out.json
	expect_jq "methods" '[.[] | select(.type == "hook").method] | unique' "[\"$method\"]" out.json
	expect_jq "fault hook" '.[] | select(.observe == "stage2-fault").function' "$fault" out.json
	expect_jq "each hook has a reason" '[.[] | select(.type == "hook" and .reason == "")] | length' 0 out.json
	expect_jq "rules not covered" '[.[] | select(.type == "rule" and .covered == false).rule]' '[]' out.json
	expect_jq "rules not applicable" '[.[] | select(.type == "rule" and .covered == null).rule] | join(" ")' \
		"$(not_applicable)" out.json
	[[ -n $LAB_BRIEF ]] || verdict_whole
}

verdict_whole() {
	expect_schema kprobe-out.json fentry-out.json
	expect_jq "forced kprobes" '[.[] | select(.type == "hook").method] | unique' '["kprobe"]' kprobe-out.json
	verdict_fentry
	expect_grep "text" '^  S2FWB ' check.txt
	verdict_refusals
}

verdict_fentry() {
	if [[ $LAB_KERNEL == 6.1 ]]; then
		expect_jq "fentry on a kernel without it" '[.[] | select(.type == "hook").method] | unique' \
			'["none"]' fentry-out.json
		expect_eq "exit status, nothing attached" 3 "$(cat fentry-rc)"
	else
		expect_eq "exit status, fentry" 0 "$(cat fentry-rc)"
	fi
}

verdict_refusals() {
	expect_eq "no privilege: exit status" 3 "$(cat user-rc)"
	expect_eq "no privilege: number of sentences" 1 "$(wc -l <user-err.txt)"
	expect_grep "no privilege: remedy" 'root' user-err.txt
	expect_eq "a PID namespace of its own: exit status" 3 "$(cat pidns-rc)"
	expect_grep "a PID namespace of its own: remedy" '--pid=host' pidns-err.txt
	expect_eq "no /dev/kvm: exit status" 3 "$(cat nokvm-rc)"
	expect_eq "no /dev/kvm: number of sentences" 1 "$(wc -l <nokvm-err.txt)"
	expect_grep "no /dev/kvm: named" '/dev/kvm' nokvm-err.txt
}

not_applicable() {
	local na=
	kernel_decides && host_has_both && na+=" pfnmap-cacheable-admitted"
	{ ! kernel_decides || host_has_both; } && na+=" pfnmap-cacheable-refused"
	kernel_decides || na+=" cap-unqueried"
	if ((LAB_FWB)); then
		na+=" reset-unmap-repeated reset-unmap-missing"
		((LAB_DIC)) && na+=" reset-icache-missing reset-icache-repeated"
	else
		na+=" migration-pinned reset-unmap-fwb reset-icache-missing reset-icache-repeated"
	fi
	na+=" alias-conflict guest-noncacheable" # only an audit checks them
	echo "${na# }"
}

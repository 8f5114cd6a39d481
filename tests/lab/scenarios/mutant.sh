# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A kernel with one wrong instruction in its vCPU-init path (--mutant): the rule for it fires; on the
# original kernel none of the three rules fires. With resets and, unless --brief, with trace.

host() {
	s2v_start resets --json || return 1
	guest vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M reset touch=0x0,1M >ops || return 1
	s2v_stop
	[ -z "$LAB_BRIEF" ] || return 0
	S2V=trace- s2v_start trace --json || return 1
	guest vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M reset touch=0x0,1M >ops2 || return 1
	S2V=trace- s2v_stop
}

# Which of the three rules fired in a run.
found() { # PREFIX
	rules_of "$1out.json" | tr ' ' '\n' | grep -xE 'reset-(icache-missing|unmap-missing|unmap-fwb)' | xargs
}

verdict() {
	local rule='' status=0 verdict
	case $LAB_MUTANT-$LAB_FWB$LAB_DIC in
	icache-10) status=1 verdict=no-unmap rule=reset-icache-missing ;;
	unmap-0?) status=1 verdict=missing rule=reset-unmap-missing ;;
	fwb-1?) verdict=redundant-fwb rule=reset-unmap-fwb ;;
	*) verdict=$( ((LAB_FWB)) && echo no-unmap || echo redundant-repeat) ;;
	esac
	expect_eq "findings" "$rule" "$(found "")"
	expect_eq "exit status" $status "$(cat rc)"
	expect_jq "verdict" '[.[] | select(.type == "reset").verdict]' "[\"$verdict\"]" out.json
	expect_schema out.json
	[[ -z $LAB_BRIEF ]] || return 0
	expect_eq "findings of trace" "$rule" "$(found trace-)"
	expect_eq "exit status of trace" $status "$(cat trace-rc)"
	expect_schema trace-out.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A kernel made wrong in one instruction of its vCPU-init path (--mutant) is found out, by the rule for
# it; one that is not gives none of the three.

host() {
	s2v_start trace --json || return 1
	guest vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M reset touch=0x0,1M >ops || return 1
	s2v_stop
	S2V=resets- s2v_start resets --json || return 1
	guest vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M reset touch=0x0,1M >ops2 || return 1
	S2V=resets- s2v_stop
}

verdict() {
	local found status=0 verdict
	found=$(rules_of out.json | tr ' ' '\n' | grep -xE 'reset-(icache-missing|unmap-missing|unmap-fwb)' | xargs)
	case $LAB_MUTANT-$LAB_FWB$LAB_DIC in
	icache-10) status=1 verdict=no-unmap && expect_eq "found" reset-icache-missing "$found" ;;
	unmap-0?) status=1 verdict=missing && expect_eq "found" reset-unmap-missing "$found" ;;
	fwb-1?) verdict=redundant-fwb && expect_eq "found" reset-unmap-fwb "$found" ;;
	*) verdict=$( ((LAB_FWB)) && echo no-unmap || echo redundant-repeat) && expect_eq "found" "" "$found" ;;
	esac
	expect_eq "exit status" $status "$(cat rc)"
	expect_jq "verdict" '[.[] | select(.type == "reset").verdict]' "[\"$verdict\"]" resets-out.json
	expect_schema out.json resets-out.json
}

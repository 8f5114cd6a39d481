# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Measures a guest's resets by the guest's own clock and, on a host without S2FWB, by s2verify.
# tests/lab/predict compares two hosts. Without --icount the times say little.

# The same guest each time: of 16 MiB it touches 8 MiB again, by two vCPUs in turn, in one thread, so
# that nothing waits. FILE has a line for each op, with its "us".
guest_of() { # FILE
	guest vm vcpus=2 slot=1,gpa=0x0,size=16M,from=anon touch=0x0,16M,vcpu=0 touch=0x0,64K,vcpu=1 echo=booted \
		loop=8 reset touch=0x0,5M,vcpu=0 touch=0x500000,3M,vcpu=1 echo=cycle end >"$1"
}

host() {
	guest_of warm-up || return 1
	s2v_start resets --json --buffer 16M || return 1
	guest_of watched || return 1
	s2v_stop
	# The kernel does work of its own for some seconds after boot, and is slower until then (7.3: twice).
	sleep 5
	guest_of warm-up || return 1
	guest_of alone || return 1
}

verdict() {
	expect_eq "exit status" 0 "$(cat rc)"
	expect_jq "complete" '[.[] | select(.type == "summary") | .complete, .incomplete]' '[true,null]' out.json
	expect_jq "resets" '[.[] | select(.type == "reset")] | length' 8 out.json
	expect_eq "cycles" 8 "$(grep -c 'ok cycle$' alone)"
	if ((LAB_FWB)); then
		expect_jq "nothing is saved" '[.[] | select(.type == "reset").s2fwb_saves_ns] | unique' '[0]' out.json
	else
		expect_jq "an exit takes time" '.[] | select(.type == "host") | .vm_exit_ns > 0' true out.json
		expect_jq "savings add up" '[.[] | select(.type == "reset").s2fwb_saves_ns] | add' \
			"$(jq 'select(.type == "reset_total").s2fwb_saves_ns' out.json)" out.json
		# All share one CPU: time of s2verify in the middle of a fault is not part of the fault. One value may be off
		# (the kernel did something else in the middle of it), as only the median counts.
		expect_jq "the same each time, except the first and another" '[.[] | select(.type == "reset").s2fwb_saves_ns] | .[1:] |
			sort | ((.[-2] - .[0]) * 20 < .[0]) or ((.[-1] - .[1]) * 20 < .[1])' true out.json
	fi
	expect_schema out.json
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What tracing costs a guest that faults 32 MiB in, page by page: figures for docs/cost.md, no pass or fail
# beyond complete runs. Meant for: tests/lab/run --icount --smp 1 --timeout 540 cost

fault_in() { # WHAT TIMES
	for _ in $(seq "$2"); do
		guest vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon touch=0x0,32M | sed -n "s/^touch.* us=/$1 /p" >>us
	done
}

host() {
	fault_in warm-up 4
	fault_in nothing 2
	s2v_start trace --json || return 1
	fault_in trace 3
	s2v_stop
	fault_in nothing 2
	S2V=all- s2v_start trace --json --all --buffer 16M || return 1
	fault_in trace-all 3
	S2V=all- s2v_stop
	tail -n 1 all-out.json >all && mv all all-out.json
	fault_in nothing 2
}

verdict() {
	expect_findings "" 0
	expect_eq "exit status, --all" 0 "$(cat all-rc)"
	awk '{ n[$1]++; us[$1] += $2; line[$1] = line[$1] " " $2 }
		END { for (w in n) printf "  %-10s mean %d us of%s\n", w, us[w] / n[w], line[w] }' us
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the walk of a guest's own tables costs: a guest of 64 GiB whose linear map is in pages (16 Mi leaves), all
# cacheable, and with 64 KiB that is not, which is walked twice. Figures for docs/cost.md. For make bench-audit, where
# the clock counts instructions: each takes 2 ns.

measure() { # NAME OP...
	name=$1
	shift
	guest "comm=$name" limit=0 vm vcpus=1 slot=1,gpa=0x0,size=132M,from=anon touch=0x0,132M \
		slot=2,gpa=0x1000000000,size=64G,from=anon stage1=1 \
		map=0xffff000000000000,gpa=0x1000000000,size=64G,type=wb "$@" vcpu-s1=0 \
		"mark=/tmp/$name" "wait=/tmp/$name-end" >"ops-$name" &
	for _ in $(seq 3600); do
		[ ! -e "/tmp/$name" ] || break
		sleep 0.1
	done
	for run in 1 2 3; do
		s2verify audit --json >"$name-$run-out.json" 2>>err.txt
	done
	touch "/tmp/$name-end"
	wait
}

host() {
	echo 1 >/proc/sys/vm/overcommit_memory
	measure cacheable
	measure twice map=0xffff800000000000,gpa=0x1000000000,size=64K,type=nc
}

# "NAME LEAVES INSTRUCTIONS STEPS" of each audit
costs() {
	local name run
	for name in cacheable twice; do
		for run in 1 2 3; do
			jq -s -r "[.[] | select(.type == \"vcpu\").leaves][0] as \$leaves |
				.[] | select(.type == \"audit\") | \"$name \(\$leaves) \(.duration_ns / 2) \(.steps)\"" "$name-$run-out.json"
		done
	done
}

verdict() {
	costs >costs
	awk '{ printf "  %-10s %9d leaves %11d instructions %5.2f a leaf, %5d steps, %7d instructions a step\n",
		$1, $2, $3, $3 / $2, $4, $3 / $4 }' costs >figures
	expect_eq "leaves of 64 GiB" "16777216 16777216 16777216" "$(awk '$1 == "cacheable" { print $2 }' costs | xargs)"
	expect_eq "leaves, and 64 KiB" "16777232 16777232 16777232" "$(awk '$1 == "twice" { print $2 }' costs | xargs)"
	expect_jq "found" '[.[] | select(.type == "finding") | .rule, .bytes]' '["guest-noncacheable",65536]' twice-1-out.json
}

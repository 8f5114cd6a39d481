# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What an audit costs: instructions per leaf, compared with KVM's own walk of the same tables; and whether it
# delays the faults of a guest. Figures for docs/cost.md. For make bench-audit, where the clock counts
# instructions: each takes 2 ns.

# A guest whose tables KVM walks three times (if this kernel can), and which is audited three times.
measure() { # NAME SIZE FROM
	guest "comm=$1" limit=0 vm vcpus=1 "slot=1,gpa=0x40000000,size=$2,from=$3" "touch=0x40000000,$2" \
		"mark=/tmp/$1" walk,expect=any walk,expect=any walk,expect=any "mark=/tmp/$1-walked" \
		"wait=/tmp/$1-end" >"ops-$1" &
	for _ in $(seq 3600); do
		[ ! -e "/tmp/$1-walked" ] || break
		sleep 0.1
	done
	for run in 1 2 3; do
		s2verify audit --json >"$1-$run-out.json" 2>>err.txt || return 1
	done
	touch "/tmp/$1-end"
	wait
}

# The time that a guest takes for 16 faults (64 KiB), alone and while another guest is audited all the time.
# They share one CPU, so only a lock could make a fault wait longer than a time slice. 16 faults fit into a
# slice. Reports the fastest and the median of 64 times.
faults_during_audit() {
	guest comm=audited limit=0 vm vcpus=1 slot=1,gpa=0x0,size=16M,from=anon touch=0x0,16M \
		mark=/tmp/audited wait=/tmp/audited-end >/dev/null &
	wait_file /tmp/audited || return 1
	small_touches alone || return 1
	while [ ! -e /tmp/audited-end ]; do
		s2verify audit --json >meanwhile.json 2>>err.txt
	done &
	small_touches audited || return 1
	touch /tmp/audited-end
	wait
}

small_touches() { # WHAT
	guest limit=0 vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon loop=64 touch=0x0,64K discard=1 end |
		sed -n "s/^touch.* us=/$1 /p" >>us
}

host() {
	hugepages 64 || return 1
	measure pages 1G anon || return 1
	measure blocks 128M hugetlb || return 1
	faults_during_audit
}

# "NAME RUN LEAVES INSTRUCTIONS" of audits, "NAME walk LEAVES INSTRUCTIONS" of KVM's walks
costs() {
	local name run
	for name in pages blocks; do
		for run in 1 2 3; do
			jq -r "select(.type == \"audit\") | \"$name audit \(.leaves) \(.duration_ns / 2)\"" "$name-$run-out.json"
		done
		sed -n "s/^walk.*us=\([0-9]*\) leaves=\([0-9]*\).*/$name walk \2 \1/p" "ops-$name" |
			awk '{ print $1, $2, $3, $4 * 500 }'
	done
}

figures() {
	sort -k 1,1 -k 2,2n us | awk '{ n[$1]++; t[$1, n[$1]] = $2 }
		END { for (w in n) print "  16 faults,", w ": fastest", t[w, 1], "us, median", t[w, int(n[w] / 2)], "us" }'
	awk '{ printf "  %-7s %-6s %7d leaves %10d instructions %7.1f a leaf\n", $1, $2, $3, $4, $4 / $3 }' costs
}

verdict() {
	costs >costs
	figures >figures
	expect_eq "leaves of 1 GiB" "262145 262145 262145" "$(awk '$1 == "pages" && $2 == "audit" { print $3 }' costs | xargs)"
}

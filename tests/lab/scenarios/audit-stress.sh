# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Audits for a minute (--brief: 20 s, half as many guests) while guests fault, are reset and are killed and
# their VMMs change memory and memslots. There must be no false finding, and nothing left behind.

applies() {
	[ "$LAB_SMP" -ge 2 ] || { echo "needs two CPUs" && return 1; }
}

# Seconds, and least number of audits, of each half: first without, then with a guest that has a real conflict.
half=30 audits=5
[ -z "$LAB_BRIEF" ] || half=10 audits=2

# What an audit could leave behind: BPF programs, memory of programs and maps, VMs.
leftovers() {
	echo "programs $(grep -c '[[:space:]]bpf_prog_[0-9a-f]' /proc/kallsyms)"
	echo "areas $(grep -c 'bpf' /proc/vmallocinfo)"
	echo "vms $(find /sys/kernel/debug/kvm -mindepth 1 -maxdepth 1 -type d | wc -l)"
}

# Guests of all kinds, one after the other, until /tmp/stop exists. On the second CPU, so that audits run
# as often as possible.
bring_up() { # NAME SEED
	while [ ! -e /tmp/stop ]; do
		taskset 2 guest comm="$1" limit=20 vm vcpus=4 slot=1,gpa=0x0,size=4M,from=anon churn="1,seed=$2" \
			loop=3 touch=0x0,4M,all,expect=any reset touch=0x0,4M,expect=any \
			slot=2,gpa=0x40000000,size=4M,from=thp touch=0x40000000,4M,expect=any \
			flags=2,log touch=0x40000000,4M,expect=any flags=2 \
			discard=2,size=1M touch=0x40000000,4M,expect=any \
			move=2,gpa=0x80000000 touch=0x80000000,4M,expect=any,read \
			replace=2,from=shm,off=1M,size=1M touch=0x80000000,4M,expect=any delete=2 end calm
		echo $? >>ends
	done >ops-"$1" 2>&1
}

# A guest that lives for a moment, and a guest that is killed at any point.
come_and_go() {
	n=0
	while [ ! -e /tmp/stop ]; do
		guest comm=brief vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M || echo brief failed
		guest comm=killed vm vcpus=4 slot=1,gpa=0x0,size=16M,from=thp loop=100 \
			touch=0x0,16M discard=1 end &
		n=$((n + 1))
		usleep $((n * 37 % 400 * 1000))
		kill -9 $!
		wait $!
	done >ops-brief 2>&1
}

disturb() {
	echo 1 >/sys/kernel/mm/ksm/run
	echo 10 >/sys/kernel/mm/ksm/sleep_millisecs
	echo 100 >/sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs
	while [ ! -e /tmp/stop ]; do
		echo 1 >/proc/sys/vm/compact_memory
		sleep 0.5
	done
} 2>/dev/null

seconds() {
	cut -d . -f 1 /proc/uptime
}

# What an audit sees depends on the clock: at least one audit must have seen a guest with many leaves.
saw_guest() { # PREFIX
	grep -q '"type":"audit".*"leaves":[0-9]\{3,\}' "$1-out.json"
}

# Audits with and without --leaves in turn.
audit_for() { # SECONDS PREFIX
	end=$(($(seconds) + $1))
	n=0
	while [ "$(seconds)" -lt $end ] || [ $n -lt $audits ] || { ! saw_guest "$2" && [ $n -lt 20 ]; }; do
		n=$((n + 1))
		leaves=
		[ $((n % 2)) != 0 ] || leaves=--leaves
		# shellcheck disable=SC2086 # nothing or an option
		s2verify audit --json $leaves >now.json 2>now.txt
		echo "$2 $?" >>statuses
		grep -v '"type":"event"' now.json >>"$2-out.json"
		grep '"pa-differs"\|"special"' now.json | grep -v '"comm":"conflict"' >>differing
		cat now.txt >>err.txt
	done
}

host() {
	echo 1 >/proc/sys/net/core/bpf_jit_kallsyms
	echo 0 >/proc/sys/kernel/kptr_restrict
	s2v_run audit --json
	sleep 1
	leftovers >before
	: >differing
	bring_up wild-1 1 &
	[ -n "$LAB_BRIEF" ] || bring_up wild-2 77 &
	come_and_go &
	disturb &
	audit_for "$half" without
	guest comm=conflict limit=0 vm vcpus=2 slot=1,gpa=0x0,size=4M,from=anon \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		mark=/tmp/conflict churn=1 loop=100000 touch=0x0,4M,all,expect=any end >/dev/null &
	conflict=$!
	wait_file /tmp/conflict || return 1
	audit_for "$half" with
	S2V=first- s2v_start trace --audit-first --json || return 1
	sleep 3
	S2V=first- s2v_stop
	kill $conflict
	touch /tmp/stop
	wait
	wait_for nothing_left
	grep -c . ends
}

nothing_left() {
	leftovers >after
	cmp -s before after
}

# Findings, except the true findings of resets and of faults while a VMM had unmapped memory for a moment (churn).
# "RULE COMM GPA COUNT"
found() { # FILE
	jq -r -s '[.[] | select(.type == "finding" and (.rule | startswith("reset-") | not) and
		(.rule == "fault-failed" and (.explain | test("finds no VMA there")) | not)) | "\(.rule) \(.vm.comm) \(.gpa) \(.count)"] | unique[]' "$1"
}

verdict() {
	local kind
	expect_eq "left behind" "$(cat before)" "$(cat after)"
	expect_eq "leaves that differ or are special, except of the device" "" "$(head -c 2000 differing)"
	expect_eq "findings without the conflict" "" "$(found without-out.json)"
	expect_eq "findings with the conflict" "s2-cacheable conflict 0x40000000 16" "$(found with-out.json)"
	expect_eq "findings of trace --audit-first" "s2-cacheable conflict 0x40000000 16" "$(found first-out.json)"
	expect_eq "exit statuses" "with 1 without 0" "$(sort -u statuses | xargs)"
	expect_eq "exit status of trace --audit-first" 1 "$(cat first-rc)"
	expect_eq "stderr" "" "$(sort -u err.txt | head)"
	for kind in with without; do
		expect_true "enough audits $kind the conflict" test "$(grep -c "^$kind " statuses)" -ge $audits
	done
	expect_jq "complete" '[.[] | select(.type == "summary") | .incomplete // "complete"] | unique' \
		'["complete"]' without-out.json
	expect_schema without-out.json with-out.json first-out.json
	expect_jq "audits saw guests" '[.[] | select(.type == "audit" and .leaves >= 100)] | length > 0' true without-out.json
}

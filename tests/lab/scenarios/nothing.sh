# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# VMs in which nothing is or can be mapped. A VM whose process has ended while a child still has its files: KVM has freed
# its tables, and it never runs again; it is reported as a VM without tables, and nothing of it as unverified. A VM without
# memory, as another s2verify creates it to query the host, and another s2verify itself: no guests, and not counted.

host() {
	guest comm=parent vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K heir=/tmp/go >ops-parent || return 1
	guest limit=300 comm=asker blank mark=/tmp/now wait=/tmp/go >ops-asker &
	wait_file /tmp/now || return 1
	S2V=audit- s2v_run audit --json
	S2V=text- s2v_run audit
	S2V=first- s2v_start trace --audit-first --json || return 1
	s2verify audit --json >other.json 2>other.txt
	S2V=first- s2v_stop
	S2V=trace- s2v_start record -o nothing.s2t || return 1
	S2V=trace- s2v_stop
	S2V=analyze- s2v_run analyze --json nothing.s2t
	S2V=daemon- s2v_start daemon || return 1
	wait_for ready_is 200 || return 1
	http_get /metrics metrics
	S2V=daemon- s2v_stop
	touch /tmp/go
	wait
}

verdict() {
	local run
	for run in audit first analyze; do
		expect_findings "" 0 "$run-"
		expect_jq "$run: VMs" '.[] | select(.type == "summary") | [.vms, .preexisting_vms, .vms_without_tables]' '[1,0,1]' \
			"$run-out.json"
	done
	for run in audit first; do
		expect_jq "$run: reported" '[.[] | select(.type == "audit").flags]' '[["no-tables"]]' "$run-out.json"
	done
	expect_grep "as text" 'no stage-2 tables: its process has ended' text-out.json
	expect_eq "record: exit status" 0 "$(cat trace-rc)"
	expect_grep "daemon: ready" '^ready' ready
	expect_grep "daemon: VMs" '^s2verify_vms 1' metrics
}

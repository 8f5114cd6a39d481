# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A VM that is in no process's open files: its VMM has closed them, and only mappings keep it alive. KVM's own list has it,
# so no run that looks for existing VMs is complete. After its end, and with a VM that does not hide, runs are complete.

host() {
	guest limit=300 comm=hidden vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc \
		touch=0x40000000,64K hide mark=/tmp/now wait=/tmp/go >ops-hidden &
	hidden=$!
	wait_file /tmp/now || return 1
	S2V=hidden- s2v_run audit --json
	S2V=first- s2v_start trace --audit-first --json || return 1
	S2V=first- s2v_stop
	S2V=record- s2v_start record -o hidden.s2t || return 1
	S2V=record- s2v_stop
	S2V=analyze- s2v_run analyze --json hidden.s2t
	# With -p it looks only for the VMs of that process.
	S2V=other- s2v_run audit --json -p $$
	touch /tmp/go
	wait $hidden
	guest limit=300 comm=open vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K \
		mark=/tmp/open wait=/tmp/end >ops-open &
	wait_file /tmp/open || return 1
	S2V=open- s2v_run audit --json
	umount /sys/kernel/debug || return 1
	S2V=blind- s2v_run audit --json
	mount -t debugfs debugfs /sys/kernel/debug
	touch /tmp/end
	wait
}

why() { # PREFIX
	jq -r 'select(.type == "summary").incomplete' "$1out.json"
}

verdict() {
	local run
	for run in hidden first analyze; do
		expect_eq "$run: exit status" 4 "$(cat "$run-rc")"
		expect_match "$run: why" 'KVM has 1 VM that no open file shows \(one created by thread [0-9]+\)' "$(why "$run-")"
	done
	expect_eq "record: exit status" 4 "$(cat record-rc)"
	expect_findings "" 0 other-
	expect_findings "" 0 open-
	expect_eq "without debugfs: exit status" 4 "$(cat blind-rc)"
	expect_match "without debugfs: why" 'whether KVM has VMs that no open file shows is not known: debugfs, No such file' "$(why blind-)"
}

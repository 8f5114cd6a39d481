# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A VMM's thread keeps changing its address space while its guest faults on a driver's memory: that memory cannot be
# verified. This affects only that VM: the others are verified, the run reports this, and the daemon is ready.

# On one CPU thread and vCPU would not run at the same time.
applies() {
	[ "$LAB_SMP" -ge 2 ] || { echo "needs two CPUs" && return 1; }
}

# A guest whose VMM changes the memory behind one memslot, and unmaps the driver's memory of another again and again: by
# deleting the memslot, which does not depend on S2FWB as a reset does.
restless() {
	guest comm=restless limit=600 vm vcpus=1 slot=1,gpa=0x0,size=4M,from=anon churn=1,seed=7 \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc loop=80 \
		touch=0x40000000,64K,expect=any delete=2 slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc end calm
}

calm() {
	guest comm=calm vm vcpus=1 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wc touch=0x40000000,64K
}

host() {
	s2v_start trace --json --output t.s2t || return 1
	calm >ops || return 1
	restless >>ops
	s2v_stop
	s2verify analyze --json t.s2t >analysed.json
	echo $? >analysed-rc
	S2V=daemon-
	s2v_start daemon || return 1
	wait_for ready_is 200 || return 1
	calm >>ops || return 1
	restless >>ops
	http_get /metrics metrics
	ready_is 200
	s2v_stop
}

verdict() {
	local file
	cp out.json live.json
	for file in live analysed; do
		expect_schema "$file.json"
		expect_jq "$file: one VM is not verified" '(.[] | select(.type == "summary")) as $s |
			[$s.complete, $s.complete_but_for_these, ($s.unverified_vms | length), $s.lost, $s.missed_probes]' \
			'[false,true,1,0,0]' "$file.json"
		expect_jq "$file: it is the restless VM" '[(.[] | select(.type == "summary").unverified_vms[0].id) as $id |
			.[] | select(.type == "memslot" and .vm.id == $id).vm.comm] | unique' '["restless"]' "$file.json"
		expect_jq "$file: all unreadable memory is of that VM" '.[] | select(.type == "summary") |
			.unreadable > 0 and .unreadable == .unverified_vms[0].unreadable' true "$file.json"
		expect_jq "$file: no finding of the calm VM" '[.[] | select(.type == "finding" and .vm.comm == "calm").rule]' '[]' "$file.json"
	done
	expect_eq "live and from the recording" "$(jq -c 'select(.type == "summary").unverified_vms' live.json)" \
		"$(jq -c 'select(.type == "summary").unverified_vms' analysed.json)"
	expect_eq "exit status" "4 4" "$(cat rc) $(cat analysed-rc)"
	expect_grep "the daemon is ready" '^HTTP/1.[01] 200' ready
	expect_grep "the VM is counted" '^s2verify_unverified_vms_total 1' metrics
	expect_grep "the run is not complete" '^s2verify_complete 0' metrics
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # s2v_pid is lib/host.sh's
# Several VMs in one process, created and destroyed during the run, with equal memslot IDs; a memslot over
# several mappings; memslots moved, deleted and created again; a trace of one process; the contract on
# SIGUSR1; a process name with quotes and escape sequences.

host() {
	s2v_start trace --json || return 1
	guest "comm=a\"b\\x0ac\\xff\\x1b[31m" \
		vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K \
		vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-ram-wc touch=0x0,64K \
		vm vcpus=1 span=1,gpa=0x0,part=anon:64K,part=dev:/dev/s2f-ram-wc:64K,part=anon:64K touch=0x0,192K \
		use=1 destroy \
		vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-ram-wc touch=0x0,64K \
		move=1,gpa=0x40000000 touch=0x40000000,64K delete=1 \
		slot=1,gpa=0x80000000,size=64K,from=anon touch=0x80000000,64K \
		mark=/tmp/now wait=/tmp/go >ops &
	guest=$!
	wait_file /tmp/now || return 1
	wait_for contract || return 1
	touch /tmp/go
	wait "$guest" || return 1
	s2v_stop
	trace_one_process
}

# The contract on SIGUSR1, once s2verify has read what the guest did; fails if it has not, to be called again.
contract() {
	before=$(wc -l <out.json)
	kill -USR1 "$s2v_pid"
	sleep 2
	tail -n +$((before + 1)) out.json | grep '"type":"memslot".*},"id":1,.*}$' >usr1.json
	[ "$(wc -l <usr1.json)" -ge 5 ] && tail -n 1 usr1.json | grep -q '"gpa":"0x80000000"'
}

# -p: a guest that exists before; the run reports that its earlier mappings were not seen. And a guest of
# another process, which is ignored.
trace_one_process() {
	rm -f /tmp/now /tmp/go
	guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K mark=/tmp/now wait=/tmp/go \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K >ops2 &
	guest=$!
	wait_file /tmp/now || return 1
	S2V=one- s2v_start trace --json -p "$guest" || return 1
	touch /tmp/go
	wait "$guest" || return 1
	S2V=one- s2v_stop
	sleep 60 &
	S2V=other- s2v_start trace --json -p $! || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-ram-wc touch=0x0,64K >ops3 || return 1
	S2V=other- s2v_stop
	kill %% 2>/dev/null
	return 0
}

verdict() {
	expect_findings "s2-cacheable" 1
	# In order: VM 2's, VM 3's middle part, VM 4's before and after the move.
	expect_jq "findings" '[.[] | select(.type == "finding" and .update == null) | [.vm.id, .gpa, .memslot.gpa]]' \
		'[[2,"0x0","0x0"],[3,"0x10000","0x0"],[4,"0x0","0x0"],[4,"0x40000000","0x40000000"]]' out.json
	expect_jq "parts of a memslot" '[.[] | select(.type == "memslot" and .vm.id == 3 and .id == 1) |
		[.gpa, .backing, .vmm_cmo_required]] | unique' "$(parts)" out.json
	expect_jq "memslot of the VM destroyed first" '[.[] | select(.type == "memslot" and .id == 1) | [.vm.id, .gpa]] | .[0]' \
		'[2,"0x0"]' out.json
	expect_jq "memslots on SIGUSR1" '[.[] | [.vm.id, .gpa]] | .[-5:]' \
		'[[1,"0x0"],[3,"0x0"],[3,"0x10000"],[3,"0x20000"],[4,"0x80000000"]]' usr1.json
	expect_jq "name" '[.[] | select(.type == "finding").vm.comm] | unique' $'["a\\"b\\nc\ufffd\\u001b[31m"]' out.json
	expect_jq "VMs" '.[] | select(.type == "summary") | [.vms, .preexisting_vms]' '[4,0]' out.json
	expect_schema one-out.json other-out.json
	expect_jq "the existing VM: findings" '[.[] | select(.type == "finding").gpa] | unique' '["0x40000000"]' one-out.json
	expect_jq "the existing VM: not complete" '.[] | select(.type == "summary") | [.complete, .preexisting_vms]' '[false,1]' one-out.json
	expect_eq "exit status with findings" 1 "$(cat one-rc)"
	expect_findings "" 0 other-
}

parts() {
	local owed='"data+icache"'
	((LAB_FWB)) && owed='"icache"'
	host_has_both && owed='"none"'
	echo "[[\"0x0\",\"anonymous\",$owed],[\"0x10000\",\"pfnmap\",\"unsafe\"],[\"0x20000\",\"anonymous\",$owed]]"
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # s2v_pid is lib/host.sh's
# The analysis of a recording on another machine prints the same as live, byte for byte: VMs with findings,
# memslots moved and deleted, resets, the contract on SIGUSR1. And the size of an event in the file.

applies() {
	[ -x "$(native)" ] || {
		echo "no s2verify for this machine: make"
		return 1
	}
}

guests() {
	guest vm vcpus=2 slot=1,gpa=0x0,size=256K,from=anon touch=0x0,256K,vcpu=0 touch=0x0,256K,vcpu=1 \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		reset touch=0x0,128K \
		vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-wb touch=0x0,64K \
		slot=3,gpa=0x80000000,size=64K,from=anon touch=0x80000000,64K move=3,gpa=0x90000000 \
		touch=0x90000000,64K delete=3 mark=/tmp/now wait=/tmp/go \
		vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K reset reset touch=0x0,64K >>ops &
	guest=$!
	wait_file /tmp/now || return 1
	[ -z "$1" ] || kill -USR1 "$1"
	sleep 1
	touch /tmp/go
	wait "$guest"
	status=$?
	rm -f /tmp/now /tmp/go
	return "$status"
}

host() {
	S2V=rec- s2v_start record -o record.s2t || return 1
	record=$s2v_pid
	s2v_start trace --all --json -o trace.s2t || return 1
	guests "$s2v_pid" || return 1
	s2v_stop
	s2v_pid=$record
	S2V=rec- s2v_stop
	S2V=resets- s2v_start resets --json -o resets.s2t || return 1
	guests "" || return 1
	S2V=resets- s2v_stop
	S2V=plain- s2v_start trace --json -o plain.s2t || return 1
	guests "" || return 1
	S2V=plain- s2v_stop
	S2V=big- s2v_start record -o big.s2t || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon touch=0x0,32M >>ops || return 1
	S2V=big- s2v_stop
	ends
}

# A full disk, and recordings that end by themselves.
ends() {
	mkdir -p /tmp/small && mount -t tmpfs -o size=24k none /tmp/small || return 1
	S2V=full- s2v_start trace --all --json --buffer 8M -o /tmp/small/full.s2t || return 1
	full=$s2v_pid
	S2V=fullr- s2v_start record -o /tmp/small/fullr.s2t || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon touch=0x0,32M >>ops || return 1
	wait "$s2v_pid" # which ends by itself
	echo $? >fullr-rc
	guest vm vcpus=1 slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K >>ops || return 1
	s2v_pid=$full
	S2V=full- s2v_stop
	grep -v '"type":"event"' full-out.json >/tmp/less && mv /tmp/less full-out.json
	cp /tmp/small/*.s2t . && umount /tmp/small || return 1
	S2V=trig- s2v_start record -o trig.s2t --ring 1M --trigger high || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=dev:/dev/s2f-ram-wc touch=0x0,64K >>ops || return 1
	wait "$s2v_pid"
	echo $? >trig-rc
	S2V=usr2- s2v_start record -o usr2.s2t --ring 10m || return 1
	guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K >>ops || return 1
	kill -USR2 "$s2v_pid"
	wait "$s2v_pid"
	echo $? >usr2-rc
}

# What each finding came to. Two runs side by side may see the events of two vCPUs in another order, so which page, vCPU
# and explanation came first is not compared; nor are VM IDs: each run saw the VM on which the other tried its hooks.
findings() { # FILE
	jq -S -c -s '[.[] | select(.type == "finding")] | group_by(.id)[] | last |
		{rule, severity, memslot, count, bytes, gpa_low, gpa_high, s1, s2, errno, comm: .vm.comm}' "$1" | sort
}

verdict() {
	expect_schema out.json
	same "trace" out.json rc --all --json trace.s2t
	same "resets" resets-out.json resets-rc --resets --json resets.s2t
	same "trace without --all" plain-out.json plain-rc --json plain.s2t
	expect_true "memslots, findings, events" test "$(jq -r .type out.json | sort -u | wc -l)" -ge 7
	expect_grep "contract on SIGUSR1, and at the end" '"type":"memslot".*"gpa":"0x80000000"|"gpa":"0x90000000"' out.json
	expect_eq "record: stdout" "" "$(cat rec-out.json)"
	expect_grep "record: last message" '^record.s2t: [0-9]+ events in .* bytes; [0-9]+ finding' rec-err.txt
	expect_eq "record: exit status" "$(cat rc)" "$(cat rec-rc)"
	"$(native)" analyze --json record.s2t >rec-again.json
	expect_schema rec-again.json
	expect_true "findings" test "$(findings out.json | wc -l)" -ge 2
	expect_eq "record: findings" "$(findings out.json)" "$(findings rec-again.json)"
	verdict_size
	verdict_ends
}

# Bytes per event. There are 8192 pages, a map and a fault each, and some other events.
verdict_size() {
	local bytes events
	bytes=$(wc -c <big.s2t)
	events=$(sed -n 's/^big.s2t: \([0-9]*\) events.*/\1/p' big-err.txt)
	[[ $LAB_KERNEL == *16k ]] || expect_true "8192 faults" test "$events" -ge 16384
	echo "$bytes bytes, $events events: $((1000 * bytes / events)) thousandths of a byte each" >size
	# Times under emulation are noise, three numbers for each page, and the more of it the slower the machine is: 2.8 to
	# 3.2 bytes on an idle machine. The bound is wide on purpose; figures with --icount are in docs/cost.md.
	expect_true "at most 6 bytes an event ($(cat size))" test "$bytes" -le $((6 * events))
}

verdict_ends() {
	local status=0
	expect_eq "full disk, trace: exit status" 1 "$(cat full-rc)"
	expect_grep "full disk: message" 'stopped: No space left on device' full-err.txt
	expect_grep "full disk: findings go on" '"rule":"s2-cacheable"' full-out.json
	expect_eq "full disk, record: exit status" 4 "$(cat fullr-rc)"
	"$(native)" analyze --json fullr.s2t >fullr-out.json 2>fullr-analyze || status=$?
	expect_eq "full disk, analyze: exit status" 4 "$status"
	expect_jq "full disk: nothing damaged" '.[] | select(.type == "summary").incomplete |
		test("damaged")' false fullr-out.json
	expect_eq "trigger: exit status" 1 "$(cat trig-rc)"
	"$(native)" analyze --json trig.s2t >trig-out.json 2>&1
	expect_eq "trigger" "s2-cacheable" "$(rules_of trig-out.json)"
	expect_eq "SIGUSR2: exit status" 0 "$(cat usr2-rc)"
	expect_true "SIGUSR2: a valid file" "$(native)" analyze usr2.s2t
}

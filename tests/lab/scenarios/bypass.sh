# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Guests whose memory KVM maps by a function that no hook observes (--mutant bypass). A run with such a guest is
# incomplete, whether the guest ends, is killed, lives on, or never exits to the VMM; an audit finds its conflict. On the
# original kernel the hooks see the same guests.

applies() {
	[[ -z $LAB_MUTANT || $LAB_MUTANT == bypass ]] || echo "only for the original kernel and the mutant bypass"
	[[ -z $LAB_MUTANT || $LAB_MUTANT == bypass ]]
}

# Returns whether it has used more than 0.5 s of CPU time: it is in the guest.
is_busy() { # PID
	[ "$(awk '{ print $14 + $15 }' "/proc/$1/stat")" -gt 50 ]
}

endless() { # NAME: sets endless
	guest limit=0 comm="$1" vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K,stride=0 >>ops &
	endless=$!
	wait_for is_busy "$endless"
}

# Memory that the host maps write-combined, and KVM Write-Back.
living() { # NAME: sets living
	rm -f /tmp/now /tmp/go
	guest limit=0 comm="$1" vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		mark=/tmp/now wait=/tmp/go touch=0x0,1M >>ops &
	living=$!
	wait_file /tmp/now
}

# A guest that ends, and a guest that lives on.
brief_and_living() {
	guest comm=brief vm vcpus=1 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M >>ops && living living
}

# Also a guest that is killed, and a guest that never exits to the VMM.
all_guests() {
	endless killed || return 1
	kill_endless
	brief_and_living && endless endless
}

kill_endless() {
	kill -9 "$endless"
	wait "$endless"
}

end_living() {
	touch /tmp/go
	wait "$living"
}

watched() { # PREFIX ARGUMENT...
	S2V=$1-
	shift
	s2v_start "$@" && all_guests && s2v_stop && end_living || return 1
	kill_endless
	return 0
}

the_daemon() {
	S2V=daemon-
	s2v_start daemon && wait_for ready_is 200 && living daemon && wait_for noticed && http_get /metrics metrics || return 1
	end_living && s2v_stop
}

# On the mutant the guest makes the daemon unready; on the original kernel it has a finding.
noticed() {
	[ -z "$LAB_MUTANT" ] || { ready_is 503 && return; }
	grep -q s2-cacheable daemon-out.json
}

host() {
	[ "$LAB_KERNEL" = 6.1 ] || watched kprobe trace --json --attach=kprobe || return 1
	watched trace trace --json || return 1
	S2V=record-
	s2v_start record -o bypass.s2t && brief_and_living && s2v_stop && end_living || return 1
	S2V=analyze-
	s2v_run analyze --json bypass.s2t
	living audited || return 1
	S2V=audit-
	s2v_run audit --json
	end_living && the_daemon
}

verdict() {
	local run runs="trace analyze" why='the memory of [24] VMs is mapped by a function that no hook observes \(one is VM [0-9]+, of process [0-9]+\): only audits see it'
	[[ $LAB_KERNEL == 6.1 ]] || runs+=" kprobe"
	expect_findings s2-cacheable 1 audit-
	expect_eq "daemon: exit status" 0 "$(cat daemon-rc)"
	if [[ -z $LAB_MUTANT ]]; then
		for run in $runs; do expect_findings s2-cacheable 1 "$run-"; done
		expect_grep "metric: VMs" '^s2verify_unobserved_vms_total 0' metrics
		return
	fi
	for run in $runs; do
		expect_eq "$run: exit status" 4 "$(cat "$run-rc")"
		expect_match "$run: why" "^$why\$" "$(jq -r 'select(.type == "summary").incomplete' "$run-out.json")"
		expect_schema "$run-out.json"
	done
	expect_match "number of VMs" '^the memory of 4 VMs' "$(jq -r 'select(.type == "summary").incomplete' trace-out.json)"
	expect_eq "record: exit status" 4 "$(cat record-rc)"
	expect_grep "daemon: why" 'the memory of 1 VM is mapped by a function that no hook observes' ready
	expect_grep "metric: VMs" '^s2verify_unobserved_vms_total 1' metrics
	expect_grep "metric: not complete" '^s2verify_complete 0' metrics
}

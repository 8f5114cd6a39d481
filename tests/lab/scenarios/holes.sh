# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Memslots over address space in which nothing is mapped, as gVisor's runsc creates them: 1 GiB, with memory in the middle
# and at the end. s2verify reads all of it, however long a hole is, and reports holes. Live, from a recording and
# by the daemon the result is the same.

holes() { # NAME
	rm -f /tmp/now /tmp/go
	# In this order, or later memslots would be mapped in the holes of earlier memslots.
	guest limit=300 "comm=$1" vm vcpus=1 \
		span=2,gpa=0x2000000000,part=anon:64K,part=hole:64K,part=shm:64K touch=0x2000000000,64K \
		span=1,gpa=0x1000000000,part=hole:512M,part=anon:64K,part=hole:448M,part=dev:/dev/s2f-ram-wc:64K \
		touch=0x1020000000,64K,vcpu=0 touch=0x103c010000,64K,vcpu=0 \
		span=4,gpa=0x4000000000,part=anon:64K,part=hole:512M slot=3,gpa=0x3000000000,size=1G,from=hole \
		mark=/tmp/now wait=/tmp/go >"ops-$1" &
	guest=$!
	wait_file /tmp/now
}

let_go() {
	sleep 1 # until everything is read
	touch /tmp/go
	wait $guest
}

host() {
	s2v_start trace --json || return 1
	holes traced && let_go || return 1
	# From 6.7 on the kernel says where a hole ends, so a memslot may be deleted at once.
	[ "$LAB_KERNEL" = 6.1 ] ||
		guest comm=brief vm loop=30 slot=1,gpa=0x1000000000,size=1G,from=hole delete=1 end >ops-brief || return 1
	s2v_stop
	S2V=record- s2v_start record -o holes.s2t || return 1
	holes recorded && let_go || return 1
	S2V=record- s2v_stop
	S2V=analyze- s2v_run analyze --json holes.s2t
	S2V=daemon- s2v_start daemon || return 1
	holes daemon || return 1
	sleep 2
	http_get /metrics metrics
	let_go || return 1
	S2V=daemon- s2v_stop
}

# The contract of the guest's own memslots.
rows='[.[] | select(.type == "memslot" and .id < 31 and .vm.comm != "brief") | [.id, .gpa, .size, .backing, .s1, .s2]]'

verdict() {
	local expected run
	expected='[[1,"0x1000000000",536870912,"none",null,null],[1,"0x1020000000",65536,"anonymous","normal-wb","normal-wb"],'
	expected+='[1,"0x1020010000",469762048,"none",null,null],[1,"0x103c010000",65536,"pfnmap","normal-nc","normal-wb"],'
	expected+='[2,"0x2000000000",65536,"anonymous","normal-wb","normal-wb"],[2,"0x2000010000",65536,"none",null,null],'
	expected+='[2,"0x2000020000",65536,"file","normal-wb",null],[3,"0x3000000000",1073741824,"none",null,null],'
	expected+='[4,"0x4000000000",65536,"anonymous","normal-wb",null],[4,"0x4000010000",536870912,"none",null,null]]'
	for run in "" analyze-; do
		expect_findings "s2-cacheable" 1 "$run"
		expect_jq "${run:-trace-} rows" "$rows" "$expected" "${run}out.json"
		expect_jq "${run:-trace-} complete" '.[] | select(.type == "summary") | [.complete, .lost, .unreadable]' \
			'[true,0,0]' "${run}out.json"
	done
	expect_eq "record: exit status" 1 "$(cat record-rc)"
	for run in events_lost probes_missed unreadable; do
		expect_true "daemon: $run" awk "/^s2verify_${run}_total/ && \$2 > 0 { exit 1 }" metrics
	done
	expect_grep "daemon: unreadable" '^s2verify_unreadable_total 0' metrics
}

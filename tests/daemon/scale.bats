#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A host of 1,000 VMs with 64 memslots each, and 10,000 VMs that come and go.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/daemon/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() {
	: "${GENERATE:?path of build/bench/generate (make daemon-test)}"
	export host=$BATS_FILE_TMPDIR/host.s2t churn=$BATS_FILE_TMPDIR/churn.s2t
	"$GENERATE" --host "$host" 1000 64 1000
	"$GENERATE" --host "$churn" 10000 8 100
}

setup() {
	begin_test
}

teardown() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
}

@test "1,000 VMs with 64 memslots: 32 MiB, 20 ms a scrape, 400 series" {
	start --replay "$host"
	taken "$(events_of_host 1000 64)"
	[ "$(metric s2verify_vms)" = 1000 ]
	# Memslots are counted once a second. Without S2FWB Write-Back is guaranteed for none.
	wait_for metric_is 's2verify_memslots{write_back_guaranteed="false"}' 64000
	# One for each pair of VM (1 to 1000) and memslot (0 to 63) whose sum is divisible by 1000.
	[ "$(metric 's2verify_findings_total{rule="s2-noncacheable",severity="critical"}')" = 64 ]
	[ "$(metric 's2verify_audit_leaves_total{s1="normal-wb",s2="device-nGnRE"}')" = $((64 * 4096)) ]
	# The minimum of ten: other load on the machine only adds to the time.
	each=
	for _ in $(seq 10); do # so that each scrape counts memslots again
		sleep 1.1
		before=$(cpu)
		get /metrics -o /dev/null
		once=$((($(cpu) - before) / 1000)) # µs
		((each && each < once)) || each=$once
	done
	series=$(get /metrics | grep -vc '^#')
	rss=$(resident Rss)
	page=$(get / | wc -c)
	echo "resident $rss KiB, $each µs of CPU a scrape, $series series, page of $page bytes"
	((rss <= 32 * 1024))
	((each <= 20000))
	((series <= 400))
	((page <= 256 * 1024))
	stop
	[ "$status" -eq 0 ]
}

@test "--web.vm-labels: as many series as asked for" {
	start --replay "$host"
	taken "$(events_of_host 1000 64)"
	none=$(get /metrics | grep -vc '^#')
	stop
	start --replay "$host" --web.vm-labels 10
	taken "$(events_of_host 1000 64)"
	ten=$(get /metrics | grep -vc '^#')
	# Three metrics, for ten VMs and "other".
	[ "$ten" -eq $((none + 3 * 11)) ]
	# The VMs with the most severe findings.
	[ "$(get /metrics | grep -c '^s2verify_vm_findings_total{vm="[0-9]')" -eq 10 ]
	stop
}

audited() { # TIMES
	[ "$(metric 's2verify_audits_total{result="complete"}')" -ge "$1" ]
}

@test "10,000 VMs that end leave no memory, descriptors or VMs behind" {
	start --replay "$churn" --replay-loop --replay-speed 0
	wait_for audited 1 # warm: after one pass
	warm=$(resident Rss) fds=$(descriptors)
	wait_for audited 4
	n=$(metric 's2verify_audits_total{result="complete"}')
	echo "$warm KiB after 10,000 VMs, $(resident Rss) after $((n * 10000)); $fds descriptors, $(descriptors)"
	((n * $(resident Rss) <= n * warm + n * 2048))
	[ "$(descriptors)" -le "$((fds + 1))" ]
	(($(metric s2verify_vms) <= 101))
	[ "$(metric 's2verify_events_lost_total{stage="user"}')" = 0 ]
	stop
	[ "$status" -eq 0 ]
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # huge and the like: lib/host.sh's
# The daemon: a guest that exists before it, findings, metrics and readiness. It is killed and started again under
# load, and ended during an audit; events are lost on purpose; hooks and VMs come and go.

# What switches the hooks off: kprobes on 6.1, ftrace, which calls fentry programs, on 6.12. Newer kernels do not switch
# ftrace off while there are such programs.
case $LAB_KERNEL in
6.1) switch=/sys/kernel/debug/kprobes/enabled switched='kprobes are disabled' ;;
6.12*) switch=/proc/sys/kernel/ftrace_enabled switched='ftrace is disabled' ;;
*) switch='' ;;
esac

# The value of a metric; NAME may have labels.
metric() { # FILE NAME
	sed -n "s/^$2 \([0-9.e+-]*\)\r*$/\1/p" "$1"
}

up() { # PREFIX OPTION...
	prefix=$1
	shift
	s2verify daemon -v "$@" >"$prefix-out.json" 2>"$prefix-err.txt" &
	daemon=$!
	wait_for healthy_or_gone && kill -0 "$daemon" && return
	echo "the daemon is not healthy:"
	cat "$prefix-healthy" "$prefix-err.txt"
	return 1
}

healthy_or_gone() {
	http_get /-/healthy "$prefix-healthy"
	[ "$(http_code "$prefix-healthy")" = 200 ] || ! kill -0 "$daemon" 2>/dev/null
}

# Waits until it is ready (200) or not (503); the last response is in FILE, all status codes in `codes`.
until_ready() { # CODE FILE
	wait_for ready_answers "$1" "$2" && return
	echo "/-/ready did not answer $1:"
	cat "$2"
	return 1
}

ready_answers() { # CODE FILE
	http_get /-/ready "$2"
	http_code "$2" >>codes
	[ "$(http_code "$2")" = "$1" ]
}

# Waits until the daemon has read all events: the count of events is the same twice in a row, and only the first VM is
# left. The daemon reads the ring buffer before it answers a request.
until_calm() { # FILE
	rm -f "$1"
	wait_for calm "$1"
}

calm() { # FILE
	events=$(http_events "$1")
	sleep 1
	http_get /metrics "$1"
	[ "$(http_events "$1")" = "$events" ] && http_metric "$1" s2verify_vms 1
}

http_events() { # FILE
	grep '^s2verify_events_total ' "$1" 2>/dev/null
}

# Runs another audit to its end: each prints the number of entries kept in the kernel.
audit_again() {
	audits=$(grep -c '^kept' "$prefix-err.txt")
	kill -HUP "$daemon"
	wait_for audited_since "$audits"
}

audited_since() { # AUDITS
	[ "$(grep -c '^kept' "$prefix-err.txt")" != "$1" ]
}

down() { # NAME
	kill -TERM "$daemon"
	wait "$daemon"
	echo "$1 $?" >>ends
}

conflict() { # NAME
	guest comm="$1" vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc \
		touch=0x40000000,64K >>ops
}

host() {
	guest limit=0 comm=old vm vcpus=2 slot=1,gpa=0x0,size=16M,from=anon touch=0x0,16M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K \
		mark=/tmp/old wait=/tmp/end >ops-old &
	old=$!
	wait_file /tmp/old || return 1
	first && restarted && ended_in_audit || return 1
	up more --buffer 64K || return 1
	until_ready 200 more-ready || return 1
	come_and_go && lost && hooks && locked || return 1
	down more
	touch /tmp/end
	wait $old
}

first() {
	up first --audit-rate 1000 --bpf-stats || return 1
	until_ready 200 first-ready || return 1
	grep -E '^(Cap|NoNewPrivs)' /proc/$daemon/status >privileges
	conflict new || return 1
	guest comm=resets vm vcpus=2 slot=1,gpa=0x0,size=1M,from=anon touch=0x0,1M,all reset touch=0x0,1M >>ops || return 1
	until_calm first-metrics || return 1
	http_get / first-page
	cp first-out.json before.json
	audit_again && audit_again || return 1
	until_ready 200 second-ready
}

# Killed while guests fault; a new daemon knows all VMs after its first audit.
restarted() {
	while [ ! -e /tmp/calm ]; do
		guest comm=load vm vcpus=2 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M >>ops-load || echo load failed
	done &
	load=$!
	sleep 1
	kill -9 "$daemon"
	wait "$daemon"
	up again || return 1
	until_ready 200 again-ready || return 1
	touch /tmp/calm
	wait $load
	http_get /metrics again-metrics
	down again
}

ended_in_audit() {
	# Ten leaves a second: the audit does not end.
	up slow --audit-rate 10 || return 1
	http_get /-/ready slow-ready
	# Hooks go and come back meanwhile: that audit is void, and another begins.
	if [ -n "$switch" ]; then
		echo 0 >"$switch"
		wait_for grep -q 'hooks are gone' slow-err.txt || return 1
		echo 1 >"$switch"
		wait_for grep -q 'hooks are back' slow-err.txt || return 1
		http_get /-/ready slow-ready2
	fi
	down slow
}

guests() { # N
	for _ in $(seq "$1"); do
		guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K >>ops || return 1
	done
}

# Counts the events of a guest first; then the daemon is stopped and does not read.
lost() {
	until_calm lost-metrics0 || return 1
	guests 4 || return 1
	until_calm lost-metrics1 || return 1
	kill -STOP "$daemon"
	guests 100 || return 1
	kill -CONT "$daemon"
	until_ready 503 lost-ready1 || return 1
	wait_for all_read lost-metrics2 || return 1
	audit_again || return 1
	until_ready 200 lost-ready2 || return 1
	http_get /metrics lost-metrics3
	grep '^kept' more-err.txt | tail -n 1 >kept-lost
}

# Returns whether the count of events is the same twice in a row.
all_read() { # FILE
	events=$(http_events "$1")
	sleep 1
	http_get /metrics "$1"
	[ "$(http_events "$1")" = "$events" ]
}

hooks() {
	if [ -n "$switch" ]; then
		echo 0 >"$switch"
		until_ready 503 hooks-ready1 || return 1
		http_get /metrics hooks-metrics1
		conflict unseen || return 1
		echo 1 >"$switch"
		# An audit requested earlier would not make up for what was missed.
		wait_for grep -q 'hooks are back' more-err.txt || return 1
		http_get /-/ready hooks-ready2
		http_get /metrics hooks-metrics2
		audit_again || return 1
	else
		echo 0 >/proc/sys/kernel/ftrace_enabled && echo "ftrace was disabled"
		cat /proc/sys/kernel/ftrace_enabled >switches
		echo 1 >/proc/sys/kernel/ftrace_enabled
	fi
	until_ready 200 hooks-ready3 || return 1
	conflict seen
}

open_files() {
	find "/proc/$daemon/fd" -mindepth 1 | grep -c .
}

come_and_go() {
	audit_again || return 1
	grep '^kept' more-err.txt | tail -n 1 >kept-before
	open_files >files-before
	guests 100 || return 1
	audit_again || return 1
	grep '^kept' more-err.txt | tail -n 1 >kept-after
	open_files >files-after
	http_get /metrics many-metrics
}

# Lockdown is turned on later: attached hooks and audits still work.
locked() {
	mount -t securityfs sec /sys/kernel/security || return 1
	echo confidentiality >/sys/kernel/security/lockdown || return 1
	conflict locked || return 1
	audit_again || return 1
	sleep 6 # until the hooks are checked
	until_ready 200 locked-ready
}

# Rule and VMM of the findings in a file, each once.
found() { # FILE
	jq -r -s '[.[] | select(.type == "finding" and (.rule | startswith("reset-") | not)) | "\(.rule) \(.vm.comm)"] | unique[]' "$1"
}

sum_of() { # FILE NAME
	awk -v name="$2" '{ sub(/\r$/, "") } index($1, name "{") == 1 || $1 == name { n += $2 } END { print n + 0 }' "$1"
}

verdict() {
	expect_eq "exit statuses" "again 0 slow 0 more 0" "$(xargs <ends)"
	verdict_first
	verdict_lost
	verdict_hooks
	expect_eq "again: finding of the old VM" "s2-cacheable old" "$(found again-out.json)"
	expect_grep "slow: not ready" "^HTTP/1.[01] 503" slow-ready
	expect_eq "entries after VMs that came and went" "$(cat kept-before)" "$(cat kept-after)"
	expect_grep "entries of one VM" '^kept in the kernel: VMs: 1, memslots: 3,' kept-after
	expect_shares kept-before kept-after
	expect_eq "open files" "$(cat files-before)" "$(cat files-after)"
	expect_eq "VMs" 1 "$(metric many-metrics s2verify_vms)"
	expect_eq "findings, also after lockdown" $'s2-cacheable locked\ns2-cacheable old\ns2-cacheable seen' "$(found more-out.json)"
	expect_schema first-out.json again-out.json more-out.json
}

verdict_first() {
	expect_eq "not ready, then ready" "503 200" "$(uniq codes | head -n 2 | xargs)"
	expect_eq "findings" $'s2-cacheable new\ns2-cacheable old' "$(found before.json)"
	expect_eq "two more audits find nothing new" "$(cat before.json)" "$(cat first-out.json)"
	expect_eq "findings counted" 2 "$(metric first-metrics 's2verify_findings_total{rule="s2-cacheable",severity="high"}')"
	expect_true "maps" test "$(sum_of first-metrics s2verify_stage2_maps_total)" -ge 16
	expect_true "leaves of the audit" test "$(sum_of first-metrics s2verify_audit_leaves_total)" -ge 1000
	expect_eq "VMs" 1 "$(metric first-metrics s2verify_vms)"
	expect_true "memslots" test "$(sum_of first-metrics s2verify_memslots)" -eq 3
	expect_eq "resets of two vCPUs" 2 "$(metric first-metrics s2verify_vcpu_resets_total)"
	expect_eq "lost" 0 "$(sum_of first-metrics s2verify_events_lost_total)"
	expect_grep "page" "^HTTP/1.[01] 200" first-page
	expect_eq "capabilities" "0" "$(sed -n 's/^Cap[A-Za-z]*:[[:space:]]*0*\([0-9a-f]\)$/\1/p' privileges | sort -u)"
	# 1 MiB; and again after a reset, where that unmaps it.
	expect_true "faults timed" test "$(metric first-metrics s2verify_fault_seconds_count)" -ge $((LAB_FWB ? 256 : 512))
	[[ $LAB_FWB == 1 ]] || expect_eq "unmaps timed" 2 "$(metric first-metrics s2verify_reset_unmap_seconds_count)"
	expect_true "runs of BPF programs" test "$(sum_of first-metrics s2verify_bpf_runs_total)" -gt 16
	expect_eq "no series without --bpf-stats" "" "$(grep '^s2verify_bpf_[a-z_]*{' again-metrics)"
	expect_grep "no new privileges" '^NoNewPrivs:[[:space:]]*1' privileges
}

# Emitted: as many events for each guest as without loss. Received: what the daemon counts.
verdict_lost() {
	local each received
	each=$((($(metric lost-metrics1 s2verify_events_total) - $(metric lost-metrics0 s2verify_events_total)) / 4))
	received=$(($(metric lost-metrics2 s2verify_events_total) - $(metric lost-metrics1 s2verify_events_total)))
	expect_true "events of a guest" test "$each" -ge 8
	expect_true "lost some ($received received)" test "$received" -lt $((100 * each))
	expect_eq "emitted - received" $((100 * each - received)) "$(sum_of lost-metrics2 s2verify_events_lost_total)"
	expect_grep "reason" 'lost' lost-ready1
	expect_eq "VMs known after an audit" 1 "$(metric lost-metrics3 s2verify_vms)"
	expect_grep "entries after an audit" '^kept in the kernel: VMs: 1, memslots: 3,' kept-lost
	expect_shares kept-lost
}

# Each memslot and kind that is kept is in the share of a process, and nothing else is. A share that is not returned would
# be missing one day.
expect_shares() { # FILE...
	local file
	for file; do
		expect_eq "$file: shares" "$(sed -E 's/.* memslots: ([0-9]+), kinds of mappings: ([0-9]+);.*/\1 and \2/' "$file")" \
			"$(sed 's/.*shares of //' "$file")"
	done
}

verdict_hooks() {
	if [[ -n $switch ]]; then
		expect_grep "which hook, and why" "stage2-map.*$switched" hooks-ready1
		expect_grep "not attached" '^s2verify_hook_attached\{observe="stage2-map",.*\} 0' hooks-metrics1
		expect_grep "back during an audit" 'hooks are back' slow-err.txt
		expect_grep "the audit began again" 'the first audit has not ended' slow-ready2
		expect_grep "the gap is reported" 'hooks were gone until' slow-ready2
		expect_grep "back, and not ready" "^HTTP/1.[01] 503" hooks-ready2
		expect_grep "attached again" '^s2verify_hook_attached\{observe="stage2-map",.*\} 1' hooks-metrics2
	else
		expect_eq "ftrace" 1 "$(cat switches)"
	fi
}

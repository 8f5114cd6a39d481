#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The daemon on recordings of the lab: all of its outputs. The contents of the recordings are in
# tests/data/s2t/README.md, and follow from what the guests did.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/wait.bash
. "$BATS_TEST_DIRNAME/../wait.bash"

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	data=$BATS_TEST_DIRNAME/../data/s2t
	n2=$data/latest-neoverse-n2.s2t a76=$data/6.1-cortex-a76.s2t stage1=$data/6.12-cortex-a76-stage1.s2t
	out=$BATS_TEST_TMPDIR/out
	err=$BATS_TEST_TMPDIR/err
	pid=
}

teardown() {
	[ -z "$pid" ] || kill -9 "$pid" 2>/dev/null || true
}

# Starts the daemon in the background, on a port that it picks; sets $pid and $url.
start() { # ARG...
	"$S2VERIFY" daemon --web.listen-address 127.0.0.1:0 "$@" >"${to:-$out}" 2>"$err" 3>&- &
	pid=$!
	wait_for begun
	url=http://$(sed -n 's/.*listening on \(127.*\)/\1/p' "$err")
	cat "$err"
}

begun() {
	grep -q watching "$err" || ! kill -0 "$pid"
}

# Ends it as a service manager does; sets $status.
stop() {
	status=0
	kill -TERM "$pid"
	wait "$pid" || status=$?
	pid=
}

get() { # PATH CURL-ARG...
	curl -sS --max-time 300 "${@:2}" "$url$1"
}

# Waits until the daemon has read the whole recording.
all_read() { # EVENTS
	wait_for metric_is s2verify_events_total "$1"
}

metric_is() { # NAME{LABELS} VALUE
	[ "$(metric "$1")" = "$2" ]
}

metric() { # NAME{LABELS}
	get /metrics | awk -v m="$1" '$1 == m { print $2 }'
}

events_of() { # FILE
	"$S2VERIFY" export --format jsonl -o "$out.jsonl" "$1" 3>&-
	jq -s '[.[] | select(.type == "event")] | length' "$out.jsonl"
}

refused() { # TEXT ARG...
	local text=$1 status=0
	shift
	"$S2VERIFY" daemon "$@" >"$out" 2>"$err" || status=$?
	echo "status $status: $(cat "$err")"
	[ "$status" -eq 2 ]
	[ ! -s "$out" ]
	grep -qF -- "$text" "$err"
}

@test "wrong options" {
	refused "must be host:port" --web.listen-address 9899
	refused "numeric address" --web.listen-address example.org:80
	refused "from 0 to 100" --web.vm-labels 101
	refused "from 0 to 100" --web.vm-labels -1
	refused "not a duration" --audit-interval soon
	refused "a second or more" --audit-interval 500ms
	refused "leaves a second" --audit-rate 0
	refused "power of two" --buffer 65535
	refused "auto, fentry or kprobe" --attach=uprobe
	refused "need --replay" --replay-loop
	refused "need --replay" --replay-speed 1
	refused "must be a number" --replay "$n2" --replay-speed -1
	refused "must be a number" --replay "$n2" --replay-speed nan
	refused "options only" now
}

@test "a daemon that cannot run reports why, and nothing else" {
	status=0
	"$S2VERIFY" daemon --replay /nonexistent >"$out" 2>"$err" || status=$?
	[ "$status" -eq 3 ]
	[ ! -s "$out" ]
	grep -q "cannot read /nonexistent: No such file" "$err"
	start --replay "$n2"
	status=0
	"$S2VERIFY" daemon --replay "$n2" --web.listen-address "${url#http://}" >"$out.2" 2>"$err.2" || status=$?
	[ "$status" -eq 3 ]
	grep -q "cannot listen on .*: Address already in use" "$err.2"
	stop
}

@test "findings on standard output are what analyze prints first" {
	start --replay "$a76"
	all_read "$(events_of "$a76")"
	stop
	[ "$status" -eq 0 ]
	# 64 KiB of write-combined RAM; a device that is mapped as Device; one unmap too many in two resets.
	[ "$(jq -r 'select(.update | not).rule' "$out" | sort | tr '\n' ' ')" = \
		"pfnmap-cacheable-admitted reset-unmap-repeated reset-unmap-repeated s2-cacheable s2-noncacheable " ]
	[ "$(jq -r .type "$out" | sort -u)" = finding ]
	diff <(jq -c 'select(.update | not)' "$out") \
		<("$S2VERIFY" analyze --json "$a76" | jq -c 'select(.type == "finding" and (.update | not))')
}

@test "metrics are those of the recording" {
	start --replay "$a76"
	all_read "$(events_of "$a76")"
	"$S2VERIFY" analyze --json "$a76" >"$out.analyze" || true
	# The kernel's counts are at the end of the recording; the daemon adds up events.
	while read -r s1 s2 n; do
		echo "$s1 $s2 $n"
		[ "$(metric "s2verify_stage2_maps_total{s1=\"$s1\",s2=\"$s2\"}")" = "$n" ]
	done < <(jq -r 'select(.type == "summary").maps[] | [.s1, .s2, .count] | @tsv' "$out.analyze")
	[ "$(metric s2verify_vcpu_resets_total)" = 4 ] # VM 1 and 3: two vCPUs, or two inits, each
	[ "$(metric 's2verify_findings_total{rule="s2-noncacheable",severity="critical"}')" = 1 ]
	[ "$(metric 's2verify_findings_total{rule="device-exec",severity="high"}')" = 0 ]
	[ "$(metric 's2verify_findings_total{rule="attr-drift",severity="info"}')" = 0 ]
	[ "$(metric 's2verify_reset_unmaps_total{verdict="needed"}')" = 2 ]
	[ "$(metric 's2verify_reset_unmaps_total{verdict="redundant-repeat"}')" = 2 ]
	[ "$(metric s2verify_reset_unmap_seconds_count)" = 4 ]
	faults=$(jq -s '[.[] | select(.type == "event" and .event == "fault" and .duration_ns)] | length' "$out.jsonl")
	[ "$(metric s2verify_fault_seconds_count)" = "$faults" ]
	[ "$(metric 's2verify_fault_seconds_bucket{le="+Inf"}')" = "$faults" ]
	[ "$(metric 's2verify_host_feature{feature="s2fwb"}')" = 0 ]
	[ "$(metric s2verify_vms)" = 0 ] # all have ended
	[ "$(metric s2verify_complete)" = 1 ]
	stop
}

@test "the guest's own stage 1: metrics and page" {
	start --replay "$stage1"
	all_read $(($(events_of "$stage1") + 1)) # and the end of the audit of all VMs
	wait_for metric_is 's2verify_guest_vcpus{state="walked"}' 13
	# As tests/lab/scenarios/stage1.sh maps memory. Write-Back: VM 1 2 MiB, VMs 3 to 6 1 MiB each, and 64 KiB of memslot 31
	# in VM 2's block. Normal-NC: VM 1 1 MiB and 64 KiB, VM 2 6.5 MiB, VM 7 1 MiB. Device: VM 1 and VM 2.
	[ "$(metric 's2verify_guest_bytes{attr="normal-wb"}')" = $(((6 << 20) + (64 << 10))) ]
	[ "$(metric 's2verify_guest_bytes{attr="normal-nc"}')" = $(((8 << 20) + (576 << 10))) ]
	[ "$(metric 's2verify_guest_bytes{attr="device-nGnRE"}')" = $((640 << 10)) ]
	[ "$(metric 's2verify_guest_bytes{attr="device-nGnRnE"}')" = $((1 << 20)) ]
	[ "$(metric 's2verify_guest_bytes{attr="other"}')" = 0 ]
	# Of 18 vCPUs two have no tables in use (MMU or caches off), three have tables that were not walked.
	[ "$(metric 's2verify_guest_vcpus{state="no-tables"}')" = 2 ]
	[ "$(metric 's2verify_guest_vcpus{state="not-walked"}')" = 3 ]
	[ "$(metric 's2verify_findings_total{rule="guest-noncacheable",severity="medium"}')" = 11 ]
	[ "$(metric s2verify_unverified_vms_total)" = 2 ]
	get / >"$out.html"
	grep -q '<th scope="col">The guest maps</th>' "$out.html"
	grep -q '<td>2 MiB normal-wb, 1.1 MiB normal-nc, 128 KiB device-nGnRE, 1 MiB device-nGnRnE (192 KiB of it also cacheable)</td>' "$out.html"
	grep -q 'stage 2 normal-wb, guest device-nGnRnE (VA <code>0x30000000</code>)' "$out.html"
	[ "$(get /findings | jq -r '.findings[].guest.attr' | sort | uniq -c | tr -s ' ' | paste -sd ,)" = ' 1 device-nGnRnE, 10 normal-nc' ]
	stop
	# With S2FWB there is nothing of it.
	start --replay "$n2"
	all_read "$(events_of "$n2")"
	get /metrics >"$out.m"
	run ! grep '^s2verify_guest_' "$out.m"
	get / >"$out.html"
	run ! grep -q 'The guest maps' "$out.html"
	stop
}

@test "each series occurs once, and each metric of the list has its family" {
	start --replay "$n2" --web.vm-labels 2
	get /metrics >"$out.m"
	[ "$(grep -v '^#' "$out.m" | sed 's/ [^ ]*$//' | sort | uniq -d | wc -l)" -eq 0 ]
	diff <("$S2VERIFY" daemon --list-metrics | awk -F '\t' '{ print $1, $2 }' | sort) \
		<(awk '/^# TYPE/ { print $3, $4 }' "$out.m" | sort)
	# The labels are those of the list.
	while IFS=$'\t' read -r name _ labels _; do
		grep -oE "^$name(_bucket)?\{[^}]*\}" "$out.m" | grep -oE '[a-z0-9_]+="' | tr -d '="' |
			sort -u >"$out.labels" || true
		[ -s "$out.labels" ] || continue # none, or no series: programs, without --bpf-stats
		diff <(tr -d ' ' <<<"$labels" | tr , '\n' | sort) "$out.labels"
	done < <("$S2VERIFY" daemon --list-metrics)
	stop
}

@test "OpenMetrics and gzip on request" {
	start --replay "$n2"
	get /metrics -D "$out.h" >"$out.m"
	grep -qi '^content-type: text/plain; version=0.0.4; charset=utf-8' "$out.h"
	run ! grep -q EOF "$out.m"
	get /metrics -D "$out.h" -H 'Accept: application/openmetrics-text;version=1.0.0' >"$out.o"
	grep -qi '^content-type: application/openmetrics-text; version=1.0.0; charset=utf-8' "$out.h"
	[ "$(tail -1 "$out.o")" = "# EOF" ]
	# The same series in both.
	diff <(grep -v '^#' "$out.m" | sed 's/ [^ ]*$//') <(grep -v '^#' "$out.o" | sed 's/ [^ ]*$//')
	# In OpenMetrics a family's name is its samples' without _total.
	run ! grep -qE '^# TYPE [a-z0-9_]+_total ' "$out.o"
	get /metrics -D "$out.h" -H 'Accept-Encoding: gzip' >"$out.gz"
	grep -qi '^content-encoding: gzip' "$out.h"
	diff <(gunzip <"$out.gz" | grep -v '^#' | sed 's/ [^ ]*$//') <(grep -v '^#' "$out.m" | sed 's/ [^ ]*$//')
	stop
}

@test "/findings has the objects of standard output" {
	start --replay "$a76"
	all_read "$(events_of "$a76")"
	get /findings >"$out.f"
	[ "$(jq .suppressed "$out.f")" = 0 ]
	stop
	diff <(jq -c '.findings[]' "$out.f" | jq -sc 'sort_by(.id)[]') \
		<(jq -sc 'group_by(.id) | map(last) | sort_by(.id)[]' "$out")
}

@test "health, readiness, unknown paths and methods" {
	start --replay "$n2"
	all_read "$(events_of "$n2")"
	[ "$(get /-/healthy)" = healthy ]
	[ "$(get /-/ready)" = ready ]
	[ "$(get /nowhere -o /dev/null -w '%{http_code}')" = 404 ]
	[ "$(get /../etc/passwd --path-as-is -o /dev/null -w '%{http_code}')" = 404 ]
	for method in POST PUT DELETE OPTIONS PATCH TRACE; do
		[ "$(get /metrics -X $method -D "$out.h" -o /dev/null -w '%{http_code}')" = 405 ]
		grep -qi '^allow: GET, HEAD' "$out.h"
	done
	# HEAD is GET without the body.
	get / -I >"$out.h"
	grep -q '^HTTP/1.1 200' "$out.h"
	[ "$(get / -I -o /dev/null -w '%{size_download}')" = 0 ]
	for header in "content-security-policy: default-src 'none'" "x-content-type-options: nosniff"; do
		grep -qi "^$header" "$out.h"
	done
	stop
}

says_lost() {
	get /-/ready | grep -qE "lost|damaged"
}

@test "with a recording that lost events it is not ready, and reports why" {
	# The recording is cut off in the middle of the events.
	size=$(stat -c %s "$n2")
	head -c $((size / 2)) "$n2" >"$BATS_TEST_TMPDIR/torn.s2t"
	start --replay "$BATS_TEST_TMPDIR/torn.s2t"
	wait_for says_lost
	[ "$(get /-/ready -o "$out.r" -w '%{http_code}')" = 503 ]
	[ "$(metric s2verify_ready)" = 0 ]
	[ "$(metric s2verify_complete)" = 0 ]
	stop
	[ "$status" -eq 0 ]
}

five_passes() {
	[ "$(metric 's2verify_findings_total{rule="s2-cacheable",severity="high"}')" -ge 5 ]
}

@test "a recording in a loop: new VMs each time, and nothing lost" {
	start --replay "$n2" --replay-loop --replay-speed 0
	wait_for five_passes
	[ "$(metric 's2verify_events_lost_total{stage="user"}')" = 0 ]
	[ "$(get /-/ready)" = ready ]
	stop
	[ "$status" -eq 0 ]
	[ "$(jq -r 'select(.rule == "s2-cacheable" and (.update | not)).vm.id' "$out" | sort | uniq -d | wc -l)" -eq 0 ]
}

@test "speed: slower than recorded takes longer" {
	start --replay "$n2" --replay-speed 0.1
	half=$(metric s2verify_events_total)
	((half < $(events_of "$n2")))
	stop
}

@test "a unix socket, also after a daemon that was killed" {
	sock=$BATS_TEST_TMPDIR/s
	start --replay "$n2" --web.listen-address "unix:$sock"
	[ "$(curl -sS --unix-socket "$sock" http://x/-/healthy)" = healthy ]
	kill -9 "$pid"
	wait "$pid" || true
	[ -S "$sock" ]
	start --replay "$n2" --web.listen-address "unix:$sock"
	[ "$(curl -sS --unix-socket "$sock" http://x/-/healthy)" = healthy ]
	stop
	[ ! -e "$sock" ]
}

@test "a header that is too large, and a body" {
	start --replay "$n2"
	code=$(head -c 20000 /dev/zero | tr '\0' a | sed 's/^/X: /' >"$out.big" && get /metrics -H @"$out.big" -o /dev/null -w '%{http_code}' || true)
	echo "$code"
	[[ $code == 4* || $code == 000 ]]
	head -c 20000 /dev/zero >"$out.body"
	code=$(get /metrics -X POST --data-binary @"$out.body" -o /dev/null -w '%{http_code}' || true)
	[[ $code == 413 || $code == 4* || $code == 000 ]]
	[ "$(get /-/healthy)" = healthy ]
	stop
}

@test "full standard output is reported once, and findings are kept" {
	to=/dev/full start --replay "$a76"
	all_read "$(events_of "$a76")"
	[ "$(get /findings | jq '.findings | length')" = 5 ]
	n=$("$S2VERIFY" analyze --json "$a76" | jq -s '[.[] | select(.type == "finding")] | length')
	[ "$(metric 's2verify_findings_suppressed_total{reason="write"}')" = "$n" ]
	[ "$(grep -c 'No space left' "$err")" -eq 1 ]
	stop
	[ "$status" -eq 0 ]
}

@test "SIGHUP does no harm, SIGINT ends it" {
	start --replay "$n2" --replay-loop --replay-speed 0
	kill -HUP "$pid"
	kill -HUP "$pid"
	[ "$(get /-/healthy)" = healthy ]
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	pid=
	[ "$status" -eq 0 ]
	grep -q "ended: " "$err"
}

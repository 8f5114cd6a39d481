# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# VMMs as large as real ones: up to 65,000 VMAs, with memslots over the first, the last and all of them; 1,000
# threads and 10,000 open files. Every command that audits ends or becomes ready, is complete, and stays below the
# unit's memory limit; the daemon answers all the time; signals end each command.
#
# A buffer of the kernel's VMA iterator holds 256 of them: 255 to 257 VMAs are at its edges.

sizes="50 255 256 257 299 1000 10000 65000"
striped=64000 # pages of one memslot, each a VMA
[ -z "$LAB_BRIEF" ] || {
	sizes="257 4000"
	striped=4000
}
# The emulated host is some fifty times slower than a real host: what must take a second there may take this many
# seconds here. Wide on purpose: only an endless loop takes longer.
second=20

vmm() { # NAME OPS...
	name=$1
	shift
	rm -f "/tmp/now-$name" "/tmp/go-$name"
	guest limit=0 "comm=$name" "$@" "mark=/tmp/now-$name" "wait=/tmp/go-$name" >"ops-$name" &
	vmm=$!
	wait_file "/tmp/now-$name"
}

let_go() { # NAME
	touch "/tmp/go-$1"
	wait "$vmm"
}

uptime_ms() {
	sed 's/^\([0-9]*\)\.\([0-9]*\) .*/\1\20/' /proc/uptime
}

# Moves this shell into a memory cgroup with the limit of the unit. BPF maps count, too.
cage() { # NAME
	cage=/sys/fs/cgroup/$1
	mkdir "$cage" && echo 256M >"$cage/memory.max" && sh -c 'echo $PPID' >"$cage/cgroup.procs"
}

# Writes the peak memory of a cgroup, in KiB.
peak() { # NAME
	echo "$1 $(($(cat "/sys/fs/cgroup/$1/memory.peak") >> 10))" >>peaks
}

# Runs a command to its end, or kills it after 120 s.
timed() { # NAME COMMAND...
	what=$1
	shift
	from=$(uptime_ms)
	(cage "$what" && exec timeout -s KILL 120 "$@") >"$what.json" 2>"$what.txt"
	echo "$what $? $(($(uptime_ms) - from))" >>ends
	peak "$what"
}

# Runs a command until it is ready, then sends a signal. Writes its status and how long each took.
until_signal() { # NAME SIGNAL COMMAND...
	what=$1 signal=$2
	shift 2
	from=$(uptime_ms)
	(cage "$what" && exec "$@") >"$what.json" 2>"$what.txt" &
	pid=$!
	tries=0
	while ! grep -q '^ready\|^listening' "$what.txt" && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		usleep 100000
	done
	ready=$(($(uptime_ms) - from))
	signal_it "$what" "$signal" "$pid" "$ready"
}

# Sends a signal and writes the status. A process that does not end is killed.
signal_it() { # NAME SIGNAL PID READY
	at=$(uptime_ms)
	kill "-$2" "$3"
	(usleep $((second * 1000000)) && kill -KILL "$3" 2>/dev/null) &
	killer=$!
	wait "$3"
	echo "$1 $? $4 $(($(uptime_ms) - at))" >>signals
	kill $killer 2>/dev/null
	peak "$1"
}

# Memslots before the first VMA and after the last.
both_ends="vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon,at=first slot=2,gpa=0x40000000,size=64K,from=shm,at=last
	touch=0x0,64K touch=0x40000000,64K"

sizes_one_by_one() {
	for n in $sizes; do
		# shellcheck disable=SC2086 # words
		vmm "vmas-$n" $both_ends "vmas=$n" || return 1
		timed "audit-$n" s2verify audit --json
		let_go "vmas-$n" || return 1
	done
}

# All VMAs in one memslot, of two kinds in turn.
striped() {
	page=$(getconf PAGESIZE 2>/dev/null || echo 4096)
	vmm striped vm vcpus=1 slot=1,gpa=0x40000000,size=$((striped * page)),from=striped touch=0x40000000,1M || return 1
	timed audit-striped s2verify audit --json
	let_go striped || return 1
	grep '"type":"memslot"' audit-striped.json | grep '"id":1,' >rows
	wc -l <rows >striped-rows
	head -n 2 rows >striped-first
	tail -n 1 rows >striped-last
	grep '"type":"\(summary\|audit\)"' audit-striped.json >striped-summary
	rm audit-striped.json rows
}

# Each command that audits, on the largest VMM. A signal ends it, ready or not.
commands() {
	# shellcheck disable=SC2086
	vmm large $both_ends threads=1000 files=10000 vmas=65000 || return 1
	timed audit-large s2verify audit --json
	until_signal first INT s2verify trace --audit-first --json
	until_signal record TERM s2verify record -o large.s2t
	timed analyze s2verify analyze --json large.s2t
	(cage early && exec s2verify audit --json) >early.json 2>early.txt &
	pid=$!
	while ! ls -l /proc/$pid/fd 2>/dev/null | grep -q bpf_iter && kill -0 $pid; do usleep 1000; done
	signal_it early INT $pid 0
	daemon || return 1
	let_go large
}

get() { # PATH FILE
	printf 'GET %s HTTP/1.0\r\n\r\n' "$1" | nc -w $second 127.0.0.1 9899 >"$2" 2>/dev/null
}

# Waits for the end of the daemon's Nth audit, and requests its metrics all the time.
until_audited() { # N
	for _ in $(seq 600); do
		from=$(uptime_ms)
		get /metrics metrics
		grep -q '^s2verify_build_info' metrics && echo $(($(uptime_ms) - from)) >>answers
		[ "$(grep -c '^kept' daemon.txt)" -lt "$1" ] || break
		usleep 50000
	done
	grep VmRSS "/proc/$pid/status" >"rss-$1"
}

daemon() {
	(cage daemon && exec s2verify daemon -v) >daemon.json 2>daemon.txt &
	pid=$!
	tries=0
	while ! grep -q '^listening\|watching' daemon.txt && [ $tries -lt 600 ]; do
		tries=$((tries + 1))
		usleep 100000
	done
	until_audited 1
	get /-/ready ready
	for again in 2 3; do
		kill -HUP $pid
		until_audited $again
	done
	signal_it daemon TERM $pid 0
}

host() {
	mkdir -p /sys/fs/cgroup
	mount -t cgroup2 cgroup /sys/fs/cgroup || return 1
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control || return 1
	sizes_one_by_one && striped && commands
	status=$?
	umount /sys/fs/cgroup
	return $status
}

verdict() {
	local n
	for n in $sizes large; do
		expect_grep "audit of $n VMAs ends" "^audit-$n 0 " ends
		expect_jq "$n VMAs: complete" '[.[] | select(.type == "summary") | [.complete, .incomplete]]' \
			'[[true,null]]' "audit-$n.json"
		expect_jq "$n VMAs: rows" '[.[] | select(.type == "memslot" and .id < 31) |
			[.id, .backing, .s1, .s2, .present == .size]]' \
			'[[1,"anonymous","normal-wb","normal-wb",true],[2,"file","normal-wb","normal-wb",true]]' "audit-$n.json"
	done
	verdict_striped
	expect_eq "ended by their signals, or at once" "first 0 record 0 early 4 daemon 0" \
		"$(awk '{ printf "%s%s %s", s, $1, $2; s = " " }' signals)"
	expect_true "signals within $second s" awk -v most=$((second * 1000)) '$4 >= most { exit 1 }' signals
	expect_jq "trace: complete" '.[] | select(.type == "summary") | [.complete, .audited_vms]' '[true,1]' first.json
	expect_grep "analyze" "^analyze 0 " ends
	expect_jq "recorded: complete" '.[] | select(.type == "summary") | [.complete, .audited_vms]' '[true,1]' analyze.json
	expect_grep "the daemon is ready" '^HTTP/1.[01] 200' ready
	expect_true "/metrics within $second s" awk -v most=$((second * 1000)) '$1 >= most { exit 1 } END { exit NR == 0 }' answers
	expect_true "memory below 128 MiB: $(xargs <peaks)" awk '$2 >= 131072 { exit 1 }' peaks
	expect_true "the daemon's memory after three audits: $(cat rss-[123] | xargs)" \
		test "$(awk '{ print $2 }' rss-3)" -le $(($(awk '{ print $2 }' rss-1) + 1024))
}

verdict_striped() {
	expect_grep "audit of $striped VMAs behind one memslot ends" "^audit-striped 0 " ends
	expect_eq "rows" $striped "$(cat striped-rows)"
	expect_jq "the first two" '[.[] | [.backing, .size, .s1]]' \
		'[["anonymous",4096,"normal-wb"],["file",4096,"normal-wb"]]' striped-first
	expect_jq "the last" '[.[] | [.gpa, .backing, .s1]]' \
		"[[\"$(printf 0x%x $((0x40000000 + (striped - 1) * 4096)))\",\"file\",\"normal-wb\"]]" striped-last
	expect_jq "complete" '[.[] | select(.type == "summary").complete]' '[true]' striped-summary
}

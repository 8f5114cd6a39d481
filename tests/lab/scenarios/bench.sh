# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Measures what s2verify's modes and other tools cost a guest, for tests/lab/bench, which selects the modes (an overlay's
# /bench/plan) and makes tables of the figures. The clock must count instructions (--icount).
# "figures" has a line for each mode and workload: MODE WORKLOAD UNIT UNITS NS CPU READER SPREAD RUNS
#   NS      elapsed time while the guest did its UNITS, with all that delayed it, including a reader that ran meanwhile
#   CPU     of that, CPU time of the VMM and its guest
#   READER  CPU time of the tool's own processes, meanwhile or afterwards, including the VM's start and end
#   SPREAD  difference of NS between the last two runs, whose mean these figures are, in 1/10000

applies() {
	# shellcheck disable=SC2154 # of tests/lab/run
	[[ -n $icount ]] || { echo "only with --icount" && return 1; }
}

# Ops of the guest program: those after "go" are timed, each a line "touch" or "reset". Before, a reader has the
# time to handle the VM, its memslots and its first mappings.
ops_of() { # WORKLOAD
	case $1 in
	# Untouched memory, a page at a time.
	pages) echo "vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon touch=0x0,4K sleep=200 echo=go touch=0x0,32M" ;;
	# The same, in 4,096 VMAs.
	vmas) echo "vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon split=1,part=8K touch=0x0,4K sleep=200 echo=go" \
		"touch=0x0,32M" ;;
	# Pages of 2 MiB that are already allocated: else the figure would include clearing them.
	blocks) echo "vm vcpus=1 slot=1,gpa=0x40000000,size=64M,from=hugetlb host=1 touch=0x40000000,4K sleep=200 echo=go" \
		"loop=16 touch=0x40000000,64M,stride=2M unmap=1 end" ;;
	# Stores to mapped memory that is read-only since dirty logging began.
	perm) echo "vm vcpus=1 slot=1,gpa=0x0,size=32M,from=anon touch=0x0,32M sleep=200 echo=go" \
		"flags=1,log touch=0x0,32M" ;;
	# KVM_ARM_VCPU_INIT of four vCPUs in turn, and what they touch afterwards.
	reset) echo "vm vcpus=4 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M,vcpu=0 touch=0x0,4K,vcpu=1" \
		"touch=0x0,4K,vcpu=2 touch=0x0,4K,vcpu=3 sleep=200 echo=go" \
		"loop=8 reset touch=0x0,4M,vcpu=0 touch=0x0,4K,vcpu=1 touch=0x0,4K,vcpu=2 touch=0x0,4K,vcpu=3 end" ;;
	esac
}

# "FIGURE OP UNIT UNITS" for each figure of a workload.
figures_of() { # WORKLOAD
	case $1 in
	pages | vmas | perm) echo "$1 touch fault 8192" ;;
	blocks) echo "blocks touch fault 512" ;;
	reset) echo "reset reset round 8" && echo "refault touch round 8" ;;
	esac
}

# CPU time of the tool's processes, in nanoseconds.
tool_ns() {
	local pid
	[ -n "$tool" ] || { echo 0 && return; }
	for pid in $tool $(awk -v parent="$tool" '{ pid = $1; sub(/.*\) /, "") } $2 == parent { print pid }' \
		/proc/[0-9]*/stat 2>/dev/null); do
		cat "/proc/$pid/task/"*/schedstat 2>/dev/null
	done | awk '{ ns += $1 } END { printf "%.0f\n", ns }'
}

# Adds a line "FIGURE NS CPU READER" for each figure to "now".
run_once() { # WORKLOAD
	local before after ops
	before=$(tool_ns)
	ops=$(ops_of "$1")
	# shellcheck disable=SC2086 # words
	guest limit=0 $ops >ops || { cat ops && return 1; }
	# Time for a reader to read everything. It is not measured: the guest does not run. It varies, else a reader
	# that polls once a second would do so at the same point of each run.
	[ -z "$tool" ] || sleep "0.$((50 + 13 * runs % 50))"
	after=$(tool_ns)
	figures_of "$1" >what
	awk -v reader="$((after - before))" 'FILENAME == "what" { figure[$2] = $1; next }
		/^echo=go/ { on = 1 }
		on && match($0, / ns=[0-9]+ cpu=[0-9]+/) {
			split(substr($0, RSTART, RLENGTH), field, /[ =]/)
			op = substr($0, 1, 5)
			ns[op] += field[3]; cpu[op] += field[5]
		}
		END { for (op in figure) print figure[op], ns[op], cpu[op], reader }' what ops >now
}

# Repeats until two runs in a row agree within 0.3 %, at most BENCH_RUNS times: a reader that polls once a second
# does so only in some runs. $mode is the name in the figures.
measure() { # WORKLOAD
	local runs=0 spread
	[ -z "$BENCH_LEAST" ] || { measure_least "$1"; return; }
	: >last
	while [ "$runs" -lt "${BENCH_RUNS:-12}" ]; do
		run_once "$1" || return 1
		runs=$((runs + 1))
		sed "s/^/$mode $runs /" now >>runs
		spread=$(awk 'FILENAME == "last" { was[$1] = $2; next }
			{ d = $2 > was[$1] ? $2 - was[$1] : was[$1] - $2; d = was[$1] ? d / was[$1] * 10000 : 10000
			  if (d > most) most = d }
			END { printf "%d\n", most }' last now)
		[ "$runs" = 1 ] || [ "$spread" -gt 30 ] || break
		[ "$runs" = "${BENCH_RUNS:-12}" ] || mv now last
	done
	awk -v mode="$mode" -v spread="$spread" -v runs="$runs" '
		FILENAME == "what" { unit[$1] = $3 " " $4; next }
		{ ns[$1] += $2 / 2; cpu[$1] += $3 / 2; reader[$1] += $4 / 2 }
		END { for (f in unit) printf "%s %s %s %.0f %.0f %.0f %d %d\n", mode, f, unit[f], ns[f], cpu[f], reader[f],
			spread, runs }' what last now >>figures
}

# The cheapest of BENCH_LEAST runs: other work of the kernel makes some runs dearer, by 2 %, and none cheaper. For
# figures that are compared with stored figures.
measure_least() { # WORKLOAD
	local runs=0
	: >least
	while [ "$runs" -lt "$BENCH_LEAST" ]; do
		run_once "$1" || return 1
		runs=$((runs + 1))
		sed "s/^/$mode $runs /" now | tee -a runs >>least
	done
	awk -v mode="$mode" -v runs="$runs" '
		FILENAME == "what" { unit[$1] = $3 " " $4; next }
		!($3 in ns) || $5 < cpu[$3] { ns[$3] = $4; cpu[$3] = $5; reader[$3] = $6 }
		END { for (f in unit) printf "%s %s %s %.0f %.0f %.0f 0 %d\n", mode, f, unit[f], ns[f], cpu[f], reader[f],
			runs }' what least >>figures
}

measure_all() { # WORKLOADS
	local workload
	for workload in $1; do
		measure "$workload" || return 1
	done
}

# With s2verify; the run must end complete.
s2verify_mode() { # COMMAND...
	S2V=$mode-
	export S2V
	# Output of --all is not kept: the cost is in formatting it.
	ln -s /dev/null "$mode-out.json"
	s2v_start "$@" || return 1
	tool=$s2v_pid
	measure_all "$BENCH_WORKLOADS" || return 1
	s2v_stop
	tool=''
	rm -f /tmp/bench.*
}

# With a tool that is ready when READY succeeds; its output goes to "$mode-said".
tool_mode() { # WORKLOADS READY COMMAND...
	local workloads=$1 ready=$2
	shift 2
	"$@" >"$mode-said" 2>"$mode-err" &
	tool=$!
	wait_until "$ready" || { cat "$mode-err" && return 1; }
	sleep 3
	measure_all "$workloads" || return 1
	kill -INT "$tool"
	wait "$tool"
	echo "$? $(cat /sys/kernel/tracing/kprobe_profile) $(stat -c %s /tmp/bench.* 2>/dev/null)" >"$mode-end"
	tool=''
	rm -f /tmp/bench.*
}

# Waits at most five minutes: loading a compiler takes long here.
wait_until() { # COMMAND
	for _ in $(seq 3000); do
		! eval "$1" || return 0
		kill -0 "$tool" 2>/dev/null || return 1
		sleep 0.1
	done
	echo "not ready: $1"
	return 1
}

probe_event() {
	echo 'p:s2map kvm_pgtable_stage2_map addr=%x1 phys=%x3 prot=%x4' >/sys/kernel/tracing/kprobe_events
}

# shellcheck disable=SC2016 # expanded by wait_until
measure_mode() {
	tool=''
	case $mode in
	nothing*) measure_all "$BENCH_WORKLOADS" ;;
	trace) s2verify_mode trace --json ;;
	all) s2verify_mode trace --all --json --buffer 64M ;;
	record) s2verify_mode record -o /tmp/bench.s2t ;;
	daemon)
		s2verify --help | grep -q '^ *daemon ' || { echo daemon >>skipped && return 0; }
		tool_mode "$BENCH_WORKLOADS" 'wget -q -O /dev/null http://127.0.0.1:9899/-/ready' \
			s2verify daemon --web.listen-address 127.0.0.1:9899
		;;
	bpftrace-count)
		tool_mode "$BENCH_PEER_WORKLOADS" 'grep -q stage2_map /sys/kernel/debug/kprobes/list' \
			bpftrace -e 'kprobe:kvm_pgtable_stage2_map { @[arg4] = count(); }'
		;;
	bpftrace-print)
		ln -s /dev/null "$mode-said"
		tool_mode "$BENCH_PEER_WORKLOADS" 'grep -q stage2_map /sys/kernel/debug/kprobes/list' \
			bpftrace -e 'kprobe:kvm_pgtable_stage2_map { printf("%lx %lx\n", arg1, arg4); }'
		;;
	trace-cmd)
		probe_event || return 1
		tool_mode "$BENCH_PEER_WORKLOADS" 'grep -q 1 /sys/kernel/tracing/events/kvm/kvm_guest_fault/enable' \
			trace-cmd record -q -o /tmp/bench.dat -e kvm:kvm_guest_fault -e kprobes:s2map
		;;
	perf)
		probe_event || return 1
		tool_mode "$BENCH_PEER_WORKLOADS" 'ls -l /proc/$tool/fd | grep -q perf_event' \
			perf record -q -a -o /tmp/bench.data -e kvm:kvm_guest_fault -e kprobes:s2map
		;;
	*) echo "no mode $mode" && return 1 ;;
	esac
}

# The modes of the tools that the overlay of tests/lab/peers brings.
peers() {
	! type bpftrace >/dev/null 2>&1 || echo bpftrace-count bpftrace-print trace-cmd perf
}

host() {
	local mode
	BENCH_MODES="nothing trace all record daemon $(peers) nothing-after"
	BENCH_WORKLOADS='pages vmas blocks perm reset' BENCH_PEER_WORKLOADS='pages blocks' BENCH_LEAST=
	# shellcheck source=/dev/null
	[ ! -f /bench/plan ] || . /bench/plan
	hugepages 32 || return 1
	# The kernel does work of its own for some seconds after boot, and is slower until then.
	sleep 5
	guest spin=10000000 spin=10000000 >spin || return 1
	mode=warm-up
	measure_all pages || return 1
	for mode in $BENCH_MODES; do
		measure_mode || { echo "mode $mode did not run" && return 1; }
		: >/sys/kernel/tracing/kprobe_events
	done
}

verdict() {
	local rc
	# Two instructions 10^7 times: each must take 2 ns.
	expect_true "the clock counts instructions: $(tail -n 1 spin)" \
		awk 'match($0, / cpu=[0-9]+/) { ns = substr($0, RSTART + 5, RLENGTH - 5) }
			END { exit !(ns > 39.9e6 && ns < 41e6) }' spin
	for rc in *-rc; do
		[[ ! -f $rc ]] || expect_eq "exit status, ${rc%-rc}" 0 "$(cat "$rc")"
	done
	[[ ! -f daemon-end ]] || expect_match "exit status, daemon" '^0 ' "$(cat daemon-end)"
	# The other tools have seen the mappings.
	for rc in trace-cmd perf; do
		[[ ! -f $rc-end ]] || expect_match "$rc: hits of its probe" 's2map +[1-9][0-9]{4,} +0 ' "$(cat "$rc-end")"
	done
	[[ ! -f bpftrace-count-said ]] || expect_grep "bpftrace: maps counted" '^@\[[0-9]+\]: [0-9]{5,}$' bpftrace-count-said
}

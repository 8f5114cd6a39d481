# shellcheck shell=dash
# SPDX-License-Identifier: BSD-2-Clause
# The scenario of tests/lab/demo: a terminal session in the emulated host. The console is the
# terminal; the session is between two marks.

host() {
	# shellcheck source=/dev/null
	. /lab/demo-terminal
	dmesg -n 1
	stty -F /dev/console cols "$DEMO_COLUMNS" rows 24
	export TERM="$DEMO_TERM" NO_COLOR="$DEMO_NO_COLOR"
	mkfifo said
	echo none | tee rc >rc-ordinary
	echo "=== demo begin" >/dev/console
	session >/dev/console 2>&1
	echo "=== demo end" >/dev/console
}

session() {
	say "Can this host be verified? (Attaching takes some seconds: the CPU is emulated.)"
	shell s2verify check || return 0

	say "Watch every VM. First an ordinary guest: two vCPUs, 2 MiB of anonymous memory. There is" \
		"no finding; when the VM is gone, s2verify prints its coherence contract."
	start_trace
	shell guest vm vcpus=2 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M
	stop_trace
	cp rc rc-ordinary

	say "Now a guest that also gets 64 KiB of a device's memory, which the device's driver" \
		"(here tests/lab/fixture) maps into the VMM cacheable."
	start_trace
	shell guest vm vcpus=1 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,2M \
		slot=2,gpa=0x40000000,size=64K,from=dev:/dev/s2f-wb touch=0x40000000,64K
	stop_trace
}

say() {
	printf '\n%s' "$DEMO_DIM"
	echo "-- $*" | fold -s -w "$DEMO_COLUMNS" | sed 's/ $//'
	printf '%s' "$DEMO_OFF"
}

prompt() {
	printf '\n# %s%s%s\n' "$DEMO_BOLD" "$*" "$DEMO_OFF"
}

# Shows a command as typed, and its output. The output of guest's ops is left out.
shell() {
	prompt "$(printf '%s' "$*" | fold -s -w $((DEMO_COLUMNS - 6)) | sed '$!s/$/\\/;2,$s/^/      /')"
	case $1 in
	guest) "$@" >>ops ;;
	*) "$@" ;;
	esac
}

start_trace() {
	prompt "s2verify trace &"
	: >err.txt
	tee -a err.txt <said &
	s2verify trace 2>said &
	pid=$!
	for _ in $(seq 600); do
		! grep -q ^ready err.txt || return 0
		kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.1
	done
}

# Waits until s2verify has printed everything: it then uses no more CPU time.
settle() {
	used='' before=none
	while [ "$used" != "$before" ]; do
		sleep 0.7
		before=$used
		used=$(cut -d ' ' -f 14,15 "/proc/$pid/stat")
	done
}

stop_trace() {
	settle
	prompt 'kill -INT $!; wait $!; echo "exit status $?"'
	kill -INT "$pid"
	wait "$pid"
	echo $? >rc
	echo "exit status $(cat rc)"
}

verdict() {
	expect_eq "exit status, ordinary guest" 0 "$(cat rc-ordinary)"
	# On other kernels and CPUs the mapping is refused or safe.
	[ "$LAB_KERNEL $LAB_CPU" != "6.12 cortex-a710" ] ||
		expect_eq "exit status, device memory" 1 "$(cat rc)"
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The host switches off what calls the hooks: kprobes, or ftrace where fentry programs depend on it. Meanwhile a guest
# runs that has a conflict. Whether it is off from the start or for a moment in the middle: no run of any command is
# complete, each reports which switch it was, and so does the analysis of the recording. With --brief only the method
# that s2verify itself would choose here.

methods="kprobe fentry"
[ -z "$LAB_BRIEF" ] || methods=fentry
[ "$LAB_KERNEL" != 6.1 ] || methods=kprobe

guest_of() { # NAME
	guest "comm=$1" vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K
}

# Switches a method off; fails if this kernel refuses.
off() { # METHOD
	case $1 in
	kprobe) switch=/sys/kernel/debug/kprobes/enabled ;;
	fentry) switch=/proc/sys/kernel/ftrace_enabled ;;
	esac
	echo 0 >$switch && [ "$(cat $switch)" = 0 ]
}

on() {
	echo 1 >$switch
}

host() {
	for method in $methods; do
		off $method || { echo "$method cannot be switched off here" && continue; }
		echo $method >>tried
		S2V=$method-check- s2v_run check --json --attach=$method
		for command in trace resets "record -o $method.s2t"; do
			# shellcheck disable=SC2086 # words
			S2V=$method-${command%% *}- s2v_start $command --attach=$method || return 1
			guest_of unseen
			S2V=$method-${command%% *}- s2v_stop
		done
		s2verify analyze $method.s2t >$method-analyzed 2>&1
		echo $? >$method-analyzed-rc
		on
	done
	for method in $methods; do
		switch_off_for_a_moment $method all && switch_off_for_a_moment $method own -p $$ || return 1
		# Nothing is switched off: nothing is reported.
		S2V=$method-never- s2v_start trace --json --attach=$method -p $$ || return 1
		sleep 3
		S2V=$method-never- s2v_stop
	done
}

switch_off_for_a_moment() { # METHOD NAME OPTION...
	export S2V="$1-$2-"
	method=$1
	shift 2
	s2v_start trace --json --attach="$method" "$@" || return 1
	sleep 2
	if off "$method"; then
		echo "${S2V%-}" >>middle
		guest_of unseen
		sleep 3
	fi
	on
	sleep 2
	s2v_stop
	unset S2V
}

verdict() {
	local method
	# shellcheck disable=SC2013 # one word a line
	for method in $(cat tried); do
		expect_eq "$method: check" 3 "$(cat "$method-check-rc")"
		expect_grep "$method: check says why" 'no hook attaches .*disabled on this host' "$method-check-err.txt"
		for command in trace resets record; do
			expect_eq "$method: $command" 4 "$(cat "$method-$command-rc")"
			expect_grep "$method: $command says why" 'hooks are gone: .*disabled on this host' \
				"$method-$command-err.txt"
		done
		expect_eq "$method: analyze" 4 "$(cat "$method-analyzed-rc")"
		expect_grep "$method: analyze says why" 'hooks were gone for a while, 1 time \(.*disabled on this host' "$method-analyzed"
	done
	expect_true "something could be switched off" test -s middle
	while read -r method; do
		expect_eq "$method: in the middle" 4 "$(cat "$method-rc")"
		expect_grep "$method: back" 'hooks are back' "$method-err.txt"
		expect_grep "$method: the summary says why" 'hooks were gone for a while, 1 time .*disabled on this host' "$method-out.json"
	done <middle
	for method in *-never-rc; do
		expect_eq "$method" 0 "$(cat "$method")"
	done
}

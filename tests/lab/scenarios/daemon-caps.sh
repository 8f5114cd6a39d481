# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Which capabilities the daemon needs to start (docs/daemon-privileges.md). It keeps none.

setpcap=8 sys_admin=21 syslog=34 perfmon=38 bpf=39

# Runs the daemon with these capabilities: its messages, whether it becomes ready, the capabilities that it keeps.
run_with() { # NAME CAPS
	caps "$2" s2verify daemon >"$1-out" 2>"$1-err" &
	daemon=$!
	wait_for ready_or_gone "$1-ready"
	[ ! -d /proc/$daemon ] || sed -n 's/^Cap\(...\):[[:space:]]*/\1 /p' /proc/$daemon/status >"$1-kept"
	kill -TERM $daemon 2>/dev/null
	wait $daemon
	echo $? >"$1-rc"
}

# Its answer may change until its first audit ends.
ready_or_gone() { # FILE
	kill -0 "$daemon" 2>/dev/null || return 0
	http_get /-/ready "$1"
	grep -qE '^ready|not known' "$1"
}

host() {
	run_with none none
	run_with two "$bpf,$perfmon"
	run_with modern "$bpf,$perfmon,$syslog,$setpcap"
	run_with old "$sys_admin,$syslog,$setpcap"
	run_with bound "$sys_admin,$syslog"
}

verdict() {
	local zero=0000000000000000 name good=''
	if [[ $LAB_KERNEL != 6.1 ]]; then
		good=modern
	else
		expect_eq "modern: status" 3 "$(cat modern-rc)"
		expect_grep "modern: message" 'without CAP_SYS_ADMIN, which Linux before 6.2 wants' modern-err
	fi
	expect_eq "nothing: status" 3 "$(cat none-rc)"
	expect_grep "nothing: message" 'CAP_SYS_ADMIN .*CAP_BPF and CAP_PERFMON' none-err
	# Without CAP_SYSLOG there are no symbols, by which s2verify recognizes the files of VMs.
	[[ -z $good ]] || expect_grep "two: not ready" 'which VMs were running before is not known' two-ready
	for name in $good old bound; do
		expect_eq "$name: status" 0 "$(cat "$name-rc")"
		expect_grep "$name: ready" '^ready' "$name-ready"
	done
	for name in $good old; do
		expect_eq "$name: kept" "Inh $zero Prm $zero Eff $zero Bnd $zero Amb $zero" "$(xargs <"$name-kept")"
	done
	expect_eq "bound: kept" "Inh $zero Prm $zero Eff $zero Amb $zero" "$(grep -v Bnd bound-kept | xargs)"
}

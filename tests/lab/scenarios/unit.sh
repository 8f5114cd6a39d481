# shellcheck shell=bash disable=SC2154 # overlay: variable of the caller
# SPDX-License-Identifier: BSD-2-Clause
# The installed unit, started by a real systemd: in its sandbox the daemon covers the same as without it, reports
# the expected findings to the journal, and gives up its capabilities.

applies() {
	[[ -d $overlay/systemd ]] || {
		echo "needs --overlay \"\$(tests/lab/systemd)\""
		return 1
	}
}

host() {
	s2verify check --json >free.json 2>free.err
	boot_systemd || return 1
	# An audit finds the VMs of its own PID namespace.
	nsenter -t "$systemd" -p guest limit=0 comm=before vm vcpus=1 \
		slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc touch=0x40000000,64K mark=/tmp/now wait=/tmp/go >ops-before &
	before=$!
	wait_file /tmp/now || return 1
	inside systemctl start s2v-check >check.log 2>&1
	cp /mnt/check/* .
	inside systemctl start s2verify >start.log 2>&1
	echo $? >start.rc
	guest comm=after vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc@0x10000 \
		touch=0x40000000,64K >ops-after
	wait_for answers ready ready
	wget -q -O metrics http://127.0.0.1:9899/metrics
	state running
	pid=$(sed -n 's/^MainPID=//p' running)
	inside cat "/proc/$pid/status" >status
	inside systemctl reload s2verify
	echo $? >reload.rc
	sleep 12 # until the hooks are checked twice
	answers ready ready-later
	state reloaded
	inside systemctl stop s2verify
	state stopped
	starved || return 1
	inside journalctl --no-pager -o json >journal.json 2>journal.err
	inside journalctl --no-pager -u s2verify >journal.txt 2>&1
	touch /tmp/go
	wait "$before"
}

# With less memory than the daemon needs (as an endless address space would need more): it is killed, systemd starts it
# again, and nothing is left in the kernel. The kernel's report goes to a file of its own, since it has a call trace.
starved() {
	dmesg -c >dmesg-before
	programs >programs-before
	mkdir -p /mnt/etc/systemd/system/s2verify.service.d
	printf '[Service]\nMemoryHigh=infinity\nMemoryMax=10M\nRestartSec=1s\n' \
		>/mnt/etc/systemd/system/s2verify.service.d/memory.conf
	inside systemctl daemon-reload
	inside systemctl start s2verify >starved.log 2>&1
	wait_for restarted
	state starved
	rm /mnt/etc/systemd/system/s2verify.service.d/memory.conf
	inside systemctl stop s2verify
	programs >programs-after
	dmesg -c >dmesg-starved
	inside systemctl daemon-reload
	inside systemctl reset-failed s2verify
	inside systemctl start s2verify >again.log 2>&1
	echo $? >again.rc
	wait_for answers ready ready-again
	inside systemctl stop s2verify
}

restarted() {
	state starved-now
	[ "$(sed -n 's/^NRestarts=//p' starved-now)" -ge 1 ]
}

# The number of loaded BPF programs, with or without names in kallsyms: each has memory of its own.
programs() {
	sleep 1 # freed after a grace period
	grep -c 'bpf_prog_alloc\|bpf_jit' /proc/vmallocinfo
}

# Starts a systemd as the first process of a PID namespace, in a tree of its own, with the host's devices. The
# root of its mount namespace is a mount, which the sandboxes of units need; the initramfs is none.
boot_systemd() {
	mkdir -p /mnt
	mount -t tmpfs -o mode=755,size=300m root /mnt
	cp -a /systemd/. /mnt/
	mkdir -p /mnt/check /mnt/etc/default
	echo S2VERIFY_PID_NAMESPACE=own >/mnt/etc/default/s2verify
	# The same sandbox around another command.
	sed '/^ExecReload=\|^WatchdogSec=\|^Restart/d; s/^Type=.*/Type=oneshot/
		s#^ExecStart=.*#ExecStart=/usr/bin/s2verify check --json\nSuccessExitStatus=4\
StandardOutput=file:/check/check.json\nStandardError=file:/check/check.err#' \
		/mnt/usr/lib/systemd/system/s2verify.service >/mnt/etc/systemd/system/s2v-check.service
	unshare -m -p -f sh -c 'mount -t proc proc /mnt/proc && mount --rbind /sys /mnt/sys &&
		mount --rbind /dev /mnt/dev && mount -t cgroup2 cgroup /mnt/sys/fs/cgroup && mount -t tmpfs run /mnt/run &&
		exec chroot /mnt /bin/sh -c "container=lab exec /lib/systemd/systemd --unit=lab.target"' >systemd.log 2>&1 &
	wait_for is_up
}

is_up() {
	for systemd in /proc/[0-9]*; do
		[ "$(cat "$systemd/comm" 2>/dev/null)" = systemd ] || continue
		systemd=${systemd#/proc/}
		inside systemctl is-active -q lab.target && return
	done
	return 1
}

inside() { # COMMAND...
	nsenter -t "$systemd" -m -p chroot /mnt "$@"
}

answers() { # NAME FILE
	wget -q -O "$2" "http://127.0.0.1:9899/-/$1"
}

state() { # FILE
	inside systemctl show -p ActiveState,SubState,MainPID,Result,ExecMainStatus,NRestarts,MemoryCurrent,CPUUsageNSec \
		s2verify >"$1"
}

value() { # FILE NAME
	sed -n "s/^$2=//p" "$1"
}

verdict() {
	expect_eq "host facts and coverage, in the sandbox" "$(cat free.json)" "$(cat check.json)"
	expect_eq "start" 0 "$(cat start.rc)"
	expect_eq "state" "active running 0" "$(value running ActiveState) $(value running SubState) $(value running NRestarts)"
	expect_true "memory: $(value running MemoryCurrent)" [ "$(value running MemoryCurrent)" -lt $((192 << 20)) ]
	expect_eq "no new privileges, a filter" "1 2" "$(awk '/^NoNewPrivs:|^Seccomp:/ { printf "%s%s", s, $2; s = " " }' status)"
	expect_eq "capabilities kept" 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' status)"
	expect_eq "capability bounding set" 0000000000000000 "$(awk '/^CapBnd:/ { print $2 }' status)"
	expect_true "it is ready" [ -s ready ]
	expect_true "it stays ready without capabilities" [ -s ready-later ]
	expect_grep "counter" '^s2verify_findings_total\{.*rule="s2-cacheable".*\} 2$' metrics
	expect_eq "findings in the journal" '["after","before"]' "$(jq -s -c '[.[] |
		select(.S2V_RULE == "s2-cacheable" and ._SYSTEMD_UNIT == "s2verify.service").S2V_VM_COMM] | unique' journal.json)"
	expect_eq "reload" "0 active" "$(cat reload.rc) $(value reloaded ActiveState)"
	expect_true "restarted for lack of memory: $(xargs <starved-now)" test "$(value starved-now NRestarts)" -ge 1
	expect_grep "killed by the kernel" 'Memory cgroup out of memory: Killed process [0-9]+ \(s2verify\)' dmesg-starved
	expect_eq "the kernel's other complaints" "" "$(grep -E 'BUG:|WARNING:|Oops|rcu.*stall' dmesg-before dmesg-starved)"
	expect_eq "BPF programs left behind" "$(cat programs-before)" "$(cat programs-after)"
	expect_eq "started again" 0 "$(cat again.rc)"
	expect_true "ready again" [ -s ready-again ]
	expect_eq "state at the end" "inactive success 0" \
		"$(value stopped ActiveState) $(value stopped Result) $(value stopped ExecMainStatus)"
}

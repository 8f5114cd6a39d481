# shellcheck shell=bash disable=SC2154 # overlay is that of who sources this
# SPDX-License-Identifier: BSD-2-Clause
# The unit as it is installed, started by a real systemd: within its sandbox the daemon covers what it covers
# without, finds what it is to find, tells it to the journal, and gives its capabilities up.

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
	sleep 12 # two looks at the hooks
	answers ready ready-later
	state reloaded
	inside systemctl stop s2verify
	state stopped
	inside journalctl --no-pager -o json >journal.json 2>journal.err
	inside journalctl --no-pager -u s2verify >journal.txt 2>&1
	touch /tmp/go
	wait "$before"
}

# A systemd of its own: first process of a PID namespace, in a tree of its own, with the host's devices. (Of
# a mount namespace whose root is a mount, as the sandboxes of units want it; the initramfs is none.)
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
	expect_eq "what the host has, and what is covered, in the sandbox" "$(cat free.json)" "$(cat check.json)"
	expect_eq "start" 0 "$(cat start.rc)"
	expect_eq "state" "active running 0" "$(value running ActiveState) $(value running SubState) $(value running NRestarts)"
	expect_true "memory: $(value running MemoryCurrent)" [ "$(value running MemoryCurrent)" -lt $((192 << 20)) ]
	expect_eq "no new privileges, a filter" "1 2" "$(awk '/^NoNewPrivs:|^Seccomp:/ { printf "%s%s", s, $2; s = " " }' status)"
	expect_eq "capabilities kept" 0000000000000000 "$(awk '/^CapEff:/ { print $2 }' status)"
	expect_eq "capabilities to be had" 0000000000000000 "$(awk '/^CapBnd:/ { print $2 }' status)"
	expect_true "it is ready" [ -s ready ]
	expect_true "and stays so, with the capabilities gone" [ -s ready-later ]
	expect_grep "counter" '^s2verify_findings_total\{.*rule="s2-cacheable".*\} 2$' metrics
	expect_eq "findings in the journal" '["after","before"]' "$(jq -s -c '[.[] |
		select(.S2V_RULE == "s2-cacheable" and ._SYSTEMD_UNIT == "s2verify.service").S2V_VM_COMM] | unique' journal.json)"
	expect_eq "reload" "0 active" "$(cat reload.rc) $(value reloaded ActiveState)"
	expect_eq "end" "inactive success 0" \
		"$(value stopped ActiveState) $(value stopped Result) $(value stopped ExecMainStatus)"
}

# shellcheck shell=bash disable=SC2154 # overlay and s2v_pid: variables of the caller
# SPDX-License-Identifier: BSD-2-Clause
# A real VMM: QEMU boots a Linux guest of two vCPUs. The guest reboots once itself, QEMU's monitor resets
# it twice (--brief: once). It comes up each time, then it powers off.

applies() {
	[[ -d $overlay/vmm ]] || {
		echo "needs --overlay \"\$(tests/lab/vmm latest)\""
		return 1
	}
}

# The console is slow here, as QEMU emulates it; the rest switches off what this guest does not need.
quick="console=ttyAMA0 quiet panic=-1 lsm= audit=0 init_on_alloc=0 rcupdate.rcu_expedited=1 cryptomgr.notests"
[ -z "$LAB_BRIEF" ] && boots=4 || boots=3
id='boot [0-9a-f-]\{36\}'

host() {
	mkfifo /tmp/con.in /tmp/con.out /tmp/mon.in /tmp/mon.out
	S2V=resets- s2v_start resets --json || return 1
	resets=$s2v_pid
	count_unmaps || return 1
	s2v_start trace --json || return 1
	: >console
	qemu-system-aarch64 -accel kvm -cpu host -M virt,gic-version=3 -smp 2 -m 256 -nodefaults -display none \
		-chardev pipe,id=con,path=/tmp/con -serial chardev:con \
		-chardev pipe,id=mon,path=/tmp/mon -mon chardev=mon \
		-kernel /vmm/Image -initrd /vmm/initramfs -append "$quick" >qemu.txt 2>&1 &
	vmm=$!
	cat /tmp/con.out >console &
	cat /tmp/mon.out >monitor &
	drive || kill "$vmm"
	wait "$vmm"
	echo $? >vmm-rc
	s2v_stop
	s2v_pid=$resets
	S2V=resets- s2v_stop
	awk '$1 == "unmap" { print $2 }' /sys/kernel/tracing/kprobe_profile >unmaps
}

# A kprobe of the kernel counts the unmaps of a whole guest.
count_unmaps() {
	echo "p:lab/unmap stage2_unmap_vm" >/sys/kernel/tracing/kprobe_events &&
		echo 1 >/sys/kernel/tracing/events/lab/unmap/enable
}

# Sends the commands, each when the guest is up.
drive() {
	send_when_up 1 con reboot && send_when_up 2 mon system_reset || return 1
	[ -n "$LAB_BRIEF" ] || send_when_up 3 mon system_reset || return 1
	send_when_up $boots con poweroff
}

# send_when_up BOOT con|mon WORD: once the guest has come up BOOT times, sends WORD to its console or to
# QEMU's monitor. A boot counts when its whole ID is there: a reset may cut off the rest of a line.
send_when_up() {
	for _ in $(seq 1200); do
		if [ "$(grep -o "$id" console | wc -l)" -ge "$1" ]; then
			echo "$(cut -d ' ' -f 1 /proc/uptime) up $1, $3" >>told
			echo "$3" >"/tmp/$2.in"
			return
		fi
		kill -0 "$vmm" || break
		sleep 0.5
	done
	echo "the guest is not up for the ${1}th time:"
	tail -n 20 console qemu.txt
	return 1
}

verdict() {
	expect_eq "QEMU's exit status" 0 "$(cat vmm-rc)"
	expect_eq "QEMU's complaints" "" "$(cat qemu.txt)"
	expect_eq "boots" $boots "$(grep -o "2 CPUs, $id" console | wc -l)"
	expect_eq "different boots" $boots "$(grep -o "$id" console | sort -u | wc -l)"
	expect_findings "$( ((LAB_FWB)) || echo reset-unmap-repeated)" 0
	expect_jq "VMs" '.[] | select(.type == "summary") | [.vms > 0, .preexisting_vms]' '[true,0]' out.json
	expect_jq "maps" '[.[] | select(.type == "summary").maps[] | [.s1, .s2]] | unique' \
		'[["normal-wb","normal-wb"]]' out.json
	verdict_resets
}

# A reset comes before each boot but the first. Without S2FWB the init of each vCPU unmaps all, and the second finds
# nothing to unmap; with S2FWB none unmaps.
verdict_resets() {
	local each='[2,2,1]' all=$((2 * (boots - 1)))
	((LAB_FWB)) && each='[2,0,0]' all=0
	expect_eq "unmaps that the kernel counted" "$all" "$(cat unmaps)"
	expect_jq "vCPUs, unmaps, redundant ones of each reset" \
		'[.[] | select(.type == "reset") | [.vcpus, .unmaps, .redundant]]' "$(jq -n -c "[range($boots - 1) | $each]")" resets-out.json
}

# shellcheck shell=bash disable=SC2154 # overlay and s2v_pid: variables of the caller
# SPDX-License-Identifier: BSD-2-Clause
# QEMU with the devices that libvirt gives a guest (root ports, virtio devices, USB, memory of a memfd, I/O threads):
# counts the VMAs of such a VMM; an audit of it ends and is complete.

applies() {
	[[ -d $overlay/vmm ]] || {
		echo "needs --overlay \"\$(tests/lab/vmm latest)\""
		return 1
	}
}

devices() {
	for i in $(seq 14); do
		echo "-device pcie-root-port,id=port$i,chassis=$i,bus=pcie.0"
	done
	for i in $(seq 4); do
		echo "-object iothread,id=io$i -device virtio-scsi-pci,bus=port$i,iothread=io$i"
	done
	echo "-device qemu-xhci,bus=port5 -device virtio-serial-pci,bus=port6 -device virtio-balloon-pci,bus=port7"
	echo "-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng,bus=port8"
	echo "-device usb-tablet -device usb-kbd"
}

host() {
	mkfifo /tmp/con.in /tmp/con.out
	# shellcheck disable=SC2046 # words
	qemu-system-aarch64 -accel kvm -cpu host -M virt,gic-version=3,memory-backend=ram -smp 2 -m 256 -nodefaults -display none \
		-object memory-backend-memfd,id=ram,size=256M,share=on $(devices) \
		-chardev pipe,id=con,path=/tmp/con -serial chardev:con -kernel /vmm/Image -initrd /vmm/initramfs \
		-append "console=ttyAMA0 quiet panic=-1 lsm= audit=0 init_on_alloc=0" >qemu.txt 2>&1 &
	vmm=$!
	cat /tmp/con.out >console &
	for _ in $(seq 600); do
		grep -q "guest: up" console && break
		kill -0 "$vmm" || break
		usleep 200000
	done
	wc -l <"/proc/$vmm/maps" >vmas
	timeout -s KILL 120 s2verify audit --json >out.json 2>err.txt
	echo $? >rc
	S2V=first- s2v_start trace --audit-first --json || return 1
	S2V=first- s2v_stop
	kill "$vmm"
	wait "$vmm"
	return 0
}

verdict() {
	expect_eq "QEMU's complaints" "" "$(grep -v 'terminating on signal 15' qemu.txt)"
	expect_grep "the guest is up" 'guest: up' console
	expect_true "VMAs: $(cat vmas)" test "$(cat vmas)" -gt 256
	expect_findings "" 0
	expect_findings "" 0 first-
	expect_jq "the guest's memory" '[.[] | select(.type == "memslot" and .size == 268435456) | [.backing, .s1, .s2]] | unique' \
		'[["file","normal-wb","normal-wb"]]' out.json
}

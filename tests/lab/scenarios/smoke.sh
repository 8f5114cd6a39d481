# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The lab itself: what guests and the fixture's mappings do on each kernel.

# A second memslot of each kind, to which the guest stores. A VM for each, since a fault may fail.
host() {
	[ -c /dev/kvm ] || return 1
	guest vm vcpus=2 query=243 slot=1,gpa=0x0,size=4M,from=anon touch=0x0,4M touch=0x0,1M,read \
		touch=0x0,64K,exec reset touch=0x0,4M,all cpu-on=1 >ordinary || return 1
	while read -r name from; do
		guest vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K \
			"slot=2,gpa=0x200000,size=64K,from=$from,expect=any" >"kind-$name"
		grep -q '^slot=2.*: ok' "kind-$name" || continue
		guest vm vcpus=1 "slot=2,gpa=0x200000,size=64K,from=$from" \
			touch=0x200000,64K,expect=any >"kind-$name"
	done <<-END
		anon anon
		thp thp
		shm shm
		file file:/tmp/smoke
		wb dev:/dev/s2f-wb
		wc dev:/dev/s2f-wc@0x100000
		nc dev:/dev/s2f-nc@0x200000
		anyuc dev:/dev/s2f-anyuc@0x300000
		mixed dev:/dev/s2f-mixed-wb@0x400000
		ptewb dev:/dev/s2f-ptewb@0x500000
		ram-wb dev:/dev/s2f-ram-wb
		ram-wc dev:/dev/s2f-ram-wc
		devmem dev:/dev/mem@$LAB_OUTSIDE
		vgem vgem
	END
}

# "accepted, ran", "EINVAL" (the memslot), "accepted, EFAULT" (KVM_RUN) or "mmap ERRNO"
outcome() {
	awk -F ': ' '
		/^slot=2/ { slot = $2 }
		/^touch=0x200000/ { run = $2 }
		END {
			if (slot ~ /^mmap/) print "mmap " substr(slot, index(slot, "=") + 1)
			else if (slot !~ /^ok/) print substr(slot, 7)
			else if (run ~ /^ok/) print "accepted, ran"
			else print "accepted, " substr(run, 7)
		}' "kind-$1"
}

expect_kinds() { # OUTCOME NAME...
	local expected=$1 name
	shift
	for name; do
		expect_eq "memslot over $name" "$expected" "$(outcome "$name")"
	done
}

# From 6.17 on KVM does not map cacheable PFNMAP memory non-cacheable. With S2FWB and DIC it maps it
# cacheable; without, it refuses the memslot (VM_PFNMAP) or fails the fault (VM_MIXEDMAP).
expect_new_kernel() {
	if [[ $LAB_FWB$LAB_DIC == 11 ]]; then
		expect_kinds "accepted, ran" wb ram-wb mixed
		expect_grep "the capability" '^query=243: ok 1$' ordinary
	else
		expect_kinds EINVAL wb ram-wb
		expect_kinds "accepted, EFAULT" mixed
		expect_grep "the capability" '^query=243: ok 0$' ordinary
	fi
	expect_kinds "accepted, EFAULT" vgem
	expect_kinds "accepted, ran" anyuc
}

expect_old_kernel() {
	expect_grep "the capability" '^query=243: ok 0$' ordinary
	expect_kinds "accepted, ran" wb ram-wb mixed vgem
	# VM_ALLOW_ANY_UNCACHED: from 6.9 on.
	if [[ $LAB_KERNEL == 6.1 ]]; then
		expect_kinds "mmap ENODEV" anyuc
	else
		expect_kinds "accepted, ran" anyuc
	fi
}

verdict() {
	expect_eq "lines that are not ok" "" "$(grep -v ': ok' ordinary)"
	expect_kinds "accepted, ran" anon thp shm file wc nc ptewb ram-wc devmem
	case $LAB_KERNEL in
	latest) expect_new_kernel ;;
	6.*) expect_old_kernel ;;
	esac
}

# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Proves without s2verify that a mutant is what tests/lab/mutate says, and the original kernel is not.
# Kprobe events count how often a reset of two vCPUs that ran unmaps stage 2, and read the text of the
# vCPU-init path as it runs, with alternatives applied.

# Probes that print the words of a function: 64 words per argument (an array has no more), four
# arguments per event (6.1 prints no more than 4096 characters of an event).
words_probes() { # FUNCTION BYTES
	for event in $(seq 0 1024 $(($2 - 1))); do
		line="p:words$event $1"
		for at in $(seq "$event" 256 $((event + 1023 < $2 ? event + 1023 : $2 - 1))); do
			left=$((($2 - at) / 4))
			line="$line w$at=@$1+$at:x32[$((left < 64 ? left : 64))]"
		done
		echo "$line"
	done
}

# The size of a function: it ends at the next text symbol.
size_of() { # FUNCTION
	grep -i ' t ' /proc/kallsyms | sort >sorted
	set -- "$(awk -v f="$1" '$3 == f { print $1 }' sorted)"
	echo $((0x$(awk -v a="$1" '$1 > a { print $1; exit }' sorted) - 0x$1))
	rm sorted
}

host() {
	tracing=/sys/kernel/tracing
	function=kvm_arch_vcpu_ioctl
	grep -qw kvm_arch_vcpu_ioctl_vcpu_init /proc/kallsyms && function=kvm_arch_vcpu_ioctl_vcpu_init
	echo $function >function
	echo 'p:unmap stage2_unmap_vm' >$tracing/kprobe_events || return 1
	size=$(size_of $function)
	words_probes $function "$size" >probes
	while read -r probe; do
		echo "$probe" >>$tracing/kprobe_events || return 1
	done <probes
	echo 1 >$tracing/events/kprobes/enable
	guest vm vcpus=2 slot=1,gpa=0,size=64K,from=anon touch=0,64K mark=/tmp/ran wait=/tmp/go reset >ops &
	guest=$!
	wait_file /tmp/ran || return 1
	cat $tracing/kprobe_profile >before
	touch /tmp/go
	wait "$guest" || return 1
	cat $tracing/kprobe_profile >after
	echo 0 >$tracing/events/kprobes/enable
	for event in $(seq 0 1024 $((size - 1))); do
		grep -m 1 " words$event:" $tracing/trace
	done | tr '{},' '\n' | sed -n 's/^0x//p' >words
	echo $((size / 4)) >word-count
	rm -f /tmp/ran /tmp/go
}

unmaps() { # FILE
	awk '$1 == "unmap" { print $2 }' "$1"
}

verdict() {
	local unmaps=2 invalidations=1
	((LAB_FWB)) && unmaps=0
	case $LAB_MUTANT in
	unmap) unmaps=0 ;;
	fwb) unmaps=2 ;;
	icache) invalidations=0 ;;
	esac
	expect_eq "unmaps before the reset" 0 "$(unmaps before)"
	expect_eq "unmaps by the reset" "$unmaps" "$(unmaps after)"
	expect_eq "words read" "$(cat word-count)" "$(wc -l <words)"
	expect_eq "ic ialluis in $(cat function)" "$invalidations" "$(grep -c '^d508711f$' words)"
}

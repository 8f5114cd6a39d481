# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE (6.5 on): when the dirty log of a memslot begins KVM splits its blocks into pages,
# made from address and permissions alone (stage2_split_walker()). A Device block would become Write-Back pages, without
# a fault or a map that a hook sees. This cannot happen, and docs/completeness.md relies on it: such blocks are
# VM_PFNMAP, and KVM refuses their dirty log. Ordinary memory is split, and keeps its type.

applies() {
	[ "$LAB_KERNEL" != 6.1 ] || { echo "KVM splits eagerly from 6.5 on" && return 1; }
}

# Audits a waiting guest, and lets it run to its next mark.
audit_at() { # NAME MARK
	wait_file "/tmp/at-$2" || return 1
	S2V=$1-$2-
	s2v_run audit --json
	S2V=
	touch "/tmp/go-$2"
}

host() {
	guest comm=device limit=600 vm,eager=2M vcpus=1 slot=1,gpa=0x40000000,size=2M,from=dev:/dev/s2f-wc \
		touch=0x40000000,64K flags=1,log,expect=any mark=/tmp/at-log wait=/tmp/go-log >ops-device &
	audit_at device log
	wait || return 1
	rm -f /tmp/go-log /tmp/at-log
	guest comm=ordinary limit=600 vm,eager=2M vcpus=1 slot=1,gpa=0x40000000,size=4M,from=thp touch=0x40000000,4M \
		mark=/tmp/at-start wait=/tmp/go-start flags=1,log mark=/tmp/at-log wait=/tmp/go-log >ops-ordinary &
	audit_at ordinary start
	audit_at ordinary log
	wait
}

# Expects these leaves in an audit of memslot 1.
expect_leaves() { # NAME-MARK LEAVES
	expect_eq "$1: exit status" 0 "$(cat "$1-rc")"
	expect_jq "$1: leaves" '.[] | select(.type == "memslot" and .id == 1).leaves | map([.level, .s1, .s2, .count])' \
		"$2" "$1-out.json"
}

verdict() {
	local leaf='[2,"normal-nc","device-nGnRE",1]'
	[[ $LAB_KERNEL == 6.12 ]] || leaf='[3,"normal-nc","device-nGnRE",16]' # 7.2 on: as the host maps it
	expect_grep "the log of VM_PFNMAP memory is refused" '^flags=1,log.*: errno=EINVAL' ops-device
	expect_grep "the log of ordinary memory is accepted" '^flags=1,log.*: ok' ops-ordinary
	expect_leaves device-log "[$leaf]"
	expect_leaves ordinary-start '[[2,"normal-wb","normal-wb",2]]'
	expect_leaves ordinary-log '[[3,"normal-wb","normal-wb",1024]]'
}

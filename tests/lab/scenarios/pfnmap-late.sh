# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The same memory, but mapped over an existing memslot of ordinary memory: the check that the
# kernel made at registration no longer holds.

host() {
	s2v_start trace --json || return 1
	guest vm vcpus=1 query=243 slot=1,gpa=0x0,size=2M,from=anon touch=0x0,1M \
		replace=1,from=dev:/dev/s2f-wb,off=0x100000,size=64K touch=0x100000,64K,expect=any >ops
	s2v_stop
}

verdict() {
	if ! kernel_decides; then
		expect_findings "attr-drift s2-noncacheable" 1
	elif host_has_both; then
		expect_findings "attr-drift migration-pinned" 0
		expect_jq "harmless here" '[.[] | select(.rule == "attr-drift" and .type == "finding").severity] | unique' \
			'["info"]' out.json
	else
		expect_findings "pfnmap-cacheable-refused" 0
		expect_jq "refused" '[.[] | select(.type == "finding") | [.errno, .errno_at, .gpa]]' \
			'[["EFAULT","fault","0x100000"]]' out.json
	fi
	expect_jq "where" '[.[] | select(.type == "finding").gpa] | unique' '["0x100000"]' out.json
}

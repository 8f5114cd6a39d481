# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154 # s2v_pid: lib/host.sh's
# Counts while the VM lives: trace, the daemon and its metrics count pages that are touched one by one, with no event after
# them. And the cost of deleting memslots beside a VM that creates and deletes others all the time.

# When each deletion swept all entries, 1,024 memslots took sixteen times as long as 256. One kernel tests 4,096.
crowd=1024
[ -n "$LAB_BRIEF" ] || [ "$LAB_KERNEL" = 6.1 ] || crowd=4096

# In random order: neither the first nor the last page is at an end of the range.
pages() {
	for page in 8 3 12 0 15 1 2 4 5 6 7 9 10 11 13 14; do
		printf 'touch=0x%x,4K sleep=200 ' $((0x40000000 + page * 4096))
	done
}

counted() {
	http_get /findings findings
	grep -q '"count":16' findings && grep -q '"update":true.*"count":16' live-out.json
}

live() {
	S2V=daemon- s2v_start daemon --audit-interval never || return 1
	daemon=$s2v_pid
	S2V=live- s2v_start trace --json -o live.s2t || return 1
	# shellcheck disable=SC2046 # words
	guest comm=live vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ram-wc $(pages) \
		mark=/tmp/touched wait=/tmp/enough >ops &
	vm=$!
	wait_file /tmp/touched || return 1
	wait_for counted
	http_get /metrics metrics
	cp live-out.json while-it-lives.json
	touch /tmp/enough
	wait $vm || return 1
	S2V=live- s2v_stop
	s2v_pid=$daemon
	S2V=daemon- s2v_stop
	S2V=again- s2v_run analyze --json live.s2t
}

# CPU time of s2verify so far, in ticks: utime, stime.
ticks() {
	sed 's/.*) //' "/proc/$s2v_pid/stat" | cut -d ' ' -f 12,13 | tr ' ' '+' | sed 's/^/echo $((/; s/$/))/' | sh
}

# Returns whether s2verify has read everything: it then has only its work of each second.
idle() {
	before=$(ticks)
	sleep 1
	[ $(($(ticks) - before)) -le 15 ]
}

phase() { # NAME
	kill -STOP $busy
	wait_for idle || return 1
	echo "$1 $(ticks)" >>costs
	kill -CONT $busy
}

memslots() {
	S2V=many- s2v_start trace --json || return 1
	guest comm=busy limit=0 vm vcpus=1 mark=/tmp/busy loop=100000000 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K \
		delete=1 sleep=50 end >/dev/null &
	busy=$!
	wait_file /tmp/busy || return 1
	guest comm=crowd limit=0 vm vcpus=1 wait=/tmp/make crowd=$crowd,gpa=0x80000000,size=64K,from=anon \
		touch=0x80000000,$((crowd * 64))K,stride=64K mark=/tmp/made wait=/tmp/delete disband mark=/tmp/deleted >ops-crowd &
	vm=$!
	phase start || return 1
	touch /tmp/make
	wait_file /tmp/made && phase made || return 1
	touch /tmp/delete
	wait_file /tmp/deleted && phase deleted || return 1
	wait $vm || return 1
	kill $busy
	wait $busy
	S2V=many- s2v_stop
}

host() {
	live && memslots
}

# The ticks between the ends of two phases.
cost() { # FROM TO
	awk -v from="$1" -v to="$2" '{ t[$1] = $2 } END { print t[to] - t[from] }' costs
}

verdict() {
	local where='[.count, .size, .gpa, .gpa_last, .gpa_low, .gpa_high, .bytes]' expect
	expect='[16,4096,"0x40008000","0x4000e000","0x40000000","0x4000ffff",65536]'
	expect_jq "trace" "[.[] | select(.type == \"finding\")] | last | $where" "$expect" while-it-lives.json
	expect_jq "the VM still lives" '[.[] | select(.type == "summary")] | length' 0 while-it-lives.json
	sed '1,/^\r*$/d' findings >findings.json
	expect_jq "/findings" ".[].findings[] | $where" "$expect" findings.json
	expect_jq "standard output of the daemon" "[.[] | select(.type == \"finding\")] | last | $where" "$expect" daemon-out.json
	expect_grep "/metrics" '^s2verify_stage2_maps_total\{s1="normal-nc",s2="normal-wb"\} 16' metrics
	expect_findings "s2-cacheable" 1 live-
	expect_true "analyze prints the same" cmp live-out.json again-out.json
	expect_jq "memslots: complete" '.[] | select(.type == "summary") | [.complete, .lost]' '[true,0]' many-out.json
	# About the same, plus ticks for the other VM. When each deletion swept all kinds, it took thirty times as much.
	expect_true "ticks to make $crowd: $(cost start made), to delete them: $(cost made deleted)" \
		test "$(cost made deleted)" -le $((3 * $(cost start made)))
}

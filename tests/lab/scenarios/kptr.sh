# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# A host that hides the addresses of kernel symbols (kernel.kptr_restrict=2): s2verify cannot recognize the files of VMs.
# Each command says so, and names the setting and the value that it must have; none is complete.

host() {
	old=$(cat /proc/sys/kernel/kptr_restrict)
	guest limit=300 comm=before vm vcpus=1 slot=1,gpa=0x0,size=64K,from=anon touch=0x0,64K \
		mark=/tmp/now wait=/tmp/go >ops &
	wait_file /tmp/now || return 1
	echo 2 >/proc/sys/kernel/kptr_restrict
	S2V=check- s2v_run check
	S2V=audit- s2v_run audit --json
	for command in "trace --json --audit-first" "record -o kptr.s2t"; do
		# shellcheck disable=SC2086 # words
		S2V=${command%% *}- s2v_start $command || return 1
		S2V=${command%% *}- s2v_stop
	done
	S2V=daemon- s2v_start daemon || return 1
	http_get /-/ready ready
	S2V=daemon- s2v_stop
	echo "$old" >/proc/sys/kernel/kptr_restrict
	touch /tmp/go
	wait
}

verdict() {
	local run
	for run in check audit trace record daemon; do
		expect_eq "$run: reported once" 1 "$(grep -c 'kernel.kptr_restrict is 2; set it to 1 (sysctl -w kernel.kptr_restrict=1)' "$run-err.txt")"
		expect_true "$run: no message about a missing file" eval "! grep 'No such file' $run-err.txt"
	done
	for run in audit trace record; do
		expect_eq "$run: exit status" 4 "$(cat "$run-rc")"
	done
	for run in audit trace; do
		expect_match "$run: why" 'which VMs were running before is not known' \
			"$(jq -r 'select(.type == "summary").incomplete' "$run-out.json")"
		expect_true "$run: no missing file in the output" eval "! grep 'No such file' $run-out.json"
	done
	expect_grep "daemon: not ready" 'which VMs were running before is not known' ready
}

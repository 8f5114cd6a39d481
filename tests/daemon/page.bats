#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The daemon's page in headless Chromium. Screenshots are kept in build/daemon/shots.

bats_require_minimum_version 1.5.0
# shellcheck source=tests/daemon/helper.bash
. "$BATS_TEST_DIRNAME/helper.bash"

setup_file() {
	: "${GENERATE:?path of build/bench/generate (make daemon-test)}"
	export shots=$PWD/build/daemon/shots host=$BATS_FILE_TMPDIR/host.s2t
	mkdir -p "$shots"
	"$GENERATE" --host "$host" 1000 64 1000
}

setup() {
	command -v chromedriver >/dev/null ||
		skip "chromedriver is not installed: tools/install-deps view"
	begin_test
}

teardown() {
	[ -z "${pid:-}" ] || kill -9 "$pid" 2>/dev/null || true
}

look() { # CHECK NAME
	python3 tests/daemon/look.py "$1" "$url/" "$shots/$2-$1.png"
}

@test "recordings: light, dark, 400 pixels wide, without script" {
	for file in 6.1-cortex-a76 latest-neoverse-n2; do
		start --replay "tests/data/s2t/$file.s2t"
		taken "$(events_of "tests/data/s2t/$file.s2t")"
		for check in light dark narrow no_script; do
			look $check $file
		done
		stop
	done
}

@test "what guests map: light, dark, 400 pixels wide" {
	file=tests/data/s2t/6.12-cortex-a76-stage1.s2t
	start --replay "$file"
	taken $(($(events_of "$file") + 1)) # and the end of the audit of all VMs
	for check in light dark narrow; do
		look $check stage1
	done
	get / >"$out.html"
	grep -q '1 MiB normal-wb; not all of its tables were walked' "$out.html"
	stop
}

@test "1,000 VMs, some of them unsafe" {
	start --replay "$host"
	taken "$(events_of_host 1000 64)"
	# Memslots are counted once a second.
	wait_for metric_is 's2verify_memslots{write_back_guaranteed="false"}' 64000
	look unsafe thousand
	look narrow thousand
	stop
}

@test "process names are escaped in HTML and in labels" {
	start --replay "$host" --web.vm-labels 100
	taken "$(events_of_host 1000 64)"
	get / >"$out.html"
	grep -q '&lt;i&gt;&quot;&#39;&amp;\\x0a' "$out.html"
	run ! grep -q '<i>' "$out.html"
	get /metrics >"$out.m"
	# Quote, newline and backslash are escaped, invalid UTF-8 is replaced.
	grep -qF $'comm="<i>\\"\'&\\n\\\\\xef\xbf\xbd{}"' "$out.m"
	iconv -f UTF-8 -t UTF-8 "$out.m" >/dev/null
	stop
}

page_says() { # TEXT
	get / >"$out.html"
	grep -q "$1" "$out.html"
}

@test "the page says that a torn recording is incomplete and not ready" {
	file=tests/data/s2t/latest-neoverse-n2.s2t
	head -c $(($(stat -c %s $file) / 2)) $file >"$BATS_TEST_TMPDIR/torn.s2t"
	start --replay "$BATS_TEST_TMPDIR/torn.s2t"
	wait_for page_says Incomplete
	page_says 'Not ready'
	run ! grep -q 'Safe: every mapping' "$out.html"
	look light torn
	stop
}

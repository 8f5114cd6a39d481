#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The HTML report in headless Chromium. Screenshots are kept in build/view/shots.

bats_require_minimum_version 1.5.0

setup_file() {
	: "${VIEWGEN:?path of viewgen (make view)}"
	export pages=$BATS_FILE_TMPDIR shots=$PWD/build/view/shots
	mkdir -p "$shots"
	"$VIEWGEN" html "$pages/small.html" >"$pages/small.json"
	"$VIEWGEN" --vms 500 --events 1000000 html "$pages/big.html" >"$pages/big.json"
	"$VIEWGEN" --lost 3 --preexisting html "$pages/lost.html" >"$pages/lost.json"
	"$VIEWGEN" --cut html "$pages/cut.html" >"$pages/cut.json"
	"$VIEWGEN" --safe html "$pages/safe.html" >"$pages/safe.json"
	"$VIEWGEN" --safe --lost 1 html "$pages/unsure.html" >"$pages/unsure.json"
	"$VIEWGEN" --guest html "$pages/guest.html" >"$pages/guest.json"
	"$VIEWGEN" --vms 1 --events 100 html "$pages/one.html" >"$pages/one.json"
}

setup() {
	command -v chromedriver >/dev/null ||
		skip "chromedriver is not installed: tools/install-deps view"
}

look() { # CHECK PAGE
	PYTHONDONTWRITEBYTECODE=1 python3 tests/view/look.py "$1" "$pages/$2" "$shots"
}

@test "no page logs anything, or lets a name become markup" {
	for page in small big lost cut one safe unsure guest; do
		look console "$page"
	done
}

@test "the first screen shows the verdict, the rules that fired, and the VMs" {
	look first_screen small
	look first_screen big
}

@test "the verdict shows lost events, and a run without an end" {
	look incomplete lost
	look cut_short cut
}

@test "the verdict is safe only for a complete run without findings of high severity" {
	look safe safe
	look unsure unsure
}

@test "4 unsafe KiB in 1 TiB are visible and show their facts" {
	look unsafe_range small
}

@test "the guest's own stage 1: a bar below each memslot, its ranges, its vCPUs; none without an audit" {
	look guest guest
	look no_guest small
}

@test "the keyboard reaches the skip link and the unsafe ranges" {
	look keyboard small
}

@test "the numbers match the run" {
	look numbers small
	look numbers big
}

@test "without JavaScript the tables have everything" {
	look no_script small
}

@test "500 VMs: filter by driver, sort, open one by its link" {
	look many big
}

@test "dark theme by preference and by button; a width of 400 pixels" {
	look dark small
	look dark guest
	look narrow small
	look narrow guest
	look narrow big
}

@test "memory does not grow with the number of events" {
	# By default ASan keeps 256 MiB of freed memory.
	export ASAN_OPTIONS=quarantine_size_mb=1
	"$VIEWGEN" --vms 50 --events 400000 html "$pages/a.html" >"$pages/a.json"
	"$VIEWGEN" --vms 50 --events 1600000 html "$pages/b.html" >"$pages/b.json"
	a=$(jq .max_rss_kib "$pages/a.json") b=$(jq .max_rss_kib "$pages/b.json")
	echo "$a KiB, with four times the events $b KiB"
	((b < a + a / 10))
}

@test "a file that cannot be written is an error and leaves no file behind" {
	run ! "$VIEWGEN" html "$pages/nowhere/x.html"
	run -1 "$VIEWGEN" html /dev/full
	[[ $output == *"No space left"* ]]
	echo before >"$pages/kept.html"
	(
		trap '' XFSZ
		ulimit -f 16
		run -1 "$VIEWGEN" html "$pages/kept.html"
		[[ $output == *"File too large"* ]]
	)
	[ "$(cat "$pages/kept.html")" = before ]
	[ ! -e "$pages/kept.html.tmp" ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Events of anything, through the correlator into each view, under ASan and UBSan: it ends, soon, with a sound
# file.

bats_require_minimum_version 1.5.0

setup() {
	: "${VIEWGEN:?path of viewgen (make view)}"
	dir=$BATS_TEST_TMPDIR
}

each() { # KIND
	local seed
	for seed in $(seq 1 "${WILD_SEEDS:-20}"); do
		echo "seed $seed"
		timeout 300 "$VIEWGEN" --wild "$seed" --events 3000 "$1" "$dir/$seed.$1"
	done
}

@test "html: no number that is none, no position outside" {
	each html
	run ! grep -lE '(nan|inf)%| (x|y|width|height)="-' "$dir"/*.html
	# Tens of thousands of positions in percent, 0 to 100.
	grep -ohE ' (x|width)="[0-9.]+%"' "$dir"/*.html | tr -dc '0-9.\n' >"$dir/percents"
	[ "$(wc -l <"$dir/percents")" -gt 1000 ]
	run ! grep -vE '^(100(\.00)?|[0-9]{1,2}\.[0-9]{2})$' "$dir/percents"
	# What is opened is closed.
	for tag in section table details div svg; do
		[ "$(grep -oh "<${tag}[ >]" "$dir/1.html" | wc -l)" = "$(grep -oh "</$tag>" "$dir/1.html" | wc -l)" ]
	done
}

@test "html: a browser has nothing to say about it" {
	command -v chromedriver >/dev/null || skip "chromedriver is not installed: tools/install-deps view"
	"$VIEWGEN" --wild 4 --events 20000 html "$dir/wild.html"
	PYTHONDONTWRITEBYTECODE=1 python3 - "$dir/wild.html" <<-'END'
		import sys
		sys.path.insert(0, "tests/view")
		from webdriver import Browser
		with Browser() as b:
		    b.open(sys.argv[1])
		    b.js("document.querySelectorAll('details').forEach(d => d.open = true)")
		    b.screenshot("build/view/shots/wild.png")
		    sys.exit(str(b.log()) if b.log() else 0)
	END
}

@test "sqlite: sound" {
	command -v sqlite3 >/dev/null || skip "sqlite3 is not installed: tools/install-deps view"
	each sqlite
	for db in "$dir"/*.sqlite; do
		[ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]
	done
}

@test "perfetto: every packet is understood, and every slice ends" {
	command -v protoc >/dev/null || skip "protoc is not installed: tools/install-deps view"
	each perfetto
	for trace in "$dir"/*.perfetto; do
		protoc -Itests/view --decode=perfetto.protos.Trace tests/view/perfetto_published.proto \
			<"$trace" >"$dir/text" 2>"$dir/err"
		[ ! -s "$dir/err" ]
		[ "$(grep -c TYPE_SLICE_BEGIN "$dir/text")" -eq "$(grep -c TYPE_SLICE_END "$dir/text")" ]
	done
}

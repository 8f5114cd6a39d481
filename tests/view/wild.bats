#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Random events through the correlator into each view, under ASan and UBSan: each run ends soon, with a valid
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

@test "html: no NaN or infinity, and every position within 0 to 100 percent" {
	each html
	run ! grep -lE '(nan|inf)%| (x|y|width|height)="-' "$dir"/*.html
	# Tens of thousands of positions in percent, 0 to 100.
	grep -ohE ' (x|width)="[0-9.]+%"' "$dir"/*.html | tr -dc '0-9.\n' >"$dir/percents"
	[ "$(wc -l <"$dir/percents")" -gt 1000 ]
	run ! grep -vE '^(100(\.00)?|[0-9]{1,2}\.[0-9]{2})$' "$dir/percents"
	# Every tag is closed.
	for tag in section table details div svg; do
		[ "$(grep -oh "<${tag}[ >]" "$dir/1.html" | wc -l)" = "$(grep -oh "</$tag>" "$dir/1.html" | wc -l)" ]
	done
}

@test "html: the browser's console is empty" {
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

@test "sqlite: the database passes its integrity check" {
	command -v sqlite3 >/dev/null || skip "sqlite3 is not installed: tools/install-deps view"
	each sqlite
	for db in "$dir"/*.sqlite; do
		[ "$(sqlite3 "$db" 'PRAGMA integrity_check')" = ok ]
	done
}

@test "perfetto: protoc decodes every packet, and every slice ends" {
	command -v protoc >/dev/null || skip "protoc is not installed: tools/install-deps view"
	each perfetto
	for trace in "$dir"/*.perfetto; do
		protoc -Itests/view --decode=perfetto.protos.Trace tests/view/perfetto_published.proto \
			<"$trace" >"$dir/text" 2>"$dir/err"
		[ ! -s "$dir/err" ]
		[ "$(grep -c TYPE_SLICE_BEGIN "$dir/text")" -eq "$(grep -c TYPE_SLICE_END "$dir/text")" ]
	done
}

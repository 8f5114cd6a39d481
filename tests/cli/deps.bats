#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Compares the table of dependencies, tools/deps, with everything that must agree with it.

bats_require_minimum_version 1.5.0

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	rows=$(grep -v '^#' tools/deps)
	[ "$(wc -l <<<"$rows")" -ge 40 ]
}

# Packages that have this word in the field "also".
also() { # WORD
	awk -v w="$1" '{ n = split($4, a, ","); for (i = 1; i <= n; i++) if (a[i] == w) print $1 }' <<<"$rows"
}

@test "the table: its order, its words" {
	diff <(cut -d ' ' -f 1 <<<"$rows") <(cut -d ' ' -f 1 <<<"$rows" | LC_ALL=C sort -u)
	local package groups where also why word
	while read -r package groups where also why; do
		echo "$package $groups $where $also $why"
		for word in ${groups//,/ }; do [[ $word =~ ^(-|build|check|view|deb|fleet|lab|fresh|bench)$ ]]; done
		[[ $where =~ ^(-|cross)$ ]]
		for word in ${also//,/ }; do [[ $word =~ ^(-|sysroot|source|source-host|unpacked|backports)$ ]]; done
		[ -n "$why" ]
	done <<<"$rows"
}

@test "debian/control has the table's build dependencies, and no others" {
	diff <({ also source && also source-host | sed 's/$/ <!cross>/'; } | sort) \
		<(awk '/^Build-Depends:/ { on = 1; sub(/^[^:]*: */, "") } on && /^[^ ]/ && !/debhelper-compat/ { exit } on' debian/control |
			tr ',' '\n' | sed 's/^ *//; s/ *$//; s/^debhelper-compat (= 13)$/debhelper/' | grep . | sort)
}

@test "README.md has the table's list" {
	cp -r --parents README.md tools/deps tools/install-deps "$BATS_TEST_TMPDIR"
	"$BATS_TEST_TMPDIR/tools/install-deps" --readme
	diff README.md "$BATS_TEST_TMPDIR/README.md"
	# The comparison can fail.
	sed -i 's/uthash-dev, //' "$BATS_TEST_TMPDIR/README.md"
	run ! diff -q README.md "$BATS_TEST_TMPDIR/README.md"
}

@test "tools/install-deps has the table's groups" {
	local group
	for group in build check view deb fleet lab fresh bench; do
		echo "$group"
		diff <(awk -v g="$group" -v arm="$(uname -m)" '("," $2 ",") ~ ("," g ",") && $4 !~ /unpacked|backports/ &&
			!($3 == "cross" && arm == "aarch64") { print $1 }' <<<"$rows") \
			<(tools/install-deps --list "$group" | grep -vxF "$(also backports)")
	done
	run -2 tools/install-deps --list nosuch
}

@test "the sysroot has what the table says, and all that the package links" {
	also sysroot | grep -x uthash-dev
	# The sysroot must have all that a package for this machine links, to build it for another machine.
	diff <(also source-host | grep -- '-dev$') <(also sysroot | grep -xF "$(also source-host)")
	# They have no list of packages of their own.
	run ! grep -nE '\b(lib[a-z0-9-]+|[a-z]+)-dev\b' tools/sysroot tools/install-deps tools/deb
}

@test "each library that the program includes is in the group build" {
	local header headers
	headers=$(grep -ohE '^#include <(uthash|json-c/|event2/|zstd|zlib|cap-ng|sqlite3|bpf/)[^>]*>' -r src bpf |
		sed 's/.*<//; s#[/.].*##' | sort -u)
	[ "$(wc -l <<<"$headers")" -eq 8 ]
	for header in $headers; do
		echo "$header"
		case $header in
		bpf | cap-ng | sqlite3 | zstd | json-c) header=lib$header ;;
		event2) header=libevent ;;
		zlib) header=zlib1g ;;
		esac
		grep -E "^$header-dev +build " <<<"$rows"
	done
}

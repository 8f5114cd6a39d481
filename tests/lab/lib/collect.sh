# shellcheck shell=bash disable=SC2154 # variables of the caller
# SPDX-License-Identifier: BSD-2-Clause
# Extract programs and the libraries that they need from Debian's arm64 packages, into a directory for
# tests/lab/run's --overlay. The caller has $dir (a directory of the cache), $top and die.

find_library() { # NAME
	local at
	for at in "$dir/root"/{usr/lib,lib}/{aarch64-linux-gnu,.}/"$1"; do
		[[ ! -e $at ]] || { realpath "$at" && return; }
	done
	die "a program needs $1, which none of its packages has"
}

# Copies FILE's libraries and their libraries to $dir/files, each under its name in NEEDED.
collect_libraries() { # FILE
	local name
	for name in $(LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p'); do
		[[ ! -e $dir/files/lib/aarch64-linux-gnu/$name ]] || continue
		install -D -m 755 "$(find_library "$name")" "$dir/files/lib/aarch64-linux-gnu/$name"
		collect_libraries "$dir/files/lib/aarch64-linux-gnu/$name"
	done
}

# Keeps only these programs: a tenth of the packages, which also have firmware, manuals, modules.
collect_programs() { # PATH...
	local program
	rm -rf "$dir/files"
	for program; do
		install -D -m 755 "$dir/root/$program" "$dir/files/bin/${program##*/}"
		collect_libraries "$dir/files/bin/${program##*/}"
	done
	install -m 755 "$(find_library ld-linux-aarch64.so.1)" "$dir/files/lib/"
	find "$dir/root" -mindepth 1 -maxdepth 1 ! -name .debs -exec rm -rf {} +
}

fetch_packages() { # SUITE PACKAGE...
	local suite=$1
	shift
	"$top/tools/debs" --suite "$suite" --arch arm64 --deps --into "$dir/root" "$@"
}

# Puts programs "PACKAGE:PATH" into $dir/files, unless they are there from an earlier call.
prepare_programs() { # SUITE PACKAGE:PATH...
	local complete suite=$1
	shift
	mkdir -p "$dir"
	exec 8>"$dir/lock"
	flock 8
	complete="$(fetch_packages "$suite" "${@%%:*}" | sha256sum) $* $(sha256sum <"$top/tests/lab/lib/collect.sh")"
	if [[ $(cat "$dir/complete" 2>/dev/null) != "$complete" ]]; then
		rm -rf "$dir/root"
		fetch_packages "$suite" "${@%%:*}" >/dev/null
		collect_programs "${@#*:}"
		echo "$complete" >"$dir/complete"
	fi
	exec 8>&-
}

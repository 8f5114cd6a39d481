#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The Debian package, built from the committed files.

bats_require_minimum_version 1.5.0

setup_file() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	command -v dh >/dev/null || skip "debhelper is not installed: tools/install-deps deb"
	rm -rf build/deb
	tools/deb
	[ "$(dpkg --print-architecture)" = arm64 ] || tools/deb arm64
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	version=$(cat VERSION)
	own=build/deb/s2verify_${version}_$(dpkg --print-architecture).deb
	arm64=build/deb/s2verify_${version}_arm64.deb
	# where this release's own packages have their units
	units=$(dpkg -L systemd | sed -n 's#^/\(.*lib/systemd/system\)/systemd-journald.service$#\1#p')
}

@test "its version is that of the program" {
	[ "$(dpkg-parsechangelog -S Version)" = "$version" ]
	[ "$(dpkg-deb -f "$own" Version)" = "$version" ]
}

@test "its files" {
	local path
	dpkg-deb -c "$own"
	for path in usr/bin/s2verify usr/share/man/man8/s2verify.8.gz "$units/s2verify.service" \
		"$units/s2verify.socket" usr/share/bash-completion/completions/s2verify \
		usr/share/s2verify/prometheus/alerts.yml usr/share/s2verify/grafana/s2verify.json \
		usr/share/doc/s2verify/copyright; do
		echo "$path"
		dpkg-deb --fsys-tarfile "$own" | tar -t "./$path"
	done
	run ! bash -c "dpkg-deb --fsys-tarfile '$own' | tar -t | grep -E '^\./(usr/local|etc|home|root|build|work)'"
}

@test "it runs, and depends on what it links" {
	dpkg-deb -x "$own" "$BATS_TEST_TMPDIR/root"
	"$BATS_TEST_TMPDIR/root/usr/bin/s2verify" --version | grep -F "$version"
	"$BATS_TEST_TMPDIR/root/usr/bin/s2verify" explain s2-noncacheable
	dpkg-deb -f "$own" Depends
	dpkg-deb -f "$own" Depends | grep -q libevent
	grep -qx 'ExecStart=/usr/bin/s2verify daemon .*' "$BATS_TEST_TMPDIR/root/$units/s2verify.service"
}

@test "the package for arm64 holds a static program" {
	[ "$(dpkg --print-architecture)" != arm64 ] || skip "this is an arm64 machine"
	dpkg-deb -x "$arm64" "$BATS_TEST_TMPDIR/root"
	[ "$(dpkg-deb -f "$arm64" Architecture)" = arm64 ]
	readelf -h "$BATS_TEST_TMPDIR/root/usr/bin/s2verify" | grep -q 'Machine: *AArch64'
	run ! bash -c "readelf -d '$BATS_TEST_TMPDIR/root/usr/bin/s2verify' | grep NEEDED"
}

# Prints what a script of the package does to units, on a machine with systemd that has never had these units.
unit_calls() { # SCRIPT ARGUMENT...
	local bin=$BATS_TEST_TMPDIR/bin script=$BATS_TEST_TMPDIR/$1 tool
	mkdir -p "$bin" "$BATS_TEST_TMPDIR/system"
	dpkg-deb --ctrl-tarfile "$own" | tar -xO "./$1" | sed "s#/run/systemd/system#$BATS_TEST_TMPDIR/system#" >"$script"
	shift
	for tool in deb-systemd-helper deb-systemd-invoke systemctl; do
		# shellcheck disable=SC2016 # for the scripts that are written
		printf '#!/bin/sh\necho "$*" >>"%s"\n[ "$2" != was-enabled ]\n' "$BATS_TEST_TMPDIR/calls" >"$bin/$tool"
		chmod +x "$bin/$tool"
	done
	rm -f "$BATS_TEST_TMPDIR/calls"
	PATH=$bin:$PATH sh "$script" "$@"
	cat "$BATS_TEST_TMPDIR/calls"
}

@test "installing it starts and enables nothing; an upgrade restarts; removing stops" {
	unit_calls postinst configure "" | tee "$BATS_TEST_TMPDIR/did"
	run ! grep -E '^(re)?start |^enable ' "$BATS_TEST_TMPDIR/did"
	unit_calls postinst configure 0.0.9 | grep -x 'restart s2verify.service'
	unit_calls prerm remove | grep -x 'stop s2verify.socket s2verify.service'
}

@test "lintian: no error, no warning" {
	command -v lintian >/dev/null || skip "lintian is not installed: tools/install-deps deb"
	local deb
	for deb in build/deb/*.deb; do
		[[ $deb != *dbgsym* ]] || continue
		echo "$deb"
		lintian --allow-root --fail-on error,warning --no-tag-display-limit "$deb"
	done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The files that "make install" installs and "make uninstall" removes, and the completion of bash.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	root=$BATS_TEST_TMPDIR/root
}

# make without the variables that the calling make exports.
mk() {
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make --no-print-directory "$@"
}

installed() {
	(cd "$root" && find . -type f -printf '%m %P\n' | sort -k 2)
}

@test "install: files, modes, DESTDIR and PREFIX" {
	mk install DESTDIR="$root" PREFIX=/usr
	installed
	[ "$(installed | awk '$2 == "usr/bin/s2verify" { print $1 }')" = 755 ]
	[ "$(installed | awk '$1 != 644 && $2 != "usr/bin/s2verify"' | wc -l)" -eq 0 ]
	local path
	for path in share/man/man8/s2verify.8 share/bash-completion/completions/s2verify \
		lib/systemd/system/s2verify.service lib/systemd/system/s2verify.socket \
		share/s2verify/prometheus/alerts.yml share/s2verify/prometheus/rules.yml \
		share/s2verify/grafana/s2verify.json share/doc/s2verify/daemon.md share/doc/s2verify/LICENSE; do
		echo "$path"
		[ -s "$root/usr/$path" ]
	done
	cmp "$S2VERIFY" "$root/usr/bin/s2verify"
}

@test "install: the unit starts the installed program" {
	local prefix
	for prefix in /usr /usr/local /opt/s2v; do
		mk install DESTDIR="$root" PREFIX="$prefix"
		grep -x "ExecStart=$prefix/bin/s2verify daemon .*" "$root$prefix/lib/systemd/system/s2verify.service"
		run ! grep -rn '@[A-Z]*@' "$root$prefix/lib"
	done
}

@test "install: without PREFIX it goes to /usr/local" {
	mk install DESTDIR="$root"
	[ -x "$root/usr/local/bin/s2verify" ]
	[ "$(ls "$root")" = usr ]
	[ "$(ls "$root/usr")" = local ]
}

@test "install: each directory can be chosen" {
	mk install DESTDIR="$root" PREFIX=/usr BINDIR=/usr/sbin UNITDIR=/etc/systemd/system
	[ -x "$root/usr/sbin/s2verify" ]
	grep -q '^ExecStart=/usr/sbin/s2verify ' "$root/etc/systemd/system/s2verify.service"
}

@test "uninstall removes the installed files, and no others" {
	mk install DESTDIR="$root"
	touch "$root/usr/local/bin/other" "$root/usr/local/share/man/man8/other.8"
	mk uninstall DESTDIR="$root"
	installed
	[ "$(installed | awk '{ print $2 }' | paste -sd ' ')" = "usr/local/bin/other usr/local/share/man/man8/other.8" ]
	[ ! -e "$root/usr/local/share/s2verify" ]
	[ ! -e "$root/usr/local/share/doc/s2verify" ]
}

# The completions after these words; the last word is being typed.
offered() { # WORD...
	PATH="$(dirname "$S2VERIFY"):$PATH" bash --norc -c '
		. contrib/bash-completion/s2verify
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMP_POINT=${#COMP_LINE}
		_s2verify "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@"
}

commands() {
	sed -n 's/^	{ "\([a-z]*\)", .*s2v_cmd_.*/\1/p' src/main.c
}

@test "completion: every command" {
	[ "$(commands | wc -l)" -ge 8 ]
	local got
	got=$(offered s2verify '')
	diff <(commands | sort) <(grep -v '^-' <<<"$got" | sort)
	grep -qx -- --version <<<"$got"
	[ "$(offered s2verify ana)" = analyze ]
}

# The options in --help, read in another way than the completion does.
long_options() { # COMMAND
	"$S2VERIFY" "$1" --help | awk '/^ +(-[a-zA-Z?], )? *--/ {
		for (i = 1; i <= NF && $i ~ /^-/; i++) if ($i ~ /^--/) { sub(/=.*/, "", $i); print $i } }' | sort
}

@test "completion: every long option of every command" {
	local command
	while read -r command; do
		echo "$command"
		[ "$(long_options "$command" | wc -l)" -ge 3 ]
		diff <(long_options "$command") <(offered s2verify "$command" -- | sed 's/=$//' | sort)
	done < <(commands)
}

@test "completion: values" {
	[ "$(offered s2verify trace --attach = | paste -sd ' ')" = "auto fentry kprobe" ]
	[ "$(offered s2verify trace --attach = k)" = kprobe ]
	[ "$(offered s2verify trace --attach f)" = fentry ]
	[ "$(offered s2verify export --format = s)" = sqlite ]
	[ "$(offered s2verify explain s2-non)" = s2-noncacheable ]
	[ "$(offered s2verify analyze --rule = device)" = device-exec ]
	[ "$(offered s2verify analyze tests/data/s2t/la)" = tests/data/s2t/latest-neoverse-n2.s2t ]
	[ "$(offered s2verify analyze --html = READ)" = README.md ]
	[ "$(offered s2verify analyze --json READ)" = README.md ]
}

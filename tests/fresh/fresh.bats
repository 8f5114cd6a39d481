#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# README.md's commands on a bare Debian: see tests/fresh/README.md. Called by tests/fresh/run, in
# namespaces of its own; each test continues where the one before ended.

bats_require_minimum_version 1.5.0

setup_file() {
	: "${FRESH_RUN:?called by tests/fresh/run}"
}

setup() {
	# shellcheck source=tests/fresh/machine.bash
	. "$BATS_TEST_DIRNAME/machine.bash"
	version=$(cat "$FRESH_RUN/clone/VERSION")
	began=$EPOCHREALTIME
	set -o pipefail
	arch=$(dpkg --print-architecture)
	own=build/deb/s2verify_${version}_$arch.deb
}

# How long each test took, for tests/fresh/run.
teardown() {
	echo "$((${EPOCHREALTIME/[.,]/} - ${began/[.,]/}))" "$BATS_TEST_DESCRIPTION" >>"$FRESH_RUN/times"
}

# Packages that the table has for these groups, read in another way than tools/install-deps does.
table() { # GROUP...
	local groups
	groups=$(IFS='|' && echo "$*")
	awk -v g="(^|,)($groups)(,|\$)" -v arch="$arch" -v release="$FRESH_RELEASE" '
		/^#/ || $2 !~ g || $4 ~ /unpacked/ { next }
		$3 == "cross" && arch == "arm64" { next }
		$4 ~ /backports/ && release == "bookworm" { next }
		{ print $1 }' "$FRESH_RUN/clone/tools/deps" | sort -u
}

# The packages in the machine that were installed by name, not as dependencies.
asked_for() {
	inside 'apt-mark showmanual' | sort
}

@test "the machine is bare, and isolated from this machine" {
	local package
	reset_stack
	asked_for >"$FRESH_RUN/bare"
	for package in $(table build deb lab | grep -vxE 'git|make'); do
		echo "$package"
		run ! inside "dpkg-query -W -f '\${db:Status-Abbrev}' $package 2>/dev/null | grep ^ii"
	done
	inside 'cat /proc/self/mounts'
	[ "$(inside 'cut -d " " -f 2 /proc/self/mounts' | sort | paste -sd ' ')" = \
		"/ /proc /root/.cache/s2verify/apt /root/s2verify /var/cache/apt/archives" ]
	[ "$(inside 'compgen -e' | sort | paste -sd ' ')" = "HOME LOGNAME OLDPWD PATH PWD SHELL SHLVL TERM USER" ]
	inside 'git status --porcelain --ignored'
	[ -z "$(inside 'git status --porcelain --ignored')" ]
}

@test "on a real host: dependencies, make, make install" {
	reset_stack
	run_block host
}

@test "the packages of the table were installed, and no others" {
	diff <(table build | sort - "$FRESH_RUN/bare" | uniq) <(asked_for)
	[ -z "$(inside 'tools/install-deps --missing build')" ]
}

@test "the installed program works, and reports that this is no KVM host" {
	[ "$(inside 's2verify --version')" = "s2verify $version+g$(inside 'git describe --always')" ]
	run -3 inside 's2verify check 2>&1'
	echo "$output"
	[ "${#lines[@]}" -eq 1 ]
	inside 'cp tests/data/s2t/latest-neoverse-n2.s2t guest.s2t'
	run_block file
}

@test "make uninstall leaves nothing" {
	files >"$FRESH_RUN/installed"
	run -1 diff "$FRESH_RUN/files" "$FRESH_RUN/installed"
	grep -x '> ./usr/local/bin/s2verify' <<<"$output"
	inside 'make uninstall'
	files | diff "$FRESH_RUN/files" -
}

@test "a static program for arm64" {
	reset_stack
	run_block static
	inside 'readelf -h build/arm64/s2verify' | grep 'Machine: *AArch64'
	[ "$(inside 'readelf -d build/arm64/s2verify' | grep -c NEEDED)" -eq 0 ]
}

# The directory in which this release's packages install units.
units() {
	case $FRESH_RELEASE in
	bookworm) echo lib/systemd/system ;;
	*) echo usr/lib/systemd/system ;;
	esac
}

@test "Debian packages: dependencies, make deb, installation" {
	reset_stack keep
	run_block package
	diff <(table build deb | sort - "$FRESH_RUN/bare" | uniq) <(asked_for | grep -vx s2verify)
	inside "dpkg -L s2verify" | grep -x "/$(units)/s2verify.service"
	inside "dpkg -L s2verify" | grep -x "/$(units)/s2verify.socket"
}

# shellcheck disable=SC2016 # expanded in the machine
@test "the package's program, manual page and completion work" {
	[ "$(inside 'command -v s2verify')" = /usr/bin/s2verify ]
	[ "$(inside 's2verify --version')" = "s2verify $version" ]
	inside 'man s2verify' | grep -A 1 '^NAME' | grep 'verify the'
	inside '. /usr/share/bash-completion/completions/s2verify
		complete -p s2verify
		COMP_WORDS=(s2verify ana) COMP_CWORD=1
		_s2verify s2verify ana s2verify
		[ "${COMPREPLY[*]}" = analyze ]'
}

# Removes the package: dpkg prints no warning, and the files are the same as before the installation.
purged() {
	inside 'dpkg -P s2verify 2>&1' | tee "$BATS_TEST_TMPDIR/purge"
	run ! grep -iE 'warning|error|not empty|not removed' "$BATS_TEST_TMPDIR/purge"
	files | diff "$FRESH_RUN/files" -
}

@test "dpkg -P leaves nothing, also after dpkg -i" {
	purged
	inside "dpkg -i $own"
	inside 's2verify explain s2-noncacheable >/dev/null'
	purged
}

# It takes minutes, mostly to compile what the static program has compiled already: on trixie only.
arm64_package() {
	inside 'make deb ARCH=arm64'
	inside "dpkg-deb -c build/deb/s2verify_${version}_arm64.deb" | grep -F "/$(units)/s2verify.service"
}

@test "the package for arm64 (trixie), and lintian on all packages" {
	[ "$FRESH_RELEASE" = bookworm ] || arm64_package
	inside 'lintian --allow-root --fail-on error,warning --no-tag-display-limit build/deb/*.deb'
}

@test "on a bare machine the package's dependencies are enough" {
	reset_stack
	run ! inside "dpkg -i $own"
	reset_stack
	inside "apt-get -q -y --no-install-recommends install ./$own"
	inside 's2verify explain s2-noncacheable >/dev/null'
	run -1 inside 's2verify analyze tests/data/s2t/latest-neoverse-n2.s2t'
}

@test "make demo finds the unsafe mapping" {
	: >"$FRESH_RUN/stack"
	rm -rf "$FRESH_RUN/clone/build/lab"
	run_block demo | tee "$BATS_TEST_TMPDIR/demo"
	diff <(table build lab | sort - "$FRESH_RUN/bare" | uniq) <(asked_for)
	grep '^CRITICAL s2-noncacheable ' "$BATS_TEST_TMPDIR/demo"
	grep -x 'exit status 1' "$BATS_TEST_TMPDIR/demo"
}

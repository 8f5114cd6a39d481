# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A bare Debian in a chroot, for fresh.bats: an overlay on the system that debootstrap made (tests/fresh/run).
#
# FRESH_MACHINE in the cache has
#   base         the system that debootstrap made; base.packages: its packages and their versions
#   layers/KEY   the files that a command of README.md installed on top, kept for later runs
#   archives     packages that apt in the machine downloaded; apt: those of its tools/debs
# FRESH_RUN has, for one run,
#   clone        the committed files: the machine's /root/s2verify
#   stack        the keys of the layers that are mounted, the lowest first
#   upper        what the machine wrote since
root=${FRESH_RUN:?}/root

# Run a command line in the machine, in the clone, as root's login shell would, without this machine's
# environment.
inside() { # COMMAND-LINE
	chroot "$root" /usr/bin/env -i HOME=/root USER=root LOGNAME=root SHELL=/bin/bash TERM=dumb \
		/bin/bash --login -c "cd /root/s2verify && $1" </dev/null 3>&- 4>&-
}

mount_stack() {
	local key lower=$FRESH_MACHINE/base upper=$FRESH_RUN/upper work=$FRESH_RUN/work options
	! mountpoint -q "$root" || umount -R "$root"
	while read -r key; do lower=$FRESH_MACHINE/layers/$key:$lower; done <"$FRESH_RUN/stack"
	rm -rf "$upper" "$work"
	mkdir -p "$root" "$upper" "$work" "$FRESH_MACHINE/archives/partial" "$FRESH_MACHINE/apt"
	options=lowerdir=$lower,upperdir=$upper,workdir=$work
	mount -t overlay fresh -o "$options,volatile" "$root" || mount -t overlay fresh -o "$options" "$root"
	mkdir -p "$root/root/s2verify" "$root/root/.cache/s2verify/apt"
	mount -t proc proc "$root/proc"
	mount --bind "$FRESH_RUN/clone" "$root/root/s2verify"
	mount --bind "$FRESH_MACHINE/archives" "$root/var/cache/apt/archives"
	mount --bind "$FRESH_MACHINE/apt" "$root/root/.cache/s2verify/apt"
	cat /etc/resolv.conf >"$root/etc/resolv.conf"
}

# Resets the machine to its base; with keep, to the base and the lowest layer (tools/install-deps build).
reset_stack() { # [keep]
	if [ "${1:-}" = keep ]; then sed -i 1q "$FRESH_RUN/stack"; else : >"$FRESH_RUN/stack"; fi
	mount_stack
}

# The key of the layer that a command makes on top of the stack, with this table and these tools.
layer_key() { # COMMAND-LINE
	{
		echo "$1"
		cat "$FRESH_MACHINE/base.packages" "$FRESH_RUN/stack"
		cd "$FRESH_RUN/clone" && cat tools/deps tools/install-deps tools/debs tests/lab/demo
	} | sha256sum | cut -c 1-16
}

# Run a command line that installs packages. The files that it installed are kept as a layer, which later
# runs mount instead. Then run the command again, as a reader's second try: nothing is missing.
install_inside() { # COMMAND-LINE
	local key
	key=$(layer_key "${1%%#*}")
	if [ ! -d "$FRESH_MACHINE/layers/$key" ]; then
		mount_stack
		inside "$1" || return 1
		umount -R "$root"
		# Not of the layer: mount points, unpacked files, and apt's indexes.
		rm -rf "$FRESH_RUN/upper"/{root,tmp,proc,var/cache/apt,var/lib/apt/lists}
		sync -f "$FRESH_RUN/upper"
		mkdir -p "$FRESH_MACHINE/layers"
		mv "$FRESH_RUN/upper" "$FRESH_MACHINE/layers/$key"
	fi
	touch "$FRESH_MACHINE/layers/$key"
	echo "$key" >>"$FRESH_RUN/stack"
	mount_stack
	files >"$FRESH_RUN/files"
	inside "$1"
}

# All files and directories of the machine, except those that every program may leave: caches, logs and
# the state of dpkg and apt.
files() {
	(cd "$root" && find . -mindepth 1 \( -path ./proc -o -path ./tmp -o -path ./root/s2verify \
		-o -path ./root/.cache -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt \
		-o -path './var/lib/dpkg/*' ! -path './var/lib/dpkg/info*' \) -prune -o -print | sort)
}

# The commands of README.md's block "<!-- fresh: NAME -->".
block() { # NAME
	awk -v mark="<!-- fresh: $1 -->" '$0 == mark { on = 1; next } on && !/^    / { exit } on { print substr($0, 5) }' \
		"$FRESH_RUN/clone/README.md"
}

# Run the commands of a block of README.md as they stand there.
run_block() { # NAME
	local line ran=0 status want
	while IFS= read -r line; do
		status=0 want=0
		case $line in
		# These need a second machine, an init system, or an hour and this test itself.
		scp\ * | ssh\ * | systemctl\ * | "make check"*) continue ;;
		# There is no /dev/kvm here: they must exit with 3.
		"s2verify check"* | "s2verify trace"* | "s2verify record"*) want=3 ;;
		# The recording has findings.
		"s2verify analyze"*) want=1 ;;
		esac
		echo "# $line"
		case $line in
		tools/install-deps\ * | "make demo"*) install_inside "$line" || status=$? ;;
		*) inside "$line" || status=$? ;;
		esac
		((status == want)) || {
			echo "README.md's \"$line\" ended with status $status, not $want"
			return 1
		}
		ran=$((ran + 1))
	done < <(block "$1")
	((ran > 0)) || {
		echo "README.md has no commands under <!-- fresh: $1 -->"
		return 1
	}
}

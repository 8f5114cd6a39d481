# shellcheck shell=bash disable=SC2154 # the variables of tests/lab/run, which sources this
# SPDX-License-Identifier: BSD-2-Clause
# Make an initramfs, boot QEMU with it, fetch the emulated host's files.

find_qemu() {
	local candidate
	for candidate in "$CACHE/qemu/qemu-system-aarch64" qemu-system-aarch64; do
		if "$candidate" -M virt -cpu help 2>/dev/null | grep -w neoverse-n2 >/dev/null; then
			echo "$candidate"
			return
		fi
	done
	die "no QEMU 8.1 or newer here: run tools/install-deps lab"
}

cross_prefix() {
	[[ $(uname -m) == aarch64 ]] || echo aarch64-linux-gnu-
}

# Builds the lab's programs if their source has changed.
build_programs() {
	local hash cross flags=(-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static -pthread)
	cross=$(cross_prefix)
	mkdir -p "$top/build/lab"
	exec 7>"$top/build/lab/lock"
	flock 7
	hash=$(cat "$here"/guest/*.[ch] "$here/fixture/ask.h" "$here/lib/boot.sh" | sha256sum)
	if [[ $(cat "$top/build/lab/hash" 2>/dev/null) != "$hash" ]]; then
		"${cross}gcc" "${flags[@]}" -o "$top/build/lab/put" "$here/guest/put.c"
		"${cross}gcc" "${flags[@]}" -o "$top/build/lab/relay" "$here/guest/relay.c"
		"${cross}gcc" "${flags[@]}" -o "$top/build/lab/caps" "$here/guest/caps.c"
		"${cross}gcc" "${flags[@]}" -o "$top/build/lab/guest" \
			"$here"/guest/{guest,words,slots,touch,vm,backing,churn,many,tables,stage1}.c
		echo "$hash" >"$top/build/lab/hash"
	fi
	exec 7>&-
}

busybox() {
	local codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	"$top/tools/debs" --suite "$codename" --arch arm64 --into "$CACHE/busybox-$codename" \
		busybox-static >/dev/null
	find "$CACHE/busybox-$codename" -path '*bin/busybox' -type f -print -quit
}

# Replaces the image with a mutant, wrong in one instruction. The modules stay those of the original kernel.
mutate_image() {
	local wrong=$top/build/lab/mutants/$kernel-$mutant
	[[ $kernel != own ]] || wrong=$tmp/mutant
	mkdir -p "$top/build/lab/mutants"
	"$here/mutate" "$image" "$mutant" "$wrong" >"$out/mutant" || die "cannot make this mutant"
	image=$wrong
}

# Sets image, and fixture and modules if this kernel has them.
find_kernel() {
	modules='' fixture=''
	if [[ -n $image ]]; then
		[[ -z $kdir ]] || {
			fixture=$tmp/s2fixture.ko
			"$here/kernel" --fixture "$kdir" "$fixture"
		}
		return
	fi
	modules=$("$here/kernel" "$kernel")
	image=$modules/Image
	fixture=$modules/s2fixture.ko
	modules=$modules/modules
}

add_modules() { # ROOT
	mkdir -p "$1/lab/modules"
	: >"$1/lab/modules/load"
	[[ -z $modules ]] || cp "$modules"/* "$1/lab/modules/"
	[[ -z $fixture ]] || {
		cp "$fixture" "$1/lab/modules/s2fixture.ko"
		echo s2fixture.ko >>"$1/lab/modules/load"
	}
}

write_env() { # FILE
	local file names=()
	for file in "${selected[@]}"; do
		names+=("$(scenario_name "$file")")
	done
	{
		printf 'export %s=%q\n' LAB_KERNEL "$LAB_KERNEL" LAB_MUTANT "$LAB_MUTANT" \
			LAB_CPU "$LAB_CPU" LAB_FWB "$LAB_FWB" LAB_DIC "$LAB_DIC" LAB_SMP "$LAB_SMP" LAB_OUTSIDE "$LAB_OUTSIDE" \
			LAB_BRIEF "$LAB_BRIEF"
		# With --icount the emulated host's clock is not this machine's.
		echo "LAB_TIMEOUT=$((icount ? 0 : gives_up))"
		echo "LAB_CONSOLE='$console' LAB_SCENARIOS='${names[*]}' LAB_FORWARD='${forward#*:}'"
	} >"$1"
}

make_initramfs() {
	local file root=$tmp/root
	mkdir -p "$root/bin" "$root/lab/scenarios" "$root/lab/lib"
	install -m 755 "$(busybox)" "$root/bin/busybox"
	install -m 755 "$top/build/lab/guest" "$top/build/lab/put" "$top"/build/lab/{relay,caps} "$root/bin/"
	[[ ! -f $s2verify ]] || install -m 755 "$s2verify" "$root/bin/s2verify"
	install -m 755 "$here/lib/init" "$root/init"
	install -m 644 "$here/lib/host.sh" "$root/lab/lib/"
	for file in "${selected[@]}"; do
		install -m 644 "$file" "$root/lab/scenarios/$(scenario_name "$file").sh"
	done
	add_modules "$root"
	write_env "$root/lab/env"
	[[ -z $overlay ]] || cp -a "$overlay/." "$root/"
	# Not compressed: compressing and decompressing would take longer than reading.
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$tmp/initramfs"
	rm -rf "$root"
}

prepare_boot() {
	qemu=$(find_qemu)
	build_programs
	find_kernel
	[[ -z $mutant ]] || mutate_image
	make_initramfs
}

# The shared file is sparse: only written parts take room. The device must be as large as its memory.
qemu_arguments() {
	local accel='tcg,thread=multi'
	[[ -z $icount ]] || accel='tcg,thread=single'
	# shellcheck disable=SC2054 # commas are QEMU's
	arguments=(
		-M 'virt,virtualization=on,gic-version=3' -cpu "$cpu${features:+,$features}" -smp "$smp" -m $((mem + 512))
		-accel "$accel" -nographic -nic none -no-reboot -monitor none -serial stdio
		-qmp "unix:$tmp/qmp,server=on,wait=off"
		-object "memory-backend-file,id=out,size=256M,mem-path=$tmp/shared,share=on"
		-device ivshmem-plain,memdev=out
		-kernel "$image" -initrd "$tmp/initramfs"
		-append "console=ttyAMA0 quiet panic=-1 mem=${mem}M $append"
	)
	[[ -z $icount ]] || arguments+=(-icount 'shift=1,sleep=off')
	# These kernels have no network driver built in, but a driver for a serial line on PCI.
	[[ -z $forward ]] || arguments+=(
		-chardev "socket,id=forward,host=127.0.0.1,port=${forward%%:*},server=on,wait=off"
		-device pci-serial,chardev=forward
	)
}

# Runs the outside part of a scenario for its host part (ask_outside in host.sh), which waits for the
# status on its console's input.
run_outside() { # SCENARIO ARGUMENT...
	local file status=1 name=$1
	shift
	mkdir -p "$out/$name"
	for file in "${selected[@]}"; do
		[[ $(scenario_name "$file") == "$name" ]] || continue
		status=0
		(
			cd "$out/$name"
			export LAB_QMP=$tmp/qmp
			# shellcheck source=/dev/null
			. "$file"
			outside "$@"
		) >>"$out/$name/outside.log" 2>&1 </dev/null || status=$?
	done
	echo "$status" >&9
}

# Copies the console line by line, and serves the requests of the emulated host on it.
attend() {
	local line words
	while IFS= read -r line; do
		printf '%s\n' "$line"
		[[ $line == "lab: outside "* ]] || continue
		read -r -a words <<<"${line%$'\r'}"
		run_outside "${words[@]:2}"
	done
	printf '%s' "$line"
}

# Writes the CPU time of this shell's children, mostly QEMU. Must not run in a subshell.
cpu_seconds() { # FILE
	times >"$1"
	awk -F '[ms ]+' 'NR == 2 { printf "%d\n", $1 * 60 + $2 + $3 * 60 + $4 }' "$1" >"$1.sum"
	mv "$1.sum" "$1"
}

# Writes the elapsed time and the CPU time to $out/took.
boot() {
	local arguments status=0 from=$SECONDS
	qemu_arguments
	exec 3>/dev/null
	[[ -z $console ]] || exec 3>&2
	mkfifo "$tmp/input"
	exec 9<>"$tmp/input"
	timeout --foreground -k 5 "$timeout" "$qemu" "${arguments[@]}" <&9 2>&1 |
		tee "$out/console" | attend >&3 || status=$?
	exec 9>&-
	cpu_seconds "$tmp/cpu"
	echo "$((SECONDS - from)) s, $(cat "$tmp/cpu") s of CPU" >"$out/took"
	return "$status"
}

show_console_end() {
	echo "$1; its console ends:"
	tail -n 30 "$out/console" | sed 's/^/  /'
}

# Fetches the emulated host's files from the shared memory, and from between the marks on the console:
# they come there once the host cannot access the memory any more (lockdown).
fetch_files() {
	local length status=1
	if [[ -f $tmp/shared && $(head -c 8 "$tmp/shared" | tr -d '\0') == S2VLAB01 ]]; then
		length=$(od -A n -t u8 -j 8 -N 8 "$tmp/shared" | tr -d ' ')
		dd if="$tmp/shared" iflag=skip_bytes,count_bytes skip=16 count="$length" bs=1M \
			status=none | tar --warning=no-timestamp -C "$out" -x
		status=$?
	fi
	if grep -q '^=== lab files end' "$out/console"; then
		sed -n '/^=== lab files begin/,/^=== lab files end/p' "$out/console" | tr -d '\r' |
			grep -E '^[A-Za-z0-9+/=]+$' | base64 -d | tar --warning=no-timestamp -C "$out" -xz
		status=$?
	fi
	return "$status"
}

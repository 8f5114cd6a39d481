#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# tests/tools/rooms finds what does not fit the layout of src/, each case put in by hand.

setup() {
	top=$BATS_TEST_DIRNAME/../..
	cd "$BATS_TEST_TMPDIR" || exit 1
	mkdir -p tests/tools
	cp "$top/tests/tools/rooms" tests/tools
	cp -r "$top/src" .
}

@test "the layout as it is" {
	run tests/tools/rooms
	[ "$status" -eq 0 ] && [ -z "$output" ]
}

@test "a header of a room above" {
	echo '#include "daemon/vms.h"' >>src/core/model.c
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == "src/core/model.c: includes a header of daemon, which core does not use" ]]
}

@test "a function of a room above" {
	printf 'void s2v_web_close(void *);\nvoid s2v_x(void)\n{\n\ts2v_web_close(0);\n}\n' >>src/util/utf8.c
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == *"src/util/utf8.c: names s2v_web_close of src/daemon/web.c"* ]]
}

@test "two files that call each other" {
	printf 'static int x(void)\n{\n\treturn s2v_slot_count_ranges(0, 0);\n}\n' >>src/core/names.c
	printf 'static const char *y(void)\n{\n\treturn s2v_attr_name(0);\n}\n' >>src/core/model.c
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == *"these call each other: "*"src/core/model.c src/core/names.c"* ]]
}

@test "rooms that use each other" {
	sed -i 's/Uses nothing\. Used/Uses trace. Used/' src/util/util.h
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == *"rooms that use each other: "*trace*util* ]]
}

@test "a room that says nothing of itself" {
	sed -i 's/Room sink:/Files of sink:/' src/sink/sinks.h
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == *'src/sink: no file says "Room sink:'* ]]
}

@test "too many entries, and a file outside of rooms" {
	mkdir src/a src/b && echo 'int x;' >src/lost.c
	run tests/tools/rooms
	[ "$status" -eq 1 ] && [[ $output == *"src has 13 entries, more than 12"* && $output == *"src/lost.c: not in a room"* ]]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Compares docs/daemon.md with the daemon: metrics, options, journal fields (both ways), figures.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
	doc=docs/daemon.md
	pid=''
}

teardown() {
	[ -z "$pid" ] || end "$pid" || true
}

# Returns whether the daemon has read all of its recording: it then counts no more events.
read_all() {
	local before
	before=$(grep '^s2verify_events_total' "$metrics" 2>/dev/null)
	sleep 1
	curl -sfo "$metrics" "http://$target/metrics" && grep -q '^s2verify_events_total [1-9]' "$metrics" &&
		[ "$(grep '^s2verify_events_total' "$metrics")" = "$before" ]
}

# Writes /metrics of a daemon with this recording and these options to $metrics.
scrape() { # FILE [OPTION...]
	local file=$1 target
	target=127.0.0.1:$(free_port)
	shift
	metrics=$BATS_TEST_TMPDIR/metrics
	"$S2VERIFY" daemon --replay "$file" --web.listen-address "$target" "$@" >/dev/null 2>"$BATS_TEST_TMPDIR/err" &
	pid=$!
	wait_for read_all
	end "$pid"
	pid=''
}

# "name type labels" of the rows "| `name` | type | `label`, `label` | … |"
documented() {
	# shellcheck disable=SC2016 # these are backquotes of Markdown
	sed -nE 's/^\| `((s2verify|process)_[a-z0-9_]+)` \| (gauge|counter|histogram) \| ([^|]*) \|.*/\1 \3 \4/p' "$doc" |
		tr -d '`' | sed 's/ *$//' | sort
}

@test "every metric is documented, with its type, and no others" {
	scrape tests/data/s2t/6.1-cortex-a76.s2t
	[ "$(documented | wc -l)" -ge 20 ]
	diff <(documented | cut -d ' ' -f 1,2) <(awk '/^# TYPE/ { print $3, $4 }' "$metrics" | sort)
}

@test "every label is documented, and no others" {
	scrape tests/data/s2t/6.1-cortex-a76.s2t --web.vm-labels 3
	local name labels got
	while read -r name _ labels; do
		got=$(grep -E "^$name(_bucket)?\{" "$metrics" | grep -oE '[{,][a-z0-9_]+="' | tr -d '{,="' | sort -u | paste -sd ' ')
		echo "$name: '$labels', '$got'"
		# what the kernel counts has no series in a replay
		[[ -z $got && $name == s2verify_bpf_* ]] || [ "$(tr -d ',' <<<"$labels" | tr ' ' '\n' | sort | paste -sd ' ')" = "$got" ]
	done < <(documented)
}

@test "every option of the daemon is in its table, and no others" {
	diff <("$S2VERIFY" daemon --help | grep -oE '^ +(-v, )?--[a-z][a-z.-]+' | grep -oE -- '--[a-z.-]+' | grep -v '^--usage$' | sort) \
		<(sed -n '/^| option/,/^$/p' "$doc" | grep -E '^\| `' | cut -d '|' -f 2 | grep -oE -- '--[a-z.-]+' | sort)
}

@test "every field of the journal is documented, and no others" {
	diff <(grep -ohE '"(S2V_[A-Z0-9_]+|MESSAGE|PRIORITY)"' src/daemon/*.c | tr -d '"' | sort -u) \
		<(sed -n '/^| field/,/^$/p' "$doc" | cut -d '|' -f 2 | grep -oE '[A-Z][A-Z0-9_]+' | sort -u)
}

# 1,000 VMs of 64 memslots have as many series as an empty host.
@test "series of a host: within the budget" {
	local budget labelled most
	make --no-print-directory build/bench/generate >/dev/null
	build/bench/generate --host "$BATS_TEST_TMPDIR/host.s2t" 1000 64 1000
	scrape "$BATS_TEST_TMPDIR/host.s2t"
	grep -x 's2verify_vms 1000' "$metrics"
	most=$(grep -vc '^#' "$metrics")
	budget=$(sed -nE 's/^\| series of a host \| ([0-9]+) \|.*/\1/p' "$doc")
	echo "$most of $budget"
	[ "$most" -le "$budget" ]
	[ "$budget" -le 400 ]
	scrape "$BATS_TEST_TMPDIR/host.s2t" --web.vm-labels 10
	labelled=$(grep -vc '^#' "$metrics")
	[ $((labelled - most)) -eq "$(sed -nE 's/^\| .*vm-labels=10`.* \| \+([0-9]+) \|.*/\1/p' "$doc")" ]
}

@test "the budget of 10,000 hosts is computed correctly" {
	local host own recorded all
	host=$(sed -nE 's/^\| series of a host \| ([0-9]+) \|.*/\1/p' "$doc")
	own=$(sed -nE 's/^\| .*Prometheus itself.* \| \+([0-9]+) \|.*/\1/p' "$doc")
	recorded=$(sed -nE 's/^\| .*recording rules.* \| \+([0-9]+) \|.*/\1/p' "$doc")
	all=$(sed -nE 's/^\| 10,000 hosts \| ([0-9,]+) .*/\1/p' "$doc" | tr -d ,)
	echo "$host $own $recorded $all"
	[ "$recorded" -eq "$(grep -c 'record: instance:' contrib/prometheus/rules.yml)" ]
	[ $(((host + own + recorded) * 10000)) -eq "$all" ]
}

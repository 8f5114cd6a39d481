#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Debian's Prometheus scrapes a daemon and evaluates the rules of contrib/prometheus; the tests query it.

bats_require_minimum_version 1.5.0

setup_file() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
	export FLEET_DIR=$BATS_FILE_TMPDIR FILE=tests/data/s2t/6.1-cortex-a76.s2t
	TARGET=127.0.0.1:$(free_port)
	PROM=127.0.0.1:$(free_port)
	export TARGET PROM
	cat >"$FLEET_DIR/prometheus.yml" <<-END
		global: {scrape_interval: 1s, evaluation_interval: 1s}
		rule_files: [$PWD/contrib/prometheus/rules.yml, $PWD/contrib/prometheus/alerts.yml]
		scrape_configs:
		  - job_name: s2verify
		    static_configs: [{targets: ["$TARGET"]}]
	END
	# The processes must not hold the descriptors that bats waits for.
	"$S2VERIFY" daemon --replay "$FILE" --web.listen-address "$TARGET" >"$FLEET_DIR/findings" 2>"$FLEET_DIR/daemon.log" \
		3>&- 4>&- </dev/null &
	DAEMON_PID=$!
	"$PROMETHEUS" --config.file="$FLEET_DIR/prometheus.yml" --storage.tsdb.path="$FLEET_DIR/tsdb" \
		--web.listen-address="$PROM" >"$FLEET_DIR/prometheus.log" 2>&1 3>&- 4>&- </dev/null &
	PROM_PID=$!
	export DAEMON_PID PROM_PID
	wait_for curl -sfo /dev/null "http://$TARGET/metrics" || { cat "$FLEET_DIR/daemon.log" && return 1; }
	wait_for curl -sfo /dev/null "http://$PROM/-/ready" || { tail "$FLEET_DIR/prometheus.log" && return 1; }
}

teardown_file() {
	kill "$DAEMON_PID" "$PROM_PID" 2>/dev/null || true
	wait "$DAEMON_PID" "$PROM_PID" 2>/dev/null || true
}

setup() {
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
}

api() { # PATH [NAME=VALUE...]
	local path=$1 args=()
	shift
	for arg; do args+=(--data-urlencode "$arg"); done
	curl -s -G "http://$PROM/api/v1/$path" "${args[@]}"
}

# The value of an expression that has a sample; empty if it has none.
value() { # EXPR
	api query "query=$1" | jq -r '.data.result[].value[1]'
}

firing() {
	api alerts | jq -r '.data.alerts[] | select(.state == "firing") | .labels.alertname' | sort -u
}

is_firing() { # ALERT
	firing | grep -qx "$1"
}

scraped() {
	[ "$(value 'count_over_time(up{job="s2verify"}[1m])')" -ge 3 ]
}

metrics() { # [ACCEPT]
	curl -sf -H "Accept: ${1:-text/plain}" "http://$TARGET/metrics"
}

@test "promtool check metrics" {
	metrics >"$BATS_TEST_TMPDIR/metrics"
	run "$PROMTOOL" check metrics <"$BATS_TEST_TMPDIR/metrics"
	echo "$output"
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "Prometheus scrapes the daemon, as OpenMetrics" {
	# This Prometheus prefers OpenMetrics, which the daemon has.
	curl -sfI -X GET -H 'Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' \
		"http://$TARGET/metrics" | grep -i '^content-type: application/openmetrics-text; *version=1.0.0'
	wait_for scraped
	api targets | jq '.data.activeTargets[] | {health, lastError, scrapeUrl}'
	[ "$(api targets | jq -r '.data.activeTargets[] | [.health, .lastError] | @csv')" = '"up",""' ]
	run ! grep -E 'level=(warn|error).*(scrape|append|rule)' "$FLEET_DIR/prometheus.log"
}

@test "both formats have the same samples" {
	# These differ from one request to the next.
	local change='^process_|^s2verify_http_'
	diff <(metrics | grep -v '^#' | grep -vE "$change" | sort) \
		<(metrics 'application/openmetrics-text; version=1.0.0' | grep -v '^#' | grep -vE "$change" | sort)
}

@test "Prometheus has stored the findings of the recording" {
	wait_for scraped
	local want
	want=$("$S2VERIFY" analyze --json "$FILE" | jq -rs '[.[] | select(.type == "finding")] | group_by(.rule)[] |
		"\(.[0].rule) \(.[0].severity) \(map(.id) | unique | length)"' | sort)
	echo "$want"
	[ "$(wc -l <<<"$want")" -ge 4 ]
	diff <(echo "$want") <(api query 'query=s2verify_findings_total > 0' |
		jq -r '.data.result[] | "\(.metric.rule) \(.metric.severity) \(.value[1])"' | sort)
	# Every rule has a series, also with 0; attr-drift has a series for each of its severities.
	[ "$(value 'count(s2verify_findings_total)')" -eq $(($("$S2VERIFY" explain | grep -c '^[a-z]') + 1)) ]
	[ "$(value 'sum(s2verify_vcpu_resets_total)')" -gt 0 ]
	[ "$(value 'sum(s2verify_stage2_maps_total{s1="normal-wb",s2="device-nGnRE"})')" -gt 0 ]
}

@test "the alert for s2-noncacheable fires, and alerts without a cause do not" {
	wait_for is_firing S2verifyNonCacheableMapping
	firing
	is_firing S2verifyHighFinding
	is_firing S2verifyCriticalFinding
	run ! is_firing S2verifyDown
	run ! is_firing S2verifyEventsLost
	[ "$(api alerts | jq -r '.data.alerts[] | select(.labels.alertname == "S2verifyNonCacheableMapping").annotations.runbook')" = \
		"s2verify explain s2-noncacheable" ]
}

@test "all rules evaluate without error" {
	wait_for is_firing S2verifyNonCacheableMapping
	api rules | jq -r '.data.groups[].rules[] | select(.health != "ok") | [.name, .health, .lastError] | @tsv'
	[ "$(api rules | jq '[.data.groups[].rules[].health] | unique == ["ok"]')" = true ]
	[ "$(value 'job:s2verify_hosts:count')" -eq 1 ]
}

# All expressions of the dashboard and the rules.
expressions() {
	jq -r '.. | objects | .expr? // empty' contrib/grafana/s2verify.json
	jq -r '.templating.list[].definition // empty' contrib/grafana/s2verify.json
	api rules | jq -r '.data.groups[].rules[].query'
}

@test "metrics in the dashboard, rules and alerts exist" {
	local name base known
	known=$(metrics | awk '/^# TYPE/ { print $3 }' && sed -n 's/^ *- record: //p' contrib/prometheus/rules.yml)
	while read -r name; do
		base=${name%_bucket}
		grep -qx -- "$name" <<<"$known" || grep -qx -- "$base" <<<"$known" || {
			echo "no metric $name"
			false
		}
	done < <(expressions | grep -oE '\b((instance|job):)?s2verify_[a-z0-9_:]+' | sort -u)
}

@test "labels in the dashboard, rules and alerts exist" {
	local label
	while read -r label; do
		echo "$label"
		"$S2VERIFY" daemon --list-metrics | cut -f 3 | tr -s ', ' '\n' | grep -qx "$label" ||
			[[ $label =~ ^(job|instance)$ ]]
	done < <(expressions | grep -oE '(by|without) \([a-z0-9_, ]+\)' | sed 's/.*(//; s/)//' | tr -s ', ' '\n' | sort -u)
}

@test "the dashboard: its expressions are PromQL, its panels do not overlap" {
	local expr
	jq -e '.schemaVersion >= 36 and (.uid | length > 0)' contrib/grafana/s2verify.json
	jq -e '[.templating.list[].type] | index("datasource")' contrib/grafana/s2verify.json
	jq -e '[.panels[].id] | length == (unique | length)' contrib/grafana/s2verify.json
	# shellcheck disable=SC2016 # a variable of Grafana's
	jq -e '[.panels[] | select(.type != "row") | .datasource.uid, .targets[].datasource.uid] | unique == ["${datasource}"]' \
		contrib/grafana/s2verify.json
	# Each square of the grid belongs to one panel.
	jq -e '[.panels[].gridPos | range(.x; .x + .w) as $x | range(.y; .y + .h) as $y | [$x, $y]] |
		length == (unique | length) and all(.[]; .[0] < 24)' contrib/grafana/s2verify.json
	while read -r expr; do
		expr=${expr//\$__rate_interval/1m}
		expr=${expr//\$job/.*}
		expr=${expr//\$instance/.*}
		run api query "query=$expr"
		echo "$expr: $(head -c 300 <<<"$output")"
		[ "$(jq -r .status <<<"$output")" = success ]
	done < <(jq -r '.. | objects | .expr? // empty' contrib/grafana/s2verify.json)
}

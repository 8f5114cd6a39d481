#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Alert and recording rules, by promtool: they are well formed, and each alert fires when it must.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
}

alert_names() {
	sed -n 's/^ *- alert: //p' contrib/prometheus/alerts.yml
}

@test "promtool check rules" {
	run "$PROMTOOL" check rules --lint=all --lint-fatal contrib/prometheus/rules.yml contrib/prometheus/alerts.yml
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "promtool test rules" {
	run "$PROMTOOL" test rules contrib/prometheus/tests.yml
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "every alert has a test in which it fires" {
	local name
	[ "$(alert_names | wc -l)" -ge 10 ]
	while read -r name; do
		echo "$name"
		grep -qE "alertname(: |=\")$name(\"|$)" contrib/prometheus/tests.yml
	done < <(alert_names)
}

@test "every alert has a severity, a summary, a description and a runbook whose document exists" {
	local n what
	n=$(alert_names | wc -l)
	for what in severity summary description runbook runbook_docs; do
		echo "$what"
		[ "$(grep -cE "^ +$what: " contrib/prometheus/alerts.yml)" -eq "$n" ]
	done
	while read -r what; do
		echo "$what"
		[ -s "$what" ]
	done < <(sed -n 's/^ *runbook_docs: //p' contrib/prometheus/alerts.yml | sort -u)
}

@test "commands and rules that alerts name exist" {
	local command rule
	while read -r _ command rule; do
		echo "$command $rule"
		"$S2VERIFY" "$command" --help >/dev/null
		[ "$command" != explain ] || [ "$rule" = '{{' ] || "$S2VERIFY" explain "$rule" >/dev/null
	done < <(grep -E '^ +runbook: ' contrib/prometheus/alerts.yml | grep -oE 's2verify [a-z]+( [a-z0-9{-]+)?' | sort -u)
	while read -r rule; do
		echo "$rule"
		"$S2VERIFY" explain "$rule" >/dev/null
	done < <(grep -ohE 'rule!?="[a-z0-9-]+"' contrib/prometheus/*.yml | sed 's/.*="//; s/"//' | sort -u)
}

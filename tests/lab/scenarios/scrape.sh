# shellcheck shell=bash disable=SC2154 # forward and daemon: variables of the caller
# SPDX-License-Identifier: BSD-2-Clause
# Prometheus, on the machine that emulates this host, scrapes the live daemon, and the alert for
# s2-noncacheable fires.

applies() {
	[[ -n $forward ]] || {
		echo "needs --forward PORT"
		return 1
	}
	[[ -x ${S2VERIFY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/s2verify}/prometheus/usr/bin/prometheus ]] || {
		echo "needs Prometheus: tools/install-deps fleet"
		return 1
	}
}

host() {
	s2verify daemon >out.json 2>err.txt &
	daemon=$!
	wait_for ready_or_gone && kill -0 "$daemon" || return 1
	ask_outside before || return 1
	# A driver's memory: the VMA says write-combined, the PTEs are Write-Back.
	guest vm vcpus=1 slot=1,gpa=0x40000000,size=64K,from=dev:/dev/s2f-ptewb touch=0x40000000,64K >ops || return 1
	ask_outside after || return 1
	kill -TERM "$daemon"
	wait "$daemon"
	echo $? >rc
}

ready_or_gone() {
	wget -q -O ready http://127.0.0.1:9899/-/ready 2>/dev/null || ! kill -0 "$daemon" 2>/dev/null
}

outside() { # before|after
	# shellcheck source=tests/fleet/lib.sh
	. "$LAB_ROOT/tests/fleet/lib.sh"
	local target=127.0.0.1:${forward%%:*} prom pid status=0
	prom=127.0.0.1:$(free_port)
	cat >prometheus.yml <<-END
		global: {scrape_interval: 15s, scrape_timeout: 15s, evaluation_interval: 1s}
		rule_files: [$LAB_ROOT/contrib/prometheus/rules.yml, $LAB_ROOT/contrib/prometheus/alerts.yml]
		scrape_configs: [{job_name: s2verify, static_configs: [{targets: ["$target"]}]}]
	END
	"$PROMETHEUS" --config.file=prometheus.yml --storage.tsdb.path="tsdb-$1" --web.listen-address="$prom" >"prometheus-$1.log" 2>&1 &
	pid=$!
	wait_for scraped "$prom" || status=1
	[[ $1 == before ]] || wait_for fires "$prom" || status=1
	curl -sG "http://$prom/api/v1/query" --data-urlencode 'query={__name__=~"up|s2verify_.*"}' >"series-$1.json"
	curl -s "http://$prom/api/v1/targets" >"targets-$1.json"
	curl -s "http://$prom/api/v1/alerts" >"alerts-$1.json"
	end "$pid" || true
	rm -rf "tsdb-$1"
	return "$status"
}

scraped() { # PROMETHEUS
	[[ $(curl -sG "http://$1/api/v1/query" --data-urlencode 'query=count(s2verify_findings_total)' |
		jq -r '.data.result[0].value[1] // 0') -gt 0 ]]
}

fires() { # PROMETHEUS
	curl -s "http://$1/api/v1/alerts" | jq -e '[.data.alerts[] | select(.state == "firing").labels.alertname] |
		index("S2verifyNonCacheableMapping")' >/dev/null
}

verdict() {
	expect_eq "exit status of the daemon" 0 "$(cat rc)"
	expect_jq "findings before" '[.[].data.result[] | select(.metric.__name__ == "s2verify_findings_total" and .value[1] != "0").metric.rule]' \
		'[]' series-before.json
	expect_jq "alerts before" '[.[].data.alerts[] | select(.labels.severity == "critical").labels.alertname]' '[]' alerts-before.json
	expect_jq "findings after" '[.[].data.result[] | select(.metric.__name__ == "s2verify_findings_total" and .value[1] != "0") |
		[.metric.rule, .value[1]]]' '[["s2-noncacheable","1"]]' series-after.json
	expect_jq "alerts after" '[.[].data.alerts[] | select(.labels.severity == "critical") | [.labels.alertname, .state]]' \
		'[["S2verifyNonCacheableMapping","firing"]]' alerts-after.json
	expect_jq "target" '[.[].data.activeTargets[] | [.health, .lastError]]' '[["up",""]]' targets-after.json
	expect_jq "the source is live" '[.[].data.result[] | select(.metric.__name__ == "s2verify_build_info").metric.source]' '["live"]' series-after.json
}

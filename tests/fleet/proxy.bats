#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The nginx configuration of docs/daemon.md, with other paths and ports, in front of a daemon.

bats_require_minimum_version 1.5.0

setup() {
	: "${S2VERIFY:?path of the s2verify to be tested}"
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	. tests/fleet/lib.sh
	dir=$BATS_TEST_TMPDIR pids=()
	inner=$(free_port) outer=$(free_port)
	openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost \
		-keyout "$dir/s2verify.key" -out "$dir/s2verify.pem" 2>/dev/null
	printf 'prometheus:%s\n' "$(openssl passwd -apr1 secret)" >"$dir/s2verify.users"
	{
		[ "$(id -u)" -ne 0 ] || echo "user root;"
		echo "daemon off; pid $dir/pid; error_log $dir/error.log; events {}"
		echo "http { access_log off; client_body_temp_path $dir/b; proxy_temp_path $dir/p; fastcgi_temp_path $dir/f;"
		echo "uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;"
		# shellcheck disable=SC2016 # these are backquotes of Markdown
		sed -n '/^```nginx/,/^```$/p' docs/daemon.md | sed '/^```/d' |
			sed "s#/etc/ssl/#$dir/#; s#/etc/nginx/#$dir/#; s#listen 9900#listen 127.0.0.1:$outer#; s#:9899#:$inner#"
		echo "}"
	} >"$dir/nginx.conf"
	"$S2VERIFY" daemon --replay tests/data/s2t/6.1-cortex-a76.s2t --web.listen-address "127.0.0.1:$inner" \
		>/dev/null 2>"$dir/daemon.log" &
	pids+=($!)
	"$nginx" -p "$dir" -e "$dir/error.log" -c "$dir/nginx.conf" 2>"$dir/nginx.log" &
	pids+=($!)
	wait_for curl -sfo /dev/null "http://127.0.0.1:$inner/-/healthy"
	wait_for test -s "$dir/pid"
}

teardown() {
	local pid
	for pid in "${pids[@]}"; do end "$pid" || true; done
	cat "$dir/nginx.log" "$dir/error.log" 2>/dev/null || true
}

ask() { # CURL-ARGUMENT...
	curl -s --max-time 10 --cacert "$dir/s2verify.pem" -o "$dir/body" -w '%{http_code}' "$@"
}

@test "nginx: TLS, a password, and read-only access" {
	local url=https://localhost:$outer
	[ "$(ask "$url/metrics")" = 401 ]
	[ "$(ask -u prometheus:wrong "$url/metrics")" = 401 ]
	[ "$(ask -u prometheus:secret "$url/metrics")" = 200 ]
	"$PROMTOOL" check metrics <"$dir/body"
	[ "$(ask -u prometheus:secret "$url/")" = 200 ]
	grep -qi '<title>' "$dir/body"
	[ "$(ask -u prometheus:secret -X POST "$url/metrics")" = 403 ]
	[ "$(ask "http://localhost:$outer/metrics")" = 400 ]
	# Compressed responses come through, too.
	[ "$(ask -u prometheus:secret --compressed "$url/metrics")" = 200 ]
	grep -q '^s2verify_build_info' "$dir/body"
}

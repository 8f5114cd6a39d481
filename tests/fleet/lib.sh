# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Helpers of the fleet's tests: other people's programs, free ports, waiting.

fleet_cache=${S2VERIFY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/s2verify}
PROMTOOL=$fleet_cache/prometheus/usr/bin/promtool
PROMETHEUS=$fleet_cache/prometheus/usr/bin/prometheus
nginx=$fleet_cache/nginx/usr/sbin/nginx
export PROMTOOL PROMETHEUS nginx

# A free port of the loopback interface.
free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# shellcheck source=tests/wait.bash
. "$(dirname "${BASH_SOURCE[0]}")/../wait.bash"

# End a process that this test started, and wait for it; its status.
end() { # PID [SIGNAL]
	kill "-${2:-TERM}" "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null
}

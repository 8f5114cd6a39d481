#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""odd.py PORT: unusual and malformed requests, and then 1,500 of them with random bytes changed."""
import random
import socket
import sys

PORT = int(sys.argv[1])
GOOD = b"GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: text/plain;q=0.5\r\nAccept-Encoding: gzip;q=0.5\r\n\r\n"
# Each with the status that the answer must have (RFC 9110, 9112); None: any answer, or none.
ODD = [
    (GOOD, b"200"),
    (GOOD * 3, b"200"),
    (b"GET http://host/metrics HTTP/1.1\r\n\r\n", b"200"),
    (b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", b"200"),
    (b"HEAD / HTTP/1.0\r\n\r\n", b"200"),
    (b"GET / HTTP/1.1\r\nAccept: ;;;q=,\r\nAccept-Encoding: gzip;q=1.0000000\r\n\r\n", b"200"),
    (b"GET * HTTP/1.1\r\n\r\n", b"404"),
    (b"GET /%00 HTTP/1.1\r\n\r\n", b"404"),
    (b"OPTIONS * HTTP/1.1\r\n\r\n", b"405"),
    (b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nabcde", None),
    (b"CONNECT x:1 HTTP/1.1\r\n\r\n", None),
    (b"FOO / HTTP/1.1\r\n\r\n", b"501"),
    (b"GET http://[ HTTP/1.1\r\n\r\n", b"400"),
    (b"GET /\r\n\r\n", b"400"),
    (b"GET / HTTP/9.9\r\n\r\n", b"400"),
    (b"\r\n\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", b"413"),
    (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", b"413"),
]


def ask(request, wait):
    """The part of the answer that arrives within the time."""
    got = b""
    with socket.create_connection(("127.0.0.1", PORT), 5) as s:
        s.settimeout(wait)
        try:
            s.sendall(request)
            while wait and (data := s.recv(65536)):
                got += data
        except OSError:  # closed, or a timeout
            pass
    return got


for request, status in ODD:
    answer = ask(request, 2)
    if status and answer.split(b" ")[1:2] != [status]:
        sys.exit(f"{request[:60]!r}: {status!r} was expected, not {answer[:60]!r}")
random.seed(1)
for i in range(1500):
    request = bytearray(random.choice(ODD)[0])
    for _ in range(random.randrange(1, 6)):
        request[random.randrange(len(request))] = random.randrange(256)
    ask(bytes(request), 0.02 if i % 3 == 0 else 0)
if b"\r\n\r\nhealthy\n" not in ask(b"GET /-/healthy HTTP/1.1\r\n\r\n", 5):
    sys.exit("not healthy any more")

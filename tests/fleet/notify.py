#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command as systemd runs a Type=notify service, and prints its notifications.

usage: notify.py [--abstract] [--watchdog SECONDS] STEPS COMMAND...

STEPS are done in order, separated by commas: a state to wait for (READY), a number of seconds to let
pass, or a signal to send (HUP, TERM). Each datagram is a line "SECONDS LINE;LINE...", the last line
is "exit STATUS" (negative: the signal that ended it). If a state does not come in 300 s, it exits with 1.
"""
import os
import signal
import socket
import subprocess
import sys
import time


def listener(abstract, folder):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    name = "@s2v-notify-%d" % os.getpid() if abstract else "%s/notify" % folder
    s.bind("\0" + name[1:] if abstract else name)
    return s, name


class Service:
    def __init__(self, sock, command, env):
        self.sock = sock
        self.start = time.monotonic()
        self.child = subprocess.Popen(command, env=env)

    def receive(self, seconds, state=None):
        """Prints the datagrams of that time; returns true when one has the state."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.sock.settimeout(max(0.001, min(0.1, end - time.monotonic())))
            try:
                lines = self.sock.recv(65536).decode().strip().split("\n")
            except socket.timeout:
                if state and self.child.poll() is not None:
                    return False
                continue
            print("%.2f %s" % (time.monotonic() - self.start, ";".join(lines)), flush=True)
            if state and state + "=1" in lines:
                return True
        return False

    def step(self, what):
        if what.replace(".", "").isdigit():
            self.receive(float(what))
        elif hasattr(signal, "SIG" + what):
            self.child.send_signal(getattr(signal, "SIG" + what))
        elif not self.receive(300, what):
            sys.exit("notify.py: no %s=1" % what)


def main():
    # SIGTERM to this program ends the service too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("notify.py: ended"))
    args = sys.argv[1:]
    abstract = args[0] == "--abstract" and bool(args.pop(0))
    env = dict(os.environ)
    if args[0] == "--watchdog":
        env["WATCHDOG_USEC"] = str(int(float(args[1]) * 1e6))
        args = args[2:]
    sock, env["NOTIFY_SOCKET"] = listener(abstract, os.environ.get("BATS_TEST_TMPDIR", "/tmp"))
    service = Service(sock, args[1:], env)
    try:
        for what in args[0].split(","):
            service.step(what)
        service.child.wait(300)
        service.receive(0.1)
        print("exit %d" % service.child.returncode)
    finally:
        if service.child.poll() is None:
            service.child.kill()


main()

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * systemd: readiness, inherited sockets, the journal. Implemented here because libsystemd cannot be
 * linked statically. Protocols: sd_notify(3), sd_listen_fds(3), "Native Journal Protocol" in
 * systemd's documentation.
 */
#ifndef S2V_DAEMON_NOTIFY_H
#define S2V_DAEMON_NOTIFY_H

#include "core/sink.h"

/* Sends "READY=1" and the like to $NOTIFY_SOCKET. 0 (also without the variable) or -errno. */
int s2v_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Longest time between two WATCHDOG=1, in µs, from $WATCHDOG_USEC; 0: no watchdog. */
__u64 s2v_watchdog_usec(void);

#define S2V_LISTEN_FDS_START 3
/* Number of inherited listening sockets, from fd 3 on. Removes the variables. */
int s2v_listen_fds(void);

/* The journal. */
#define S2V_JOURNAL_SOCKET "/run/systemd/journal/socket"
/* Returns whether $JOURNAL_STREAM is our stdout or stderr. */
bool s2v_journal_reads_us(void);

/* Sends a finding as a journal entry. fd: any AF_UNIX datagram socket. path: the receiver. 0 or -errno. */
int s2v_journal_finding(int fd, const char *path, const struct s2v_finding *f);

#endif

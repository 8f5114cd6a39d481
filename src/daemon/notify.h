/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The service manager: readiness, sockets that it opened, its journal. Its protocols are a datagram
 * and two variables each, and its library cannot be linked statically (sd_notify(3),
 * sd_listen_fds(3), systemd's documentation "Native Journal Protocol").
 */
#ifndef S2V_DAEMON_NOTIFY_H
#define S2V_DAEMON_NOTIFY_H

#include "core/sink.h"

/* Sends "READY=1" and the like to $NOTIFY_SOCKET. 0, also where there is none; or -errno. */
int s2v_notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* How often WATCHDOG=1 is due at the latest, µs, from $WATCHDOG_USEC; 0: never. */
__u64 s2v_watchdog_usec(void);

#define S2V_LISTEN_FDS_START 3
/* How many listening sockets were handed over, from fd 3 on; the variables are removed. */
int s2v_listen_fds(void);

/* The journal, where $JOURNAL_STREAM says that it reads our stdout or stderr. */
#define S2V_JOURNAL_SOCKET "/run/systemd/journal/socket"
bool s2v_journal_reads_us(void);

/* A finding as an entry with fields. fd: a datagram socket. 0 or -errno. */
int s2v_journal_finding(int fd, const char *path, const struct s2v_finding *f);

#endif

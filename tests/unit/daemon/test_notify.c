// SPDX-License-Identifier: BSD-2-Clause
/* The service manager's protocols, against a socket of our own. */
/* needs: src/core src/host src/util src/daemon/notify.c */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "daemon/notify.h"
#include "sink_data.h"

static int listener;
static char path[108];

/* A datagram socket; abstract if the name begins with '@'. */
static void open_at(const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len;

	snprintf(path, sizeof(path), "%s", name);
	memcpy(un.sun_path, path, strlen(path));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (path[0] == '@')
		un.sun_path[0] = 0;
	listener = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&un, len), 0);
}

static size_t receive(char *buf, size_t len)
{
	ssize_t n = recv(listener, buf, len - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	buf[n] = 0;
	return (size_t)n;
}

static void close_it(void)
{
	close(listener);
	if (path[0] != '@')
		unlink(path);
}

static void states(void **state)
{
	char name[64], buf[256];

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	assert_int_equal(s2v_notify("READY=1"), 0);
	snprintf(name, sizeof(name), "/tmp/s2v-notify-%d", getpid());
	open_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(s2v_notify("READY=1\nSTATUS=%u VMs", 7U), 0);
	receive(buf, sizeof(buf));
	assert_string_equal(buf, "READY=1\nSTATUS=7 VMs");
	close_it();
	assert_int_equal(s2v_notify("READY=1"), -ENOENT);
	snprintf(name, sizeof(name), "@s2v-notify-%d", getpid());
	open_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(s2v_notify("STOPPING=1"), 0);
	receive(buf, sizeof(buf));
	assert_string_equal(buf, "STOPPING=1");
	close_it();
	unsetenv("NOTIFY_SOCKET");
}

static void watchdog(void **state)
{
	char pid[24];

	(void)state;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(s2v_watchdog_usec(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(s2v_watchdog_usec(), 30000000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(s2v_watchdog_usec(), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(s2v_watchdog_usec(), 30000000);
	setenv("WATCHDOG_USEC", "never", 1);
	assert_int_equal(s2v_watchdog_usec(), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

static void sockets_of_others(void **state)
{
	(void)state;
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	assert_int_equal(s2v_listen_fds(), 0);
	/* Children must not use them. */
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_PID"));
}

static void journal_stream(void **state)
{
	struct stat st;
	char buf[64];

	(void)state;
	unsetenv("JOURNAL_STREAM");
	assert_false(s2v_journal_reads_us());
	assert_int_equal(fstat(STDOUT_FILENO, &st), 0);
	snprintf(buf, sizeof(buf), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", buf, 1);
	assert_true(s2v_journal_reads_us());
	setenv("JOURNAL_STREAM", "1:2", 1);
	assert_false(s2v_journal_reads_us());
	setenv("JOURNAL_STREAM", "bogus", 1);
	assert_false(s2v_journal_reads_us());
	unsetenv("JOURNAL_STREAM");
}

static void findings(void **state)
{
	struct s2v_finding f = { .id = 9,
				 .rule = &test_rule,
				 .vm = { .id = 3, .pid = 1234, .comm = "a\nPRIORITY=0" },
				 .slot = { .id = 2 },
				 .has_page = true,
				 .gpa = 0x40000000,
				 .s1 = S2V_ATTR_NORMAL_WB,
				 .s2 = S2V_ATTR_DEVICE_nGnRE,
				 .count = 16,
				 .explain = "because" };
	/* A value with a newline: name, newline, length (8 bytes, little-endian), value. */
	static const char comm[] = "\nS2V_VM_COMM\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
	char name[64], buf[4096];
	size_t n;

	(void)state;
	snprintf(name, sizeof(name), "/tmp/s2v-journal-%d", getpid());
	open_at(name);
	assert_int_equal(s2v_journal_finding(listener, name, &f), 0);
	n = receive(buf, sizeof(buf));
	assert_non_null(memmem(buf, n, comm, sizeof(comm) - 1));
	buf[strcspn(buf, "\n")] = 0;
	assert_string_equal(buf,
			    "MESSAGE=s2-noncacheable in VM 3 (a\\x0aPRIORITY=0, pid 1234), GPA "
			    "0x40000000: because");
	for (size_t i = 0; i < n; i++) /* so that strstr() finds the rest */
		if (!buf[i])
			buf[i] = ' ';
	assert_non_null(strstr(buf, " PRIORITY=2\n")); /* critical */
	assert_non_null(strstr(buf, "\nS2V_RULE=s2-noncacheable\n"));
	assert_non_null(strstr(buf, "\nS2V_SEVERITY=critical\n"));
	assert_non_null(strstr(buf, "\nS2V_VM_PID=1234\n"));
	assert_non_null(strstr(buf, "\nS2V_GPA=0x40000000\n"));
	assert_non_null(strstr(buf, "\nS2V_S2=device-nGnRE\n"));
	assert_non_null(strstr(buf, "\nS2V_COUNT=16\n"));
	close_it();
	assert_int_equal(s2v_journal_finding(listener, name, &f), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(states),
		cmocka_unit_test(watchdog),
		cmocka_unit_test(sockets_of_others),
		cmocka_unit_test(journal_stream),
		cmocka_unit_test(findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

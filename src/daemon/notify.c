// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "util/util.h"

#define FDS_MAX 64

/* Sends a datagram to the socket at path; '@' means an abstract name. 0 or -errno. */
static int send_to(int fd, const char *path, const void *data, size_t len)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	socklen_t salen;

	if (!n || n >= sizeof(un.sun_path))
		return -EINVAL;
	memcpy(un.sun_path, path, n);
	salen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = 0;
	else
		salen++;
	if (sendto(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&un, salen) < 0)
		return -errno;
	return 0;
}

int s2v_notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	char buf[512];
	va_list ap;
	int fd, err, n;

	if (!path || !path[0])
		return 0;
	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		return -EMSGSIZE;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = send_to(fd, path, buf, (size_t)n);
	close(fd);
	return err;
}

/* Value of an environment variable; -1 if it is missing or not a number. */
static long long env_number(const char *name)
{
	const char *s = getenv(name);
	char *end = NULL;
	long long v;

	if (!s || *s < '0' || *s > '9')
		return -1;
	errno = 0;
	v = strtoll(s, &end, 10);
	return errno || *end ? -1 : v;
}

__u64 s2v_watchdog_usec(void)
{
	long long usec = env_number("WATCHDOG_USEC"), pid = env_number("WATCHDOG_PID");

	if (usec <= 0 || (getenv("WATCHDOG_PID") && pid != getpid()))
		return 0;
	return (__u64)usec;
}

int s2v_listen_fds(void)
{
	long long n = env_number("LISTEN_FDS"), pid = env_number("LISTEN_PID");

	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	if (n <= 0 || n > FDS_MAX || pid != getpid())
		return 0;
	for (int fd = S2V_LISTEN_FDS_START; fd < S2V_LISTEN_FDS_START + n; fd++) {
		int flags = fcntl(fd, F_GETFL);

		if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC))
			return 0;
	}
	return (int)n;
}

bool s2v_journal_reads_us(void)
{
	const char *s = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	if (!s || sscanf(s, "%llu:%llu", &dev, &ino) != 2)
		return false;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (!fstat(fd, &st) && st.st_dev == dev && st.st_ino == ino)
			return true;
	return false;
}

/* ---- journal entries ---- */

struct entry {
	char buf[4096];
	size_t len;
};

/* KEY=value. A value with a newline: KEY, newline, length (64 bits, little-endian), value. */
static void put_bytes(struct entry *e, const char *key, const char *value, size_t n)
{
	size_t k = strlen(key);

	if (e->len + k + n + 10 > sizeof(e->buf))
		return; /* cannot happen: a finding's longest entry is half of buf */
	memcpy(e->buf + e->len, key, k);
	e->len += k;
	if (memchr(value, '\n', n)) {
		e->buf[e->len++] = '\n';
		for (int i = 0; i < 8; i++)
			e->buf[e->len++] = (char)((__u64)n >> (8 * i));
	} else {
		e->buf[e->len++] = '=';
	}
	memcpy(e->buf + e->len, value, n);
	e->len += n;
	e->buf[e->len++] = '\n';
}

__attribute__((format(printf, 3, 4))) static void put(struct entry *e, const char *key,
						      const char *fmt, ...)
{
	char buf[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n >= 0)
		put_bytes(e, key, buf, (size_t)n < sizeof(buf) ? (size_t)n : sizeof(buf) - 1);
}

/* A priority of syslog(3). */
static int priority(enum s2v_severity s)
{
	static const int of[S2V_SEVERITY_NR] = { 6, 5, 4, 3, 2 };

	return s < S2V_SEVERITY_NR ? of[s] : 6;
}

int s2v_journal_finding(int fd, const char *path, const struct s2v_finding *f)
{
	char comm[4 * S2V_COMM_LEN + 1], place[64] = "";
	struct entry e = { .len = 0 };

	s2v_clean_text(f->vm.comm, strnlen(f->vm.comm, sizeof(f->vm.comm)), comm, sizeof(comm));
	if (f->has_page)
		snprintf(place, sizeof(place), ", GPA 0x%llx", ULL(f->gpa));
	put(&e, "MESSAGE", "%s%s in VM %u (%s, pid %u)%s: %s", f->update ? "still " : "",
	    f->rule->name, f->vm.id, comm, f->vm.pid, place, f->explain);
	put(&e, "PRIORITY", "%d", priority(s2v_finding_severity(f)));
	put(&e, "SYSLOG_IDENTIFIER", "s2verify");
	put(&e, "S2V_RULE", "%s", f->rule->name);
	put(&e, "S2V_SEVERITY", "%s", s2v_severity_name(s2v_finding_severity(f)));
	put(&e, "S2V_FINDING", "%llu", ULL(f->id));
	put(&e, "S2V_UPDATE", "%d", f->update);
	put(&e, "S2V_COUNT", "%llu", ULL(f->count));
	put(&e, "S2V_VM_ID", "%u", f->vm.id);
	put(&e, "S2V_VM_PID", "%u", f->vm.pid);
	put_bytes(&e, "S2V_VM_COMM", f->vm.comm, strnlen(f->vm.comm, sizeof(f->vm.comm)));
	if (f->slot.id != S2V_NO_SLOT)
		put(&e, "S2V_MEMSLOT", "%d", f->slot.id);
	if (f->has_page) {
		put(&e, "S2V_GPA", "0x%llx", ULL(f->gpa));
		put(&e, "S2V_S1", "%s", s2v_attr_name(f->s1));
		put(&e, "S2V_S2", "%s", s2v_attr_name(f->s2));
	}
	if (f->guest != S2V_ATTR_NONE) {
		put(&e, "S2V_GUEST", "%s", s2v_attr_name(f->guest));
		put(&e, "S2V_GUEST_VA", "0x%llx", ULL(f->guest_va));
	}
	if (f->err)
		put(&e, "S2V_ERRNO", "%s", s2v_errno_name(f->err));
	return send_to(fd, path, e.buf, e.len);
}

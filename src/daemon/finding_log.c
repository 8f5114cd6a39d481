// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/notify.h"
#include "sink/sinks.h"
#include "daemon/finding_log.h"
#include "util/util.h"

int s2v_log_open(struct s2v_finding_log *t)
{
	*t = (struct s2v_finding_log){ .journal = -1,
				       .severe = { .tokens = 1000, .burst = 1000, .rate = 10 },
				       .minor = { .tokens = 1000, .burst = 1000, .rate = 10 },
				       .repeats = { .tokens = 100, .burst = 100, .rate = 1 },
				       .errors = { .tokens = 10, .burst = 10, .rate = 1.0 / 60 } };
	t->json = s2v_sink_json();
	if (!t->json)
		return -ENOMEM;
	if (!s2v_journal_reads_us())
		return 0;
	t->journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return t->journal < 0 ? -errno : 0;
}

void s2v_log_close(struct s2v_finding_log *t)
{
	if (t->json) {
		t->json->close(t->json);
		free(t->json);
	}
	if (t->journal >= 0)
		close(t->journal);
	t->json = NULL;
	t->journal = -1;
}

static bool take_token(struct s2v_bucket *b, __u64 now)
{
	if (b->at && now > b->at)
		b->tokens += (double)(now - b->at) / 1e9 * b->rate;
	b->at = now;
	if (b->tokens > b->burst)
		b->tokens = b->burst;
	if (b->tokens < 1)
		return false;
	b->tokens--;
	return true;
}

/*
 * Returns an index of kept[] for a new finding. If all are in use, the oldest of the lowest severity
 * is overwritten, so that many minor findings do not displace severe ones.
 */
static __u8 make_place(struct s2v_finding_log *t)
{
	unsigned int least = 0;
	__u8 at = (__u8)t->n;

	if (t->n < S2V_LOG_KEPT) {
		t->order[t->n++] = at;
		return at;
	}
	for (unsigned int i = 1; i < t->n; i++)
		if (s2v_finding_severity(&t->kept[t->order[i]]) <
		    s2v_finding_severity(&t->kept[t->order[least]]))
			least = i;
	at = t->order[least];
	memmove(t->order + least, t->order + least + 1, t->n - least - 1);
	t->order[t->n - 1] = at;
	return at;
}

/* An update replaces the finding that it updates. Returns the index in kept[]. */
static unsigned int keep(struct s2v_finding_log *t, const struct s2v_finding *f)
{
	unsigned int i = 0;

	while (i < t->n && !(f->update && t->kept[i].id == f->id))
		i++;
	if (i == t->n)
		i = make_place(t);
	t->kept[i] = *f;
	return i;
}

/*
 * A reader that does not read must not block the loop. A pipe that polls as writable takes PIPE_BUF
 * bytes without blocking, and a finding is a shorter line. Errors show up in the write.
 */
static bool would_block(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 0;
}

/* Severe findings have their own limit, so that many minor ones do not suppress them. */
static struct s2v_bucket *bucket_of(struct s2v_finding_log *t, const struct s2v_finding *f)
{
	if (f->update)
		return &t->repeats;
	return s2v_finding_severity(f) >= S2V_HIGH ? &t->severe : &t->minor;
}

static int write_out(struct s2v_finding_log *t, const struct s2v_finding *f)
{
	/* If the journal is full or restarts, standard output gets the line. */
	if (t->journal >= 0 && !s2v_journal_finding(t->journal, S2V_JOURNAL_SOCKET, f))
		return 0;
	if (!t->json)
		return EBADF;
	if (would_block(STDOUT_FILENO))
		return EAGAIN;
	if (t->partial)
		putchar('\n');
	t->json->failed = 0;
	t->json->finding(t->json, f);
	t->partial = t->json->failed != 0;
	if (t->partial) { /* discards the rest, which would be written later */
		__fpurge(stdout);
		clearerr(stdout);
	}
	return t->json->failed;
}

/* Limited, since a slow reader causes this again and again. Standard error may go to the same journal. */
static void report_unwritten(struct s2v_finding_log *t, int err, __u64 now)
{
	if (would_block(STDERR_FILENO) || !take_token(&t->errors, now))
		return;
	s2v_err("findings cannot be written to standard output: %s; they are counted, and "
		"kept for /findings",
		err == EAGAIN ? "it is full, and nobody reads it" : strerror(err));
}

static void write_finding(struct s2v_finding_log *t, const struct s2v_finding *f, __u64 now)
{
	int err = write_out(t, f);

	t->unwritten += err != 0;
	if (err && err != t->failed)
		report_unwritten(t, err, now);
	t->failed = err;
}

void s2v_log_finding(struct s2v_finding_log *t, const struct s2v_finding *f, __u64 now)
{
	unsigned int at;

	if (!f->update && f->rule->id < S2V_RULE_NR) {
		t->total[f->rule->id]++;
		t->mild[f->rule->id] += f->mild;
	}
	at = keep(t, f);
	t->late[at] = !take_token(bucket_of(t, f), now);
	if (t->late[at])
		t->suppressed++;
	else
		write_finding(t, f, now);
}

void s2v_log_flush(struct s2v_finding_log *t, __u64 now)
{
	for (unsigned int i = 0; i < t->n; i++) {
		unsigned int at = t->order[i];

		if (!t->late[at])
			continue;
		if (!take_token(bucket_of(t, &t->kept[at]), now))
			return;
		t->late[at] = false;
		write_finding(t, &t->kept[at], now);
	}
}

const struct s2v_finding *s2v_log_kept(const struct s2v_finding_log *t, unsigned int i)
{
	return i < t->n ? &t->kept[t->order[t->n - 1 - i]] : NULL;
}

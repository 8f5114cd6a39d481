// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "live/facts.h"
#include "live/session.h"
#include "util/util.h"

static int read_kallsyms(struct s2v_session *s, char *err, size_t errlen)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	int ret;

	if (!f) {
		ret = -errno;
	} else {
		/* stdio's default, st_blksize, is 1 KiB here: that would be 7000 reads. */
		setvbuf(f, NULL, _IOFBF, 1 << 16);
		ret = s2v_kallsyms_read(f, &s->ks);
		fclose(f);
	}
	if (!ret)
		return 0;
	snprintf(err, errlen,
		 "cannot read the kernel's symbol table /proc/kallsyms: %s; /proc must be mounted "
		 "and the kernel built with CONFIG_KALLSYMS",
		 ret == -E2BIG ? "it has more symbols than can be kept" : strerror(-ret));
	return -1;
}

static int gather_host(struct s2v_session *s, char *err, size_t errlen)
{
	if (s2v_host_preflight(err, errlen) || s2v_host_gather(&s->host, err, errlen) ||
	    read_kallsyms(s, err, errlen))
		return -1;
	s2v_kallsyms_hidden(s->ks, "/proc", s->hidden, sizeof(s->hidden));
	return 0;
}

void s2v_session_report_unlisted(const struct s2v_session *s, int err)
{
	s2v_err("VMs that already run could not be listed, so none of them counts as verified: %s",
		s->hidden[0] ? s->hidden : strerror(-err));
}

int s2v_session_prepare(struct s2v_session *s, enum s2v_attach_mode mode, bool every_fault,
			char *err, size_t errlen)
{
	if (gather_host(s, err, errlen))
		return -1;
	return s2v_observe_live(s->hooks, &s->host, mode, every_fault, s->ks, err, errlen) < 0 ? -1
											       : 0;
}

int s2v_session_prepare_audit(struct s2v_session *s, char *err, size_t errlen)
{
	if (gather_host(s, err, errlen))
		return -1;
	return s2v_observe_nothing(s->hooks, "an audit needs no hook", err, errlen);
}

__s64 s2v_boot_to_real(void)
{
	return (__s64)(s2v_clock_ns(CLOCK_REALTIME) - s2v_clock_ns(CLOCK_BOOTTIME));
}

void s2v_session_cover(struct s2v_session *s, unsigned int by)
{
	s2v_run_cover(&s->host, s->hooks, by, s->rules);
}

bool s2v_session_no_hooks(const struct s2v_session *s, char *err, size_t errlen)
{
	for (int i = 0; i < S2V_OBS_NR; i++)
		if (s->hooks[i].method != S2V_METHOD_NONE && !s->hooks[i].idle)
			return false;
	snprintf(err, errlen, "no hook attaches on this kernel, so nothing can be observed: %s",
		 s->hooks[S2V_OBS_MAP].reason);
	return true;
}

void s2v_session_announce(const struct s2v_session *s, struct s2v_sink *sink)
{
	s2v_run_announce(sink, &s->host, s->hooks, s->rules);
}

const char *s2v_session_hooks_line(struct s2v_session *s)
{
	static const char *const how[] = {
		[S2V_METHOD_FENTRY] = "by fentry",
		[S2V_METHOD_KPROBE] = "by kprobe",
		[S2V_METHOD_TRACEPOINT] = "by tracepoint",
		[S2V_METHOD_NONE] = "not attached",
	};
	static const int order[] = { S2V_METHOD_FENTRY, S2V_METHOD_KPROBE, S2V_METHOD_TRACEPOINT,
				     S2V_METHOD_NONE };
	unsigned int n[S2V_ARRAY_SIZE(how)] = { 0 };
	size_t len = 0;

	for (int i = 0; i < S2V_OBS_NR; i++)
		n[s->hooks[i].method] += !s->hooks[i].idle;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(order); i++) {
		unsigned int k = n[order[i]];

		if (k && len < sizeof(s->line))
			len += (size_t)snprintf(s->line + len, sizeof(s->line) - len, "%s%u%s %s",
						len ? ", " : "", k,
						len	 ? ""
						: k == 1 ? " hook"
							 : " hooks",
						how[order[i]]);
	}
	return s->line;
}

void s2v_session_free(struct s2v_session *s)
{
	s2v_kallsyms_free(s->ks);
	s2v_host_free(&s->host);
}

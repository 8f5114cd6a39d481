// SPDX-License-Identifier: BSD-2-Clause
#include <stdio.h>
#include <string.h>

#include "cmd/recording.h"
#include "util/util.h"

int s2v_recording_begin(struct s2v_recording *r, const struct s2v_cmd_opts *o,
			const struct s2v_session *ses, __u64 boot, __s64 boot_to_real, char *err,
			size_t errlen)
{
	struct s2t_info info = { .host = ses->host,
				 .boot = boot,
				 .boot_to_real = boot_to_real,
				 .pid = o->pid,
				 .audit = o->audit,
				 .all = o->all };
	struct s2t_writer_opts wo = { .path = o->output,
				      .info = &info,
				      .rotate = o->rotate,
				      .ring_bytes = o->ring_bytes,
				      .ring_ns = o->ring_ns };

	*r = (struct s2v_recording){ .o = o };
	if (!o->output)
		return 0;
	memcpy(info.hooks, ses->hooks, sizeof(info.hooks));
	snprintf(info.version, sizeof(info.version), "%s", S2V_VERSION);
	r->w = s2t_create(&wo, err, errlen);
	return r->w ? 0 : -1;
}

void s2v_recording_event(struct s2v_recording *r, const struct s2v_ev_hdr *ev)
{
	if (r->w)
		s2t_append(r->w, ev);
}

void s2v_recording_mark(struct s2v_recording *r, __u32 type, __u64 time)
{
	if (r->w)
		s2t_mark(r->w, type, time);
}

static void report_failure(struct s2v_recording *r, int err, const char *path)
{
	if (!r->failed)
		s2v_err("recording to %s has stopped: %s; what was written before is valid", path,
			strerror(err));
	r->failed = true;
}

void s2v_recording_counters(struct s2v_recording *r, const struct s2v_summary *sum)
{
	int err;

	if (!r->w)
		return;
	s2t_counters(r->w, sum);
	err = s2t_failed(r->w);
	if (err)
		report_failure(r, err, r->o->output);
}

void s2v_recording_end(struct s2v_recording *r, const struct s2v_summary *sum)
{
	if (!r->w)
		return;
	s2t_close(r->w, sum, &r->facts);
	r->w = NULL;
	if (r->facts.err)
		report_failure(r, r->facts.err, r->facts.path);
	else if (r->facts.dropped)
		s2v_err("%llu event%s not recorded: writing %s was too slow",
			(unsigned long long)r->facts.dropped, r->facts.dropped == 1 ? "" : "s",
			r->o->output);
}

bool s2v_recording_whole(const struct s2v_recording *r)
{
	return !r->o->output || (!r->facts.err && !r->facts.dropped);
}

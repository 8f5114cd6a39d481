// SPDX-License-Identifier: BSD-2-Clause
/* The live commands where there is no KVM/arm64: their options are checked all the same. */
#if !defined(__aarch64__)
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/cmd.h"
#include "daemon/source.h"
#include "cmd/opts.h"
#include "util/util.h"

static void why_not(const char *command, char *err, size_t errlen)
{
	struct utsname u;

	snprintf(
		err, errlen,
		"%s watches KVM on 64-bit Arm, and this is a build for %s: copy build/arm64/s2verify "
		"(make ARCH=arm64 STATIC=1) to the arm64 host and run it there as root",
		command, uname(&u) ? "another machine" : u.machine);
}

static int cannot(const char *command)
{
	char err[512];

	why_not(command, err, sizeof(err));
	s2v_err("%s", err);
	return S2V_EXIT_CANNOT;
}

int s2v_cmd_check(int argc, char **argv)
{
	struct s2v_check_opts o;

	return s2v_check_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("check");
}

int s2v_cmd_trace(int argc, char **argv)
{
	struct s2v_trace_opts o;

	return s2v_trace_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("trace");
}

int s2v_cmd_audit(int argc, char **argv)
{
	struct s2v_audit_cmd_opts o;

	return s2v_audit_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("audit");
}

int s2v_cmd_resets(int argc, char **argv)
{
	struct s2v_trace_opts o;

	return s2v_resets_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("resets");
}

int s2v_cmd_record(int argc, char **argv)
{
	struct s2v_trace_opts o;

	return s2v_record_opts_parse(argc, argv, &o) ? S2V_EXIT_USAGE : cannot("record");
}
struct s2v_source *s2v_source_live(enum s2v_attach_mode mode, __u32 buffer, bool verbose, char *err,
				   size_t errlen)
{
	(void)mode;
	(void)buffer;
	(void)verbose;
	why_not("daemon", err, errlen);
	return NULL;
}

int s2v_privileges_drop(struct s2v_privileges *p)
{
	snprintf(p->kept, sizeof(p->kept), "those it was started with");
	return 0;
}

int s2v_bpf_stats(void)
{
	return -EOPNOTSUPP;
}
#else
typedef int s2v_nothing_here; /* ISO C wants a declaration */
#endif

// SPDX-License-Identifier: BSD-2-Clause
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/host_parse.h"

static int range_cmp(const void *a, const void *b)
{
	const struct s2v_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Sorts ranges and merges those that touch or overlap; returns how many are left. */
static size_t ranges_merge(struct s2v_range *r, size_t n)
{
	size_t i, out = 0;

	if (!n)
		return 0;
	qsort(r, n, sizeof(*r), range_cmp);
	for (i = 1; i < n; i++) {
		if (r[i].start > r[out].end)
			r[++out] = r[i];
		else if (r[i].end > r[out].end)
			r[out].end = r[i].end;
	}
	return out + 1;
}

/* "    40000000-7fffffff : System RAM". False: another line, or its addresses are hidden. */
static bool iomem_line(const char *line, struct s2v_range *r)
{
	__u64 start, last;
	int at = -1;

	if (sscanf(line, " %" SCNx64 "-%" SCNx64 " : System RA%n", (uint64_t *)&start,
		   (uint64_t *)&last, &at) != 2 ||
	    at < 0 || line[at] != 'M')
		return false;
	if (!strchr(" \n", line[at + 1]))
		return false;
	if (!last || last < start || last == ~0ULL)
		return false;
	r->start = start;
	r->end = last + 1;
	return true;
}

int s2v_parse_iomem(FILE *f, struct s2v_range **ram, size_t *n)
{
	struct s2v_range *r = NULL, *grown, one;
	size_t nr = 0, room = 0, cap = 0;
	char *line = NULL;
	int err = 0;

	*ram = NULL;
	*n = 0;
	errno = 0;
	while (getline(&line, &cap, f) >= 0) {
		if (!iomem_line(line, &one))
			continue;
		if (nr == S2V_RAM_RANGES_MAX) {
			err = -E2BIG;
			break;
		}
		if (nr == room) {
			room = room ? room * 2 : 16;
			grown = realloc(r, room * sizeof(*r));
			if (!grown) {
				err = -ENOMEM;
				break;
			}
			r = grown;
		}
		r[nr++] = one;
	}
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	free(line);
	if (err || !nr) {
		free(r);
		return err;
	}
	*n = ranges_merge(r, nr);
	*ram = r;
	return 0;
}

static bool starts_with(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/*
 * arch/arm64/kvm/arm.c: "VHE", "Hyp" or "Protected nVHE mode initialized successfully" up to
 * 6.1; "[Hyp |Protected ][h|n]VHE" in 6.12, and "+NV2" after it in 7.3.
 */
static void kmsg_kvm(struct s2v_kmsg *k, const char *msg)
{
	if (!strstr(msg, " mode initialized successfully"))
		return;
	k->kvm = true;
	if (starts_with(msg, "Protected "))
		k->mode = S2V_KVM_PROTECTED;
	else if (starts_with(msg, "VHE"))
		k->mode = S2V_KVM_VHE;
	else if (starts_with(msg, "Hyp "))
		k->mode = S2V_KVM_NVHE;
}

/* Descriptions in cpufeature.c, the same from 5.10 to 7.3. */
static void kmsg_feature(struct s2v_kmsg *k, const char *desc)
{
	if (starts_with(desc, "Stage-2 Force Write-Back"))
		k->fwb = true;
	else if (starts_with(desc, "Instruction cache invalidation not required for I/D coherence"))
		k->dic = true;
}

void s2v_parse_kmsg(struct s2v_kmsg *k, const char *rec)
{
	static const char feature[] = "CPU features: detected: ";
	unsigned long long seq;
	const char *msg = strchr(rec, ';');
	unsigned int prio;

	if (!msg || sscanf(rec, "%u,%llu,", &prio, &seq) != 2)
		return;
	msg++;
	if (!k->any)
		k->from_boot = seq == 0;
	else if (seq != k->seq + 1)
		k->gap = true;
	k->any = true;
	k->seq = seq;
	/* Facility 0 is the kernel; lines that a process writes to /dev/kmsg have another. */
	if (prio >> 3)
		return;
	if (starts_with(msg, feature)) {
		kmsg_feature(k, msg + strlen(feature));
	} else if (starts_with(msg, "kvm [")) {
		msg = strstr(msg, "]: ");
		if (msg)
			kmsg_kvm(k, msg + 3);
	}
}

/* For the kernel '-' and '_' are the same in parameter names (parameq()). */
static bool is_mode_param(const char *s, size_t len)
{
	static const char name[] = "kvm-arm.mode";
	size_t i;

	if (len != sizeof(name) - 1)
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] != name[i] && !(s[i] == '_' && name[i] == '-'))
			return false;
	}
	return true;
}

static bool word_is(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncmp(s, word, len);
}

int s2v_parse_cmdline_mode(const char *cmdline)
{
	int mode = S2V_KVM_UNKNOWN;
	const char *p = cmdline;

	for (;;) {
		size_t len, name;

		p += strspn(p, " \t\n");
		len = strcspn(p, " \t\n");
		/* Parameters after "--" are for init. As in the kernel, the last of several counts. */
		if (!len || word_is(p, len, "--"))
			return mode;
		name = strcspn(p, "=");
		if (name < len && is_mode_param(p, name)) {
			const char *val = p + name + 1;
			size_t vlen = len - name - 1;

			if (word_is(val, vlen, "protected"))
				mode = S2V_KVM_PROTECTED;
			else if (word_is(val, vlen, "nvhe"))
				mode = S2V_KVM_NVHE;
			else if (word_is(val, vlen, "nested")) /* asks for VHE */
				mode = S2V_KVM_VHE;
			else
				mode = S2V_KVM_UNKNOWN;
		}
		p += len;
	}
}

bool s2v_parse_lockdown(const char *line, char *buf, size_t len)
{
	const char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;

	if (!close || close == open + 1 || (size_t)(close - open) > len)
		return false;
	memcpy(buf, open + 1, close - open - 1);
	buf[close - open - 1] = '\0';
	return true;
}

bool s2v_in_list(const char *list, const char *name)
{
	while (*list) {
		size_t len = strcspn(list, ",\n");

		if (word_is(list, len, name))
			return true;
		list += len;
		list += *list != '\0';
	}
	return false;
}

int s2v_parse_cap_eff(FILE *f, __u64 *caps)
{
	size_t cap = 0;
	char *line = NULL;
	int err = -ENODATA;

	errno = 0;
	while (getline(&line, &cap, f) >= 0) {
		if (sscanf(line, "CapEff: %" SCNx64, (uint64_t *)caps) == 1) {
			err = 0;
			break;
		}
	}
	if (err && ferror(f))
		err = errno ? -errno : -EIO;
	free(line);
	return err;
}

bool s2v_release_at_least(const char *release, unsigned int major, unsigned int minor)
{
	unsigned int maj, min;

	if (!isdigit((unsigned char)*release) || sscanf(release, "%u.%u", &maj, &min) != 2)
		return false;
	return maj > major || (maj == major && min >= minor);
}

/*
 * Whether the boot log announces a feature. A missing line counts as S2V_NO only if the log is whole
 * from its first record to KVM's message: features are announced before that.
 */
static int log_says(const struct s2v_kmsg *log, bool announced)
{
	if (announced)
		return S2V_YES;
	return log->from_boot && !log->gap && log->kvm ? S2V_NO : S2V_UNKNOWN;
}

static const char *yes_no(int tri)
{
	return tri == S2V_YES ? "has it" : "does not have it";
}

/* KVM's value, else that of the log; adds a contradiction to h->disagreement. */
static int choose_source(struct s2v_host *h, const char *what, const char *reg, int kvm, int log)
{
	if (kvm == S2V_UNKNOWN)
		return log;
	if (log != S2V_UNKNOWN && log != kvm)
		s2v_host_disagree(h, "%s: %s that KVM shows guests %s, the kernel's boot log %s",
				  what, reg, yes_no(kvm), yes_no(log));
	return kvm;
}

void s2v_host_weigh(struct s2v_host *h, const struct s2v_cpu_source *kvm,
		    const struct s2v_kmsg *log, const struct s2v_cpu_source *el0)
{
	h->fwb = choose_source(h, "S2FWB", "ID_AA64MMFR2_EL1", kvm->fwb, log_says(log, log->fwb));
	h->dic = choose_source(h, "DIC", "CTR_EL0", kvm->dic, log_says(log, log->dic));
	h->idc = kvm->idc;

	/*
	 * CTR_EL0 read at EL0 may be the kernel's emulation, which shows DIC clear on
	 * Neoverse-N1 (erratum 1542419, 5.5 on) while the kernel itself relies on it: a clear
	 * bit is no contradiction. A set bit comes from a CPU, and is one.
	 */
	if (h->dic == S2V_NO && el0->dic == S2V_YES)
		s2v_host_disagree(h, "DIC: %s does not have it, CTR_EL0 that s2verify reads has it",
				  kvm->dic == S2V_NO ? "CTR_EL0 that KVM shows guests"
						     : "the kernel's boot log");
	if (h->dic == S2V_UNKNOWN && el0->dic == S2V_YES)
		h->dic = S2V_YES;
	if (h->idc == S2V_UNKNOWN)
		h->idc = el0->idc;
	if (h->kvm_mode == S2V_KVM_UNKNOWN)
		h->kvm_mode = log->mode;
}

int s2v_host_pfnmap_cap(const struct s2v_host *h, int answer)
{
	if (answer > 0)
		return 1;
	/*
	 * KVM returns 0 for unknown capabilities, too. With S2FWB and DIC a kernel that has this
	 * one returns 1 (kvm_supports_cacheable_pfnmap(), 6.17 on).
	 */
	if (h->fwb == S2V_YES && h->dic == S2V_YES)
		return -1;
	/*
	 * Without them both kernels return 0, and no symbol differs (the predicate is inlined up
	 * to 7.0), so the release decides. That is wrong for a backport, without consequences:
	 * both 0 and -1 mean that cacheable PFNMAP is not offered.
	 */
	return s2v_release_at_least(h->kernel, 6, 17) ? 0 : -1;
}

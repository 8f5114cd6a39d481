// SPDX-License-Identifier: BSD-2-Clause
#define _GNU_SOURCE /* qsort_r() */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/kallsyms.h"

struct sym {
	__u64 addr;
	size_t name; /* offset into names: the pool moves while it grows */
};

struct s2v_kallsyms {
	struct sym *sym; /* sorted by name */
	size_t n, room;
	char *names;
	size_t used, names_room;
	bool through; /* the kernel's own text is */
};

/* The kernel's own symbols come first, by address: behind the text that ends here there is data, then modules. */
#define TEXT_ENDS "_einittext"

static int sym_cmp(const void *a, const void *b, void *names)
{
	const struct sym *x = a, *y = b;

	return strcmp((char *)names + x->name, (char *)names + y->name);
}

static int add(struct s2v_kallsyms *ks, __u64 addr, const char *name)
{
	size_t len = strlen(name) + 1;

	if (ks->n == S2V_KSYMS_MOST)
		return -E2BIG;
	if (ks->n == ks->room) {
		size_t room = ks->room ? ks->room * 2 : 65536;
		struct sym *sym = realloc(ks->sym, room * sizeof(*sym));

		if (!sym)
			return -ENOMEM;
		ks->sym = sym;
		ks->room = room;
	}
	if (len > ks->names_room - ks->used) {
		size_t room = ks->names_room ? ks->names_room * 2 : 1 << 21;
		char *names;

		while (room - ks->used < len)
			room *= 2;
		names = realloc(ks->names, room);
		if (!names)
			return -ENOMEM;
		ks->names = names;
		ks->names_room = room;
	}
	memcpy(ks->names + ks->used, name, len);
	ks->sym[ks->n].addr = addr;
	ks->sym[ks->n].name = ks->used;
	ks->used += len;
	ks->n++;
	return 0;
}

/*
 * "ffff800010080000 T name" and, for a module's, "\t[module]". Text only. What BPF and ftrace
 * generate ("[bpf]", "[__builtin__ftrace]") is no function of the kernel, whatever its name.
 */
static int add_line(struct s2v_kallsyms *ks, char *line)
{
	char *type = strchr(line, ' '), *end, *name, *tail;
	__u64 addr;

	/* First, since most are no text: there are 160,000 lines. */
	if (!type++ || (*type != 't' && *type != 'T' && *type != 'w' && *type != 'W') ||
	    type[1] != ' ')
		return 0;
	errno = 0;
	addr = strtoull(line, &end, 16);
	if (end == line || errno || end + 1 != type)
		return 0;
	name = type + 2;
	tail = name + strcspn(name, " \t\n");
	if (tail == name || strstr(tail, "[bpf]") || strstr(tail, "[__builtin__"))
		return 0;
	*tail = '\0';
	ks->through = !strcmp(name, TEXT_ENDS);
	return add(ks, addr, name);
}

int s2v_kallsyms_read(FILE *f, struct s2v_kallsyms **out)
{
	struct s2v_kallsyms *ks = calloc(1, sizeof(*ks));
	char *line = NULL;
	size_t cap = 0;
	int err = 0;

	*out = NULL;
	if (!ks)
		return -ENOMEM;
	errno = 0;
	while (!err && !ks->through && getline(&line, &cap, f) >= 0)
		err = add_line(ks, line);
	if (!err && ferror(f))
		err = errno ? -errno : -EIO;
	if (!err && !ks->n)
		err = -ENODATA;
	free(line);
	if (err) {
		s2v_kallsyms_free(ks);
		return err;
	}
	qsort_r(ks->sym, ks->n, sizeof(*ks->sym), sym_cmp, ks->names);
	*out = ks;
	return 0;
}

/* First symbol whose name does not sort before func. */
static size_t lower_bound(const struct s2v_kallsyms *ks, const char *func)
{
	size_t lo = 0, hi = ks->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (strcmp(ks->names + ks->sym[mid].name, func) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void s2v_kallsyms_find(const struct s2v_kallsyms *ks, const char *func, struct s2v_ksym *sym)
{
	size_t len = strlen(func), i;

	memset(sym, 0, sizeof(*sym));
	for (i = lower_bound(ks, func); i < ks->n; i++) {
		const char *name = ks->names + ks->sym[i].name;

		if (strncmp(name, func, len))
			break;
		if (!name[len]) {
			if (!sym->count++)
				sym->addr = ks->sym[i].addr;
		} else if (name[len] == '.') {
			if (!sym->copies++)
				snprintf(sym->copy, sizeof(sym->copy), "%s", name);
		} else if (name[len] > '.') {
			break; /* '.' sorts before letters, digits and '_' */
		}
	}
}

/* Asked once or twice in a run: no second index by address for that. */
__u64 s2v_kallsyms_room(const struct s2v_kallsyms *ks, __u64 addr)
{
	__u64 next = 0;

	for (size_t i = 0; i < ks->n; i++)
		if (ks->sym[i].addr > addr && (!next || ks->sym[i].addr < next))
			next = ks->sym[i].addr;
	return next ? next - addr : 0;
}

/* kernel.kptr_restrict, or -1. */
static int kptr_restrict(const char *proc)
{
	char path[4096];
	int value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "%s/sys/kernel/kptr_restrict", proc);
	f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

bool s2v_kallsyms_hidden(const struct s2v_kallsyms *ks, const char *proc, char *buf, size_t len)
{
	int value;

	for (size_t i = 0; i < ks->n; i++)
		if (ks->sym[i].addr)
			return false;
	value = kptr_restrict(proc);
	/* kallsyms_show_value(): 2 hides them from everybody, 1 and (as a rule) 0 from who lacks CAP_SYSLOG. */
	if (value >= 2)
		snprintf(
			buf, len,
			"the kernel hides the addresses of its symbols, by which the files of VMs are "
			"known, from everybody: kernel.kptr_restrict is %d; set it to 1 (sysctl -w "
			"kernel.kptr_restrict=1) and start again",
			value);
	else
		snprintf(
			buf, len,
			"the kernel hides the addresses of its symbols, by which the files of VMs are "
			"known, from processes without CAP_SYSLOG (kernel.kptr_restrict%s%s): run as "
			"root, or with that capability",
			value < 0 ? " is not known" : " is ",
			value < 0 ? ""
			: value	  ? "1"
				  : "0");
	return true;
}

void s2v_kallsyms_free(struct s2v_kallsyms *ks)
{
	if (!ks)
		return;
	free(ks->sym);
	free(ks->names);
	free(ks);
}

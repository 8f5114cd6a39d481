// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "live/needs.h"

#define TAG "kernel"
#define FLAVOUR "___"
#define MAX_STRUCTS 64
#define MAX_DEPTH 8 /* of anonymous structures in each other; more is a loop in broken BTF */
#define MAX_REPORTED 4

/* Releases tell where each came from; they are not asked for. */
const struct s2v_need_enumerator s2v_need_enumerators[S2V_NEED_ENUMERATORS] = {
	{ "bpf_func_id", "BPF_FUNC_task_storage_get", "bpf_task_storage_get()" }, /* 5.11 */
	{ "bpf_func_id", "BPF_FUNC_get_current_task_btf", "bpf_get_current_task_btf()" }, /* 5.11 */
	{ "bpf_func_id", "BPF_FUNC_get_func_arg", "bpf_get_func_arg()" }, /* 5.17 */
	{ "bpf_func_id", "BPF_FUNC_find_vma", "bpf_find_vma()" }, /* 5.17 */
	{ "bpf_func_id", "BPF_FUNC_loop", "bpf_loop()" }, /* 5.17 */
	{ "kvm_pgtable_prot", "KVM_PGTABLE_PROT_X", "KVM_PGTABLE_PROT_X" },
	{ "kvm_pgtable_prot", "KVM_PGTABLE_PROT_W", "KVM_PGTABLE_PROT_W" },
	{ "kvm_pgtable_prot", "KVM_PGTABLE_PROT_R", "KVM_PGTABLE_PROT_R" },
	{ "kvm_pgtable_prot", "KVM_PGTABLE_PROT_DEVICE", "KVM_PGTABLE_PROT_DEVICE" },
};

struct need {
	const struct btf_type *local;
	const struct btf_type *best; /* of the kernel's of that name, the one that lacks least */
	unsigned int lacks;
};

struct needs {
	const struct btf *kernel, *object;
	struct need s[MAX_STRUCTS];
	size_t n;
	bool has[S2V_NEED_ENUMERATORS];
};

/* The list in the sentence. */
struct reported {
	char list[256];
	unsigned int n;
};

static const char *name_at(const struct btf *btf, __u32 off)
{
	const char *name = btf__name_by_offset(btf, off);

	return name ? name : "";
}

static void __attribute__((format(printf, 2, 3))) tell(struct reported *t, const char *fmt, ...)
{
	size_t used = strlen(t->list);
	va_list ap;

	if (t->n++ >= MAX_REPORTED)
		return;
	if (t->n > 1)
		used += snprintf(t->list + used, sizeof(t->list) - used, ", ");
	if (used >= sizeof(t->list))
		return;
	va_start(ap, fmt);
	vsnprintf(t->list + used, sizeof(t->list) - used, fmt, ap);
	va_end(ap);
}

/* The structure or union that a member is of, by value, or NULL. */
static const struct btf_type *composite(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int depth;

	for (depth = 0; t && depth < MAX_DEPTH && (btf_is_mod(t) || btf_is_typedef(t)); depth++)
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_composite(t) ? t : NULL;
}

/* A member of that name, in anonymous structures and unions too, or NULL. */
static const struct btf_member *find(const struct btf *btf, const struct btf_type *t,
				     const char *name, int depth)
{
	const struct btf_member *m = btf_members(t), *in;
	const struct btf_type *inner;
	int i;

	for (i = 0; i < btf_vlen(t); i++, m++) {
		if (m->name_off) {
			if (!strcmp(name_at(btf, m->name_off), name))
				return m;
			continue;
		}
		inner = composite(btf, m->type);
		in = inner && depth < MAX_DEPTH ? find(btf, inner, name, depth + 1) : NULL;
		if (in)
			return in;
	}
	return NULL;
}

/*
 * How many of the members of `local` the kernel's `t` has not, those of anonymous structures
 * inside included. They are told of where told is given.
 */
static unsigned int lacks(const struct needs *n, const struct btf_type *local,
			  const struct btf_type *t, const char *path, struct reported *reported)
{
	const struct btf_member *m = btf_members(local), *found;
	const struct btf_type *inner, *their;
	unsigned int count = 0;
	char member[128];
	int i;

	for (i = 0; i < btf_vlen(local); i++, m++) {
		found = find(n->kernel, t, name_at(n->object, m->name_off), 0);
		snprintf(member, sizeof(member), "%s.%s", path, name_at(n->object, m->name_off));
		inner = composite(n->object, m->type);
		their = found ? composite(n->kernel, found->type) : NULL;
		if (found &&
		    (!inner || inner->name_off)) /* those with names have lines of their own */
			continue;
		if (found && their) {
			count += lacks(n, inner, their, member, reported);
			continue;
		}
		count++;
		if (reported)
			tell(reported, "%s", member);
	}
	return count;
}

static int collect(struct needs *n)
{
	__u32 id, end = btf__type_cnt(n->object);
	const struct btf_type *t;
	const char *name;

	for (id = 1; id < end; id++) {
		t = btf__type_by_id(n->object, id);
		if (!btf_is_decl_tag(t) || strcmp(name_at(n->object, t->name_off), TAG))
			continue;
		t = btf__type_by_id(n->object, t->type);
		if (!t || !btf_is_composite(t))
			continue;
		name = name_at(n->object, t->name_off);
		if (!*name || strstr(name, FLAVOUR))
			continue;
		if (n->n == MAX_STRUCTS)
			return -1;
		n->s[n->n++].local = t;
	}
	return n->n ? 0 : -1;
}

static void match_struct(struct needs *n, const struct btf_type *t, const char *name)
{
	struct need *s;
	unsigned int count;

	for (s = n->s; s < n->s + n->n; s++) {
		if (strcmp(name_at(n->object, s->local->name_off), name))
			continue;
		count = lacks(n, s->local, t, name, NULL);
		if (s->best && s->lacks <= count)
			continue;
		s->best = t;
		s->lacks = count;
	}
}

static bool has_enumerator(const struct btf *btf, const struct btf_type *t, const char *name)
{
	__u32 off;
	int i;

	for (i = 0; i < btf_vlen(t); i++) {
		off = btf_is_enum(t) ? btf_enum(t)[i].name_off : btf_enum64(t)[i].name_off;
		if (!strcmp(name_at(btf, off), name))
			return true;
	}
	return false;
}

static void match_enum(struct needs *n, const struct btf_type *t, const char *name)
{
	const struct s2v_need_enumerator *e = s2v_need_enumerators;
	int i;

	for (i = 0; i < S2V_NEED_ENUMERATORS; i++, e++) {
		if (!strcmp(e->type, name) && has_enumerator(n->kernel, t, e->name))
			n->has[i] = true;
	}
}

/* One pass: a kernel's BTF has some 100,000 types. */
static void match(struct needs *n)
{
	__u32 id, end = btf__type_cnt(n->kernel);
	const struct btf_type *t;

	for (id = 1; id < end; id++) {
		t = btf__type_by_id(n->kernel, id);
		if (!t->name_off)
			continue;
		if (btf_is_composite(t))
			match_struct(n, t, name_at(n->kernel, t->name_off));
		else if (btf_is_any_enum(t))
			match_enum(n, t, name_at(n->kernel, t->name_off));
	}
}

int s2v_needs(const struct btf *kernel, const struct btf *object, char *err, size_t errlen)
{
	struct needs n = { .kernel = kernel, .object = object };
	struct reported reported = { .n = 0 };
	const struct need *s;
	const char *name;
	char more[32] = "";
	int i;

	if (collect(&n)) {
		snprintf(err, errlen, "the BPF object does not tell what it needs of a kernel");
		return -1;
	}
	match(&n);
	for (i = 0; i < S2V_NEED_ENUMERATORS; i++)
		if (!n.has[i])
			tell(&reported, "%s", s2v_need_enumerators[i].said);
	for (s = n.s; s < n.s + n.n; s++) {
		name = name_at(object, s->local->name_off);
		if (!s->best)
			tell(&reported, "struct %s", name);
		else
			lacks(&n, s->local, s->best, name, &reported);
	}
	if (!reported.n)
		return 0;
	if (reported.n > MAX_REPORTED)
		snprintf(more, sizeof(more), " and %u more", reported.n - MAX_REPORTED);
	snprintf(err, errlen,
		 "this kernel cannot be observed, since by its BTF it lacks what the BPF programs "
		 "need: %s%s; Linux 6.1 and later have all of it",
		 reported.list, more);
	return -1;
}

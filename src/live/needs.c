// SPDX-License-Identifier: BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "live/needs.h"

#define TAG "kernel"
#define FLAVOUR "___"
#define MAX_STRUCTS 64
#define MAX_DEPTH 8 /* of anonymous structures in each other; more is a loop in broken BTF */
#define MAX_MISSING 4

/* The releases are for information; they are not checked. */
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
	const struct btf_type *best; /* the kernel's type of that name that lacks fewest */
	unsigned int n_missing; /* members that `best` lacks */
};

struct needs {
	const struct btf *kernel, *object;
	struct need s[MAX_STRUCTS];
	size_t n;
	bool has[S2V_NEED_ENUMERATORS];
};

/* The list of missing items in the message. */
struct missing {
	char list[256];
	unsigned int n;
};

static const char *name_at(const struct btf *btf, __u32 off)
{
	const char *name = btf__name_by_offset(btf, off);

	return name ? name : "";
}

static void __attribute__((format(printf, 2, 3)))
add_missing(struct missing *t, const char *fmt, ...)
{
	size_t used = strlen(t->list);
	va_list ap;

	if (t->n++ >= MAX_MISSING)
		return;
	if (t->n > 1)
		used += snprintf(t->list + used, sizeof(t->list) - used, ", ");
	if (used >= sizeof(t->list))
		return;
	va_start(ap, fmt);
	vsnprintf(t->list + used, sizeof(t->list) - used, fmt, ap);
	va_end(ap);
}

/* The structure or union that is the type of a member, or NULL. */
static const struct btf_type *composite(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int depth;

	for (depth = 0; t && depth < MAX_DEPTH && (btf_is_mod(t) || btf_is_typedef(t)); depth++)
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_composite(t) ? t : NULL;
}

/* The member with this name, also in anonymous structures and unions, or NULL. */
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
 * Counts the members of `local` that the kernel's `t` does not have, including those of anonymous
 * structures. Adds their names to `missing`, which may be NULL.
 */
static unsigned int count_missing(const struct needs *n, const struct btf_type *local,
				  const struct btf_type *t, const char *path,
				  struct missing *missing)
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
		    (!inner || inner->name_off)) /* named structures are checked on their own */
			continue;
		if (found && their) {
			count += count_missing(n, inner, their, member, missing);
			continue;
		}
		count++;
		if (missing)
			add_missing(missing, "%s", member);
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
		count = count_missing(n, s->local, t, name, NULL);
		if (s->best && s->n_missing <= count)
			continue;
		s->best = t;
		s->n_missing = count;
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

/* A single pass: a kernel's BTF has some 100,000 types. */
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
	struct missing missing = { .n = 0 };
	const struct need *s;
	const char *name;
	char more[32] = "";
	int i;

	if (collect(&n)) {
		snprintf(err, errlen, "the BPF object does not state what it needs of a kernel");
		return -1;
	}
	match(&n);
	for (i = 0; i < S2V_NEED_ENUMERATORS; i++)
		if (!n.has[i])
			add_missing(&missing, "%s", s2v_need_enumerators[i].shown);
	for (s = n.s; s < n.s + n.n; s++) {
		name = name_at(object, s->local->name_off);
		if (!s->best)
			add_missing(&missing, "struct %s", name);
		else
			count_missing(&n, s->local, s->best, name, &missing);
	}
	if (!missing.n)
		return 0;
	if (missing.n > MAX_MISSING)
		snprintf(more, sizeof(more), " and %u more", missing.n - MAX_MISSING);
	snprintf(err, errlen,
		 "this kernel cannot be observed, since its BTF lacks what the BPF programs need: "
		 "%s%s; Linux 6.1 and later have all of it",
		 missing.list, more);
	return -1;
}

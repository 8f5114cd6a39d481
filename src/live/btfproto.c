// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "live/btfproto.h"

/* BTF type chains are a few links long; a longer one is a loop in broken BTF. */
#define MAX_DEPTH 32

struct out {
	char *buf;
	size_t len, used;
	int err;
};

static void __attribute__((format(printf, 2, 3))) put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (o->err)
		return;
	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->used, o->len - o->used, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= o->len - o->used)
		o->err = -E2BIG;
	else
		o->used += n;
}

/* Skips qualifiers and typedefs. NULL: void, or no type with this id. */
static const struct btf_type *strip(const struct btf *btf, __u32 id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int depth;

	for (depth = 0; t && depth < MAX_DEPTH; depth++) {
		if (!btf_is_mod(t) && !btf_is_typedef(t) && !btf_is_type_tag(t))
			return btf_is_void(t) ? NULL : t;
		t = btf__type_by_id(btf, t->type);
	}
	return NULL;
}

static const char *name_of(const struct btf *btf, const struct btf_type *t)
{
	const char *name = btf__name_by_offset(btf, t->name_off);

	return name ? name : "";
}

static void put_pointer(struct out *o, const struct btf *btf, const struct btf_type *ptr)
{
	const struct btf_type *t = strip(btf, ptr->type);

	if (t && (btf_is_composite(t) || btf_is_fwd(t)))
		put(o, "%s", name_of(btf, t));
	put(o, "*");
}

static void put_type(struct out *o, const struct btf *btf, __u32 id)
{
	const struct btf_type *t = strip(btf, id);

	if (!t)
		o->err = -EINVAL;
	else if (btf_is_ptr(t))
		put_pointer(o, btf, t);
	else if (btf_is_int(t) || btf_is_any_enum(t))
		put(o, "i%u", t->size);
	else if (btf_is_float(t))
		put(o, "f%u", t->size);
	else if (btf_is_composite(t))
		put(o, "%s", name_of(btf, t));
	else
		o->err = -EINVAL;
}

static int put_proto(const struct btf *btf, const struct btf_type *func, char *buf, size_t len)
{
	const struct btf_type *proto = btf__type_by_id(btf, func->type);
	struct out o = { .buf = buf, .len = len };
	const struct btf_param *p;
	int i, n;

	if (!proto || !btf_is_func_proto(proto))
		return -EINVAL;
	buf[0] = '\0';
	p = btf_params(proto);
	n = btf_vlen(proto);
	for (i = 0; i < n && !o.err; i++) {
		if (i)
			put(&o, ",");
		if (!p[i].type && i == n - 1) /* void for a last parameter: variable arguments */
			put(&o, "...");
		else
			put_type(&o, btf, p[i].type);
	}
	return o.err;
}

int s2v_btf_proto(const struct btf *btf, const char *func, char *buf, size_t len)
{
	const struct btf_type *t;
	char other[256];
	bool found = false;
	__u32 id, n = btf__type_cnt(btf);
	int err;

	if (!len)
		return -E2BIG;
	for (id = 1; id < n; id++) {
		t = btf__type_by_id(btf, id);
		if (!t || !btf_is_func(t) || strcmp(name_of(btf, t), func))
			continue;
		if (!found)
			err = put_proto(btf, t, buf, len);
		else
			err = put_proto(btf, t, other, sizeof(other));
		/* No prototype that s2verify knows is longer than `other`: they differ. */
		if (found && (err == -E2BIG || (!err && strcmp(buf, other))))
			return -EEXIST;
		if (err)
			return err;
		found = true;
	}
	return found ? 0 : -ENOENT;
}

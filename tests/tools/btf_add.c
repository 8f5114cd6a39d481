// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/observe.c src/core/names.c src/live/btfproto.c src/live/needs.c */
/* libs: -lbpf */
/*
 * btf_add FULL SMALL OBJECT OUT - adds to a reduced BTF (bpftool gen min_core_btf) what s2verify
 * looks up in a kernel's BTF besides its relocations: the functions that the choice of hooks looks
 * up, and the enumerators that it needs. Structures that only a prototype names become forward
 * declarations. s2verify must find the same in both.
 */
#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"
#include "live/btfproto.h"
#include "live/needs.h"
#include "host/observe.h"

#define MAX_PARAMS 16 /* of a function, and members of a structure */

static struct btf *full, *small;
static int *copies; /* id in full → id in small, 0: not copied */

static void __attribute__((noreturn)) die(const char *what, int err)
{
	fprintf(stderr, "btf_add: %s: %s\n", what, strerror(err < 0 ? -err : err));
	exit(1);
}

static int added(int id)
{
	if (id < 0)
		die("adding a type", id);
	return id;
}

static const char *name_of(const struct btf_type *t)
{
	return btf__name_by_offset(full, t->name_off);
}

static int copy_composite(const struct btf_type *t)
{
	static const __u32 kinds[] = { BTF_KIND_STRUCT, BTF_KIND_UNION, BTF_KIND_FWD };
	bool is_union = btf_is_union(t) || (btf_is_fwd(t) && btf_kflag(t));
	int id;

	if (!t->name_off) /* a pointer to it is a pointer to anything */
		return 0;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(kinds); i++) {
		id = btf__find_by_name_kind(small, name_of(t), kinds[i]);
		if (id > 0)
			return id;
	}
	return added(btf__add_fwd(small, name_of(t), is_union ? BTF_FWD_UNION : BTF_FWD_STRUCT));
}

/* An enumeration that SMALL does not have needs no enumerators: only its size matters. */
static int copy_enum(const struct btf_type *t)
{
	int id = t->name_off ? btf__find_by_name_kind(small, name_of(t), btf_kind(t)) : 0;

	if (id > 0)
		return id;
	if (btf_is_enum(t))
		return added(btf__add_enum(small, name_of(t), t->size));
	return added(btf__add_enum64(small, name_of(t), t->size, btf_kflag(t)));
}

static int copy(__u32 id)
{
	const struct btf_type *t = btf__type_by_id(full, id);
	int new;

	if (!id || copies[id])
		return id ? copies[id] : 0;
	switch (btf_kind(t)) {
	case BTF_KIND_INT:
		new = btf__add_int(small, name_of(t), t->size, btf_int_encoding(t));
		break;
	case BTF_KIND_ENUM:
	case BTF_KIND_ENUM64:
		new = copy_enum(t);
		break;
	case BTF_KIND_PTR:
		new = btf__add_ptr(small, copy(t->type));
		break;
	case BTF_KIND_TYPEDEF:
		new = btf__add_typedef(small, name_of(t), copy(t->type));
		break;
	case BTF_KIND_CONST:
		new = btf__add_const(small, copy(t->type));
		break;
	case BTF_KIND_VOLATILE:
		new = btf__add_volatile(small, copy(t->type));
		break;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_FWD:
		new = copy_composite(t);
		break;
	default: /* verify() notices where it matters */
		new = 0;
	}
	copies[id] = added(new);
	return new;
}

static void copy_func(const struct btf_type *func)
{
	const struct btf_type *proto = btf__type_by_id(full, func->type);
	const struct btf_param *p = btf_params(proto);
	int types[MAX_PARAMS], ret, id, n = btf_vlen(proto);

	if (n > MAX_PARAMS)
		die(name_of(func), E2BIG);
	for (int i = 0; i < n; i++)
		types[i] = copy(p[i].type);
	ret = copy(proto->type);
	id = added(btf__add_func_proto(small, ret));
	for (int i = 0; i < n; i++)
		added(btf__add_func_param(small, btf__name_by_offset(full, p[i].name_off),
					  types[i]));
	added(btf__add_func(small, name_of(func), btf_vlen(func), id));
}

/* Both must have the same prototype of a function. */
static void verify(const char *func)
{
	char a[256] = "", b[256] = "";
	int ra = s2v_btf_proto(full, func, a, sizeof(a));
	int rb = s2v_btf_proto(small, func, b, sizeof(b));

	if (ra != rb || strcmp(a, b))
		die(func, EINVAL);
}

/* Copies the function and returns no prototype, so that the choice of hooks asks for the next. */
static int proto(void *ctx, const char *func, char *buf, size_t len)
{
	__u32 end = btf__type_cnt(full);
	const struct btf_type *t;

	(void)ctx;
	(void)buf;
	(void)len;
	if (btf__find_by_name_kind(small, func, BTF_KIND_FUNC) > 0)
		return -ENOENT;
	for (__u32 id = 1; id < end; id++) {
		t = btf__type_by_id(full, id);
		if (btf_is_func(t) && !strcmp(name_of(t), func))
			copy_func(t);
	}
	verify(func);
	return -ENOENT;
}

static void symbol(void *ctx, const char *func, struct s2v_ksym *sym)
{
	(void)ctx;
	(void)func;
	memset(sym, 0, sizeof(*sym));
	sym->count = 1;
}

static void add_functions(void)
{
	const struct s2v_observe_ops ops = { .proto = proto, .symbol = symbol };
	struct s2v_hook hooks[S2V_OBS_NR];
	struct s2v_host host = { .kvm_mode = S2V_KVM_VHE };

	s2v_observe_choose(hooks, &host, S2V_ATTACH_AUTO, true, &ops);
	host.kvm_mode = S2V_KVM_PROTECTED;
	s2v_observe_choose(hooks, &host, S2V_ATTACH_AUTO, true, &ops);
}

/* Adds an enumeration with those needed enumerators of a type that the kernel has. */
static void add_enumerators(const char *type)
{
	int id = btf__find_by_name_kind(full, type, BTF_KIND_ENUM);
	const struct s2v_need_enumerator *n = s2v_need_enumerators;
	const struct btf_type *t;
	const char *name;

	if (btf__find_by_name_kind(small, type, BTF_KIND_ENUM) > 0 ||
	    btf__find_by_name_kind(small, type, BTF_KIND_ENUM64) > 0)
		return; /* relocations need it: it has all that they need */
	if (id < 0)
		die(type, ENOENT);
	added(btf__add_enum(small, type, 4));
	t = btf__type_by_id(full, id);
	for (int i = 0; i < btf_vlen(t); i++) {
		name = btf__name_by_offset(full, btf_enum(t)[i].name_off);
		for (int k = 0; k < S2V_NEED_ENUMERATORS; k++)
			if (!strcmp(n[k].type, type) && !strcmp(n[k].name, name))
				added(btf__add_enum_value(small, name, btf_enum(t)[i].val));
	}
}

/* Adds a structure with those members that the programs declare. */
static void add_struct(const struct btf *object, const struct btf_type *local,
		       const struct btf_type *theirs)
{
	const struct btf_member *kept[MAX_PARAMS], *m = btf_members(theirs);
	int types[MAX_PARAMS], n = 0;

	for (int i = 0; i < btf_vlen(theirs); i++, m++)
		for (int k = 0; k < btf_vlen(local) && n < MAX_PARAMS; k++)
			if (!strcmp(btf__name_by_offset(full, m->name_off),
				    btf__name_by_offset(object, btf_members(local)[k].name_off))) {
				types[n] = copy(m->type);
				kept[n++] = m;
			}
	added(btf__add_struct(small, name_of(theirs), theirs->size));
	for (int i = 0; i < n; i++)
		added(btf__add_field(small, btf__name_by_offset(full, kept[i]->name_off), types[i],
				     kept[i]->offset, 0));
}

/* min_core_btf omits a structure if none of its relocations resolved. */
static void add_structs(const struct btf *object)
{
	__u32 end = btf__type_cnt(object);
	const struct btf_type *t;
	const char *name;
	int id;

	for (__u32 tag = 1; tag < end; tag++) {
		t = btf__type_by_id(object, tag);
		if (!btf_is_decl_tag(t))
			continue;
		t = btf__type_by_id(object, t->type);
		name = btf__name_by_offset(object, t->name_off);
		id = *name ? btf__find_by_name_kind(full, name, BTF_KIND_STRUCT) : 0;
		if (id > 0 && btf__find_by_name_kind(small, name, BTF_KIND_STRUCT) < 0)
			add_struct(object, t, btf__type_by_id(full, id));
	}
}

static void verify_needs(const struct btf *object)
{
	char a[512] = "", b[512] = "";
	int ra = s2v_needs(full, object, a, sizeof(a));
	int rb = s2v_needs(small, object, b, sizeof(b));

	if (ra != rb || strcmp(a, b))
		die("what the kernel lacks", EINVAL);
}

static void write_out(const char *path)
{
	__u32 len;
	const void *data = btf__raw_data(small, &len);
	FILE *out = fopen(path, "we");

	if (!data || !out || fwrite(data, len, 1, out) != 1 || fclose(out))
		die(path, errno);
}

static struct btf *parse(const char *path)
{
	struct btf *btf = btf__parse(path, NULL);

	if (!btf)
		die(path, errno);
	return btf;
}

int main(int argc, char **argv)
{
	struct btf *object;

	if (argc != 5) {
		fprintf(stderr, "usage: btf_add FULL SMALL OBJECT OUT (see btf-reduce)\n");
		return 2;
	}
	full = parse(argv[1]);
	small = parse(argv[2]);
	object = parse(argv[3]);
	copies = calloc(btf__type_cnt(full), sizeof(*copies));
	if (!copies)
		die("memory", ENOMEM);
	add_structs(object);
	add_functions();
	for (int i = 0; i < S2V_NEED_ENUMERATORS; i++)
		add_enumerators(s2v_need_enumerators[i].type);
	verify_needs(object);
	write_out(argv[4]);
	free(copies);
	btf__free(object);
	btf__free(small);
	btf__free(full);
	return 0;
}

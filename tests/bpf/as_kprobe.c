// SPDX-License-Identifier: BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "as_kprobe.h"
#include "util/types.h"

/* Releases of clang-format differ on macros that are initialisers. */
/* clang-format off */
#define BPF(class, op, ...) { .code = BPF_##class | (op), __VA_ARGS__ }
/* clang-format on */
#define MAX_INSNS 16384
#define MAX_FUNCS 32

/*
 * Replacements of bpf_get_func_arg(ctx, n, &v) and bpf_get_func_ret(ctx, &v), which kprobe programs
 * may not call: two functions that write an arbitrary number to v and return 0.
 */
static const struct bpf_insn replacements[] = {
	BPF(ALU64, BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_3),
	BPF(JMP, BPF_CALL, .imm = BPF_FUNC_ktime_get_ns),
	BPF(STX, BPF_MEM | BPF_DW, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0),
	BPF(ALU64, BPF_MOV | BPF_K, .dst_reg = BPF_REG_0),
	BPF(JMP, BPF_EXIT),
	BPF(ALU64, BPF_MOV | BPF_X, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_2),
	BPF(JMP, BPF_CALL, .imm = BPF_FUNC_ktime_get_ns),
	BPF(STX, BPF_MEM | BPF_DW, .dst_reg = BPF_REG_6, .src_reg = BPF_REG_0),
	BPF(ALU64, BPF_MOV | BPF_K, .dst_reg = BPF_REG_0),
	BPF(JMP, BPF_EXIT),
};
static const __u32 helpers[] = { BPF_FUNC_get_func_arg, BPF_FUNC_get_func_ret };

static int handlers[2];
static struct bpf_func_info funcs[MAX_FUNCS];

/* BTF id of any static function: the verifier does not check the argument types of those. */
static __u32 static_func(const struct btf *btf)
{
	__u32 id, end = btf__type_cnt(btf);

	for (id = 1; id < end; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_func(t) && btf_vlen(t) == BTF_FUNC_STATIC)
			return id;
	}
	return 0;
}

/* Appends the replacement of helper h, and makes calls of h call it. Returns the new length. */
static __u32 replace_helper(struct bpf_insn *insns, __u32 n, int h, struct bpf_prog_load_opts *o,
			    __u32 type_id)
{
	const __u32 len = S2V_ARRAY_SIZE(replacements) / 2;
	bool used = false;
	__u32 i;

	for (i = 0; i < n; i++) {
		if (insns[i].code != (BPF_JMP | BPF_CALL) || insns[i].src_reg ||
		    insns[i].imm != (__s32)helpers[h])
			continue;
		insns[i].src_reg = BPF_PSEUDO_CALL;
		insns[i].imm = n - i - 1;
		used = true;
	}
	if (!used) /* the verifier refuses a function without a caller */
		return n;
	memcpy(insns + n, replacements + h * len, len * sizeof(*insns));
	funcs[o->func_info_cnt].insn_off = n;
	funcs[o->func_info_cnt++].type_id = type_id;
	return n + len;
}

/* libbpf calls this after relocation, before the load. */
static int prepare(struct bpf_program *p, struct bpf_prog_load_opts *o, long cookie)
{
	static struct bpf_insn insns[MAX_INSNS];
	struct btf *btf;
	__u32 n = bpf_program__insn_cnt(p), type_id;
	struct bpf_btf_info info = { 0 };
	__u32 len = sizeof(info);

	(void)cookie;
	if (n + S2V_ARRAY_SIZE(replacements) > MAX_INSNS || o->func_info_cnt + 2 > MAX_FUNCS ||
	    o->func_info_rec_size != sizeof(funcs[0]) ||
	    bpf_obj_get_info_by_fd(o->prog_btf_fd, &info, &len))
		return -E2BIG;
	btf = btf__load_from_kernel_by_id(info.id);
	if (!btf)
		return -errno;
	type_id = static_func(btf);
	btf__free(btf);
	memcpy(insns, bpf_program__insns(p), n * sizeof(*insns));
	memcpy(funcs, o->func_info, o->func_info_cnt * sizeof(*funcs));
	for (int h = 0; h < 2; h++)
		n = replace_helper(insns, n, h, o, type_id);
	o->func_info = funcs;
	o->line_info = NULL; /* the kernel wants lines for all functions or none */
	o->line_info_cnt = 0;
	return bpf_program__set_insns(p, insns, n);
}

void as_kprobe_register(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, o, .prog_prepare_load_fn = prepare);

	handlers[0] = libbpf_register_prog_handler("fentry+", BPF_PROG_TYPE_KPROBE, 0, &o);
	handlers[1] = libbpf_register_prog_handler("fexit+", BPF_PROG_TYPE_KPROBE, 0, &o);
}

void as_kprobe_unregister(void)
{
	libbpf_unregister_prog_handler(handlers[0]);
	libbpf_unregister_prog_handler(handlers[1]);
}

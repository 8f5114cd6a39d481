// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/host.h"
#include "host/observe.h"
#include "util/util.h"

/* When KVM calls a function, by its mode. */
enum when {
	ALWAYS,
	PROTECTED, /* in protected mode only */
	/*
	 * Not in protected mode if the kernel has the PROTECTED function for the same purpose
	 * (KVM_PGT_FN(), 6.16 on): a probe here would attach and see nothing.
	 */
	UNLESS_PROTECTED,
	/* In any mode: a function if the beginning of each fault is needed, else a tracepoint. */
	EVERY_FAULT,
	UNLESS_EVERY_FAULT,
};

/*
 * A function with an argument list in canonical form (live/btfproto.h), for an enum s2v_observe.
 * Best first; lines of one function are adjacent. To observe more, or for the argument list of
 * another kernel, add a line.
 */
struct candidate {
	enum s2v_observe observe;
	const char *func;
	const char *proto;
	enum s2v_variant variant;
	enum when when;
};

static const struct candidate candidates[] = {
	/* TRACE_EVENT(kvm_userspace_exit, reason, errno), 5.10 to 7.3: its arguments are not in BTF. */
	{ S2V_OBS_FAULT, S2V_FAULT_TRACEPOINT, "", S2V_VAR_FAULT_EXIT, UNLESS_EVERY_FAULT },
	/* Static: gcc inlines it up to 7.0. Forms of 7.1 on, of 6.12 to 7.0, of 5.10 to 6.6. */
	{ S2V_OBS_FAULT, "user_mem_abort", "kvm_s2_fault_desc*", S2V_VAR_FAULT_DESC, EVERY_FAULT },
	{ S2V_OBS_FAULT, "user_mem_abort", "kvm_vcpu*,i8,kvm_s2_trans*,kvm_memory_slot*,i8,i1",
	  S2V_VAR_FAULT_VCPU, EVERY_FAULT },
	{ S2V_OBS_FAULT, "user_mem_abort", "kvm_vcpu*,i8,kvm_memory_slot*,i8,i8",
	  S2V_VAR_FAULT_VCPU, EVERY_FAULT },
	{ S2V_OBS_FAULT, "kvm_handle_guest_abort", "kvm_vcpu*", S2V_VAR_FAULT_ABORT, EVERY_FAULT },

	/* Forms of 6.6 on, and of 5.15 and 6.1. */
	{ S2V_OBS_MAP, "pkvm_pgtable_stage2_map", "kvm_pgtable*,i8,i8,i8,i8,*,i4", S2V_VAR_MAP,
	  PROTECTED },
	{ S2V_OBS_MAP, "kvm_pgtable_stage2_map", "kvm_pgtable*,i8,i8,i8,i8,*,i4", S2V_VAR_MAP,
	  UNLESS_PROTECTED },
	{ S2V_OBS_MAP, "kvm_pgtable_stage2_map", "kvm_pgtable*,i8,i8,i8,i8,*", S2V_VAR_MAP,
	  UNLESS_PROTECTED },

	/* Forms of 6.16 on, and of 5.15 to 6.12. */
	{ S2V_OBS_PERM, "pkvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4", S2V_VAR_PERM,
	  PROTECTED },
	{ S2V_OBS_PERM, "kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8,i4", S2V_VAR_PERM,
	  UNLESS_PROTECTED },
	{ S2V_OBS_PERM, "kvm_pgtable_stage2_relax_perms", "kvm_pgtable*,i8,i8", S2V_VAR_PERM,
	  UNLESS_PROTECTED },

	/* 5.17 on; before, the old slot was not an argument. */
	{ S2V_OBS_SLOT, "kvm_arch_prepare_memory_region",
	  "kvm*,kvm_memory_slot*,kvm_memory_slot*,i4", S2V_VAR_SLOT, ALWAYS },

	{ S2V_OBS_CAP, "kvm_vm_ioctl_check_extension", "kvm*,i8", S2V_VAR_CAP, ALWAYS },

	{ S2V_OBS_VM_GONE, "kvm_arch_destroy_vm", "kvm*", S2V_VAR_VM_GONE, ALWAYS },

	/* Static, and inlined in every build seen. */
	{ S2V_OBS_INIT, "kvm_arch_vcpu_ioctl_vcpu_init", "kvm_vcpu*,kvm_vcpu_init*",
	  S2V_VAR_INIT_VCPU, ALWAYS },
	{ S2V_OBS_INIT, "kvm_arch_vcpu_ioctl", "file*,i4,i8", S2V_VAR_INIT_IOCTL, ALWAYS },

	{ S2V_OBS_UNMAP, "stage2_unmap_vm", "kvm*", S2V_VAR_UNMAP, ALWAYS },

	{ S2V_OBS_RUN, "kvm_arch_vcpu_ioctl_run", "kvm_vcpu*", S2V_VAR_RUN, ALWAYS },

	{ S2V_OBS_HOST_UNMAP, "kvm_unmap_gfn_range", "kvm*,kvm_gfn_range*", S2V_VAR_HOST_UNMAP,
	  ALWAYS },
};

struct choice {
	const struct s2v_host *host;
	enum s2v_attach_mode mode;
	bool every_fault;
	const struct s2v_observe_ops *ops;
	struct s2v_hook *hook;
};

/* Adds a clause to the reason, unless it does not fit. */
static void __attribute__((format(printf, 2, 3)))
add_reason(struct s2v_hook *h, const char *fmt, ...)
{
	size_t used = strlen(h->reason), room = sizeof(h->reason) - used;
	const char *sep = used ? "; " : "";
	char clause[sizeof(h->reason)];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(clause, sizeof(clause), fmt, ap);
	va_end(ap);
	if (n >= 0 && strlen(clause) + strlen(sep) < room)
		snprintf(h->reason + used, room, "%s%s", sep, clause);
}

static bool in_kernel(const struct choice *c, const char *func)
{
	struct s2v_ksym sym;

	c->ops->symbol(c->ops->ctx, func, &sym);
	return sym.count || sym.copies;
}

/* Whether the candidate applies to KVM's mode and to every_fault. */
static bool applies(const struct choice *c, const struct candidate *cand)
{
	bool protected = c->host->kvm_mode == S2V_KVM_PROTECTED;
	size_t i;

	if (cand->when == EVERY_FAULT || cand->when == UNLESS_EVERY_FAULT)
		return c->every_fault == (cand->when == EVERY_FAULT);
	if (cand->when == ALWAYS || !protected)
		return cand->when != PROTECTED;
	if (cand->when == PROTECTED) /* absent before 6.16; that must not become a reason */
		return in_kernel(c, cand->func);
	for (i = 0; i < S2V_ARRAY_SIZE(candidates); i++) {
		if (candidates[i].observe == cand->observe && candidates[i].when == PROTECTED &&
		    in_kernel(c, candidates[i].func))
			return false;
	}
	return true;
}

/* Whether exactly one function has this name; adds the reason if not. */
static bool is_unique_symbol(const struct choice *c, const char *func)
{
	struct s2v_ksym sym;

	c->ops->symbol(c->ops->ctx, func, &sym);
	if (sym.count == 1)
		return true;
	if (sym.count)
		add_reason(c->hook, "%s is the name of %u functions of this kernel", func,
			   sym.count);
	else if (sym.copies)
		add_reason(
			c->hook,
			"%s is in this kernel's symbol table only as %.60s, whose arguments differ",
			func, sym.copy);
	else
		add_reason(c->hook, "%s is not in this kernel's symbol table (inlined)", func);
	return false;
}

/* The variant of the n lines of one function whose argument list is the one in BTF, or NONE. */
static enum s2v_variant match_prototype(const struct choice *c, const struct candidate *cand,
					size_t n)
{
	char proto[192];
	size_t i;
	int err = c->ops->proto(c->ops->ctx, cand->func, proto, sizeof(proto));

	if (err == -ENOENT) {
		add_reason(c->hook,
			   "%s is not in this kernel's BTF, so its arguments are not known",
			   cand->func);
		return S2V_VAR_NONE;
	}
	if (err == -EEXIST) {
		add_reason(c->hook, "%s has several argument lists in this kernel's BTF",
			   cand->func);
		return S2V_VAR_NONE;
	}
	if (err) {
		add_reason(c->hook, "%s cannot be read from this kernel's BTF (%s)", cand->func,
			   strerror(-err));
		return S2V_VAR_NONE;
	}
	for (i = 0; i < n; i++) {
		if (!strcmp(proto, cand[i].proto))
			return cand[i].variant;
	}
	add_reason(c->hook, "%s has unknown arguments in this kernel (%.80s)", cand->func, proto);
	return S2V_VAR_NONE;
}

static bool trial_ok(const struct choice *c, enum s2v_method m, const char *func, bool ret,
		     const char *what)
{
	char why[96] = "";
	int err = c->ops->trial(c->ops->ctx, m, func, ret, why, sizeof(why));

	if (!err)
		return true;
	add_reason(c->hook, "%s refused by the kernel on %s: %s%s%s%s", what, func,
		   c->ops->error ? c->ops->error(err) : strerror(-err), why[0] ? " (" : "", why,
		   why[0] ? ")" : "");
	return false;
}

/* Entry and return must both attach, also if only one is used later. */
static bool attaches(const struct choice *c, enum s2v_method m, const char *func)
{
	static const char *const what[][2] = {
		[S2V_METHOD_FENTRY] = { "fentry", "fexit" },
		[S2V_METHOD_KPROBE] = { "kprobe", "kretprobe" },
	};

	return trial_ok(c, m, func, false, what[m][0]) && trial_ok(c, m, func, true, what[m][1]);
}

static enum s2v_method try_methods(const struct choice *c, const char *func)
{
	if (c->mode != S2V_ATTACH_KPROBE && attaches(c, S2V_METHOD_FENTRY, func))
		return S2V_METHOD_FENTRY;
	if (c->mode != S2V_ATTACH_FENTRY && attaches(c, S2V_METHOD_KPROBE, func))
		return S2V_METHOD_KPROBE;
	return S2V_METHOD_NONE;
}

static bool try_tracepoint(const struct choice *c, const struct candidate *cand)
{
	if (!trial_ok(c, S2V_METHOD_TRACEPOINT, cand->func, false, "tracepoint"))
		return false;
	snprintf(c->hook->function, sizeof(c->hook->function), "%s", cand->func);
	c->hook->method = S2V_METHOD_TRACEPOINT;
	c->hook->variant = cand->variant;
	add_reason(c->hook, "%s reports faults that fail, and costs the others nothing",
		   cand->func);
	return true;
}

static bool try_candidate(const struct choice *c, const struct candidate *cand, size_t n)
{
	struct s2v_hook *h = c->hook;
	enum s2v_variant variant;
	enum s2v_method method;

	if (cand->when == UNLESS_EVERY_FAULT)
		return try_tracepoint(c, cand);
	if (!is_unique_symbol(c, cand->func))
		return false;
	variant = match_prototype(c, cand, n);
	if (variant == S2V_VAR_NONE)
		return false;
	method = try_methods(c, cand->func);
	if (method == S2V_METHOD_NONE)
		return false;
	snprintf(h->function, sizeof(h->function), "%s", cand->func);
	h->variant = variant;
	h->method = method;
	add_reason(h, "%s attaches%s%s", cand->func,
		   method == S2V_METHOD_KPROBE ? " by kprobe" : "",
		   c->mode == S2V_ATTACH_KPROBE ? ", as --attach=kprobe asks" : "");
	return true;
}

/* The number of lines of this function, from this one on. */
static size_t lines_of_function(const struct candidate *cand)
{
	const struct candidate *end = candidates + S2V_ARRAY_SIZE(candidates), *p = cand;

	while (p < end && p->observe == cand->observe && !strcmp(p->func, cand->func))
		p++;
	return p - cand;
}

static bool choose_one(const struct choice *c)
{
	struct s2v_hook *h = c->hook;
	size_t i, n;

	for (i = 0; i < S2V_ARRAY_SIZE(candidates); i += n) {
		const struct candidate *cand = &candidates[i];

		n = lines_of_function(cand);
		if (cand->observe != h->observe || !applies(c, cand))
			continue;
		if (!h->function[0])
			snprintf(h->function, sizeof(h->function), "%s", cand->func);
		if (try_candidate(c, cand, n))
			return true;
	}
	if (c->mode == S2V_ATTACH_FENTRY)
		add_reason(h, "--attach=fentry rules kprobes out");
	return false;
}

int s2v_observe_choose(struct s2v_hook hooks[S2V_OBS_NR], const struct s2v_host *host,
		       enum s2v_attach_mode mode, bool every_fault,
		       const struct s2v_observe_ops *ops)
{
	struct choice c = { .host = host, .mode = mode, .every_fault = every_fault, .ops = ops };
	int o, failed = 0;

	memset(hooks, 0, S2V_OBS_NR * sizeof(*hooks));
	for (o = 0; o < S2V_OBS_NR; o++) {
		hooks[o].observe = o;
		c.hook = &hooks[o];
		failed += !choose_one(&c);
	}
	return failed;
}

static const char *const observe_names[S2V_OBS_NR] = {
	[S2V_OBS_FAULT] = "stage2-fault",     [S2V_OBS_MAP] = "stage2-map",
	[S2V_OBS_PERM] = "stage2-permission", [S2V_OBS_SLOT] = "memslot",
	[S2V_OBS_CAP] = "capability-query",   [S2V_OBS_VM_GONE] = "vm-destroy",
	[S2V_OBS_INIT] = "vcpu-init",	      [S2V_OBS_UNMAP] = "reset-unmap",
	[S2V_OBS_RUN] = "vcpu-run",	      [S2V_OBS_HOST_UNMAP] = "host-unmap",
};

static const char *const method_names[] = {
	[S2V_METHOD_NONE] = "none",
	[S2V_METHOD_FENTRY] = "fentry",
	[S2V_METHOD_KPROBE] = "kprobe",
	[S2V_METHOD_TRACEPOINT] = "tracepoint",
};

const char *s2v_observe_name(enum s2v_observe o)
{
	return s2v_name_of(observe_names, S2V_ARRAY_SIZE(observe_names), (size_t)o);
}

const char *s2v_method_name(enum s2v_method m)
{
	return s2v_name_of(method_names, S2V_ARRAY_SIZE(method_names), (size_t)m);
}

// SPDX-License-Identifier: BSD-2-Clause
/* Follows the control flow of a function's A64 instructions. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/icache.h"

/* A64 encodings, Arm ARM C4.1.66 (branches, exceptions and system instructions). */
#define NOP 0xd503201fU
#define IC_IALLUIS 0xd508711fU /* SYS #0, C7, C1, #0 */
#define ISB 0xd5033fdfU
#define DSB 0xd503309fU /* CRm: domain and access types */
#define DSB_MASK 0xfffff0ffU
#define DSB_ISH 11 /* CRm: inner shareable, all accesses */
#define DSB_SY 15

/* The possible successors of an instruction. */
struct flow {
	bool next; /* the next word */
	bool jumps; /* a branch to target */
	bool indirect; /* a branch to the address in a register */
	__s64 target; /* index of a word, maybe outside the function */
};

struct scan {
	const struct s2v_icache_code *code;
	struct s2v_icache *ic;
	bool *seen; /* for each word: whether it is reachable */
	__u32 *todo;
	size_t n_todo;
};

static __s64 sign_extend(__u32 value, int bits)
{
	__u32 sign = 1U << (bits - 1);

	return (__s64)(value ^ sign) - sign;
}

static struct flow flow_of(__u32 insn, size_t i)
{
	struct flow f = { .next = true };

	if ((insn & 0x7c000000) == 0x14000000) { /* B, BL; BL returns */
		f.jumps = !(insn >> 31);
		f.next = !f.jumps;
		f.target = i + sign_extend(insn & 0x3ffffff, 26);
	} else if ((insn & 0xff000000) == 0x54000000 || /* B.cond, BC.cond */
		   (insn & 0x7e000000) == 0x34000000) { /* CBZ, CBNZ */
		f.jumps = true;
		f.target = i + sign_extend(insn >> 5 & 0x7ffff, 19);
		if (insn >> 24 == 0x54 && (insn & 14) == 14) /* B.AL, B.NV: always */
			f.next = false;
	} else if ((insn & 0x7e000000) == 0x36000000) { /* TBZ, TBNZ */
		f.jumps = true;
		f.target = i + sign_extend(insn >> 5 & 0x3fff, 14);
	} else if ((insn & 0xfe000000) == 0xd6000000) { /* to a register */
		__u32 opc = insn >> 21 & 7; /* 0 BR, 1 BLR, 2 RET, 4 ERET */

		f.indirect = opc == 0;
		f.next = opc == 1;
	}
	return f;
}

static bool inside(const struct s2v_icache_code *c, __s64 word)
{
	return word >= 0 && (__u64)word < c->n;
}

/* The first word from here on that is no NOP, ISB or branch that is always taken. */
static __s64 first_effective(const struct s2v_icache_code *c, __s64 word)
{
	for (int hops = 0; hops < 16 && inside(c, word); hops++) {
		struct flow f = flow_of(c->insn[word], word);

		if (f.jumps && !f.next)
			word = f.target;
		else if (c->insn[word] == NOP || c->insn[word] == ISB)
			word++;
		else
			break;
	}
	return word;
}

/* The first effective word after the invalidation in this word and its barriers. */
static __s64 continuation(const struct s2v_icache_code *c, __s64 word)
{
	do {
		word++;
	} while (inside(c, word) && ((c->insn[word] & DSB_MASK) == DSB || c->insn[word] == ISB));
	return first_effective(c, word);
}

static bool is_invalidating_call(const struct s2v_icache_code *c, size_t i)
{
	__u64 target;

	if ((c->insn[i] & 0xfc000000) != 0x94000000)
		return false;
	target = c->addr + 4 * (i + sign_extend(c->insn[i] & 0x3ffffff, 26));
	for (size_t k = 0; k < c->n_inval; k++)
		if (c->inval[k] && c->inval[k] == target)
			return true;
	return false;
}

static enum s2v_icache_how how_at(const struct s2v_icache_code *c, size_t i)
{
	if (c->insn[i] == IC_IALLUIS)
		return S2V_ICACHE_INSN;
	return is_invalidating_call(c, i) ? S2V_ICACHE_CALL : S2V_ICACHE_NONE;
}

/* A branch always taken, just before an invalidation, that skips it: the patched alternative for DIC. */
static bool is_taken_bypass(const struct s2v_icache_code *c, size_t i)
{
	struct flow f = flow_of(c->insn[i], i);

	return f.jumps && !f.next && i + 1 < c->n && how_at(c, i + 1) &&
	       first_effective(c, f.target) == continuation(c, i + 1);
}

static void reach(struct scan *s, __s64 word)
{
	if (!inside(s->code, word)) {
		s->ic->leaves = true;
	} else if (!s->seen[word]) {
		s->seen[word] = true;
		s->todo[s->n_todo++] = word;
	}
}

/* A BR may go anywhere: to each word that the word before does not fall through to. */
static void reach_anywhere(struct scan *s)
{
	const struct s2v_icache_code *c = s->code;

	s->ic->indirect = true;
	for (size_t i = 1; i < c->n; i++)
		if (!flow_of(c->insn[i - 1], i - 1).next)
			reach(s, i);
}

static void follow_all(struct scan *s)
{
	const struct s2v_icache_code *c = s->code;

	reach(s, 0);
	while (s->n_todo) {
		__u32 i = s->todo[--s->n_todo];
		struct flow f = flow_of(c->insn[i], i);

		if (f.jumps)
			reach(s, f.target);
		/* The function does not continue after its last word: no code is there. */
		if ((f.next || is_taken_bypass(c, i)) && i + 1 < c->n)
			reach(s, i + 1);
		if (f.indirect && !s->ic->indirect)
			reach_anywhere(s);
		for (size_t k = 0; k < c->n_edges; k++)
			if (c->edges[k].from == i * 4)
				reach(s, c->edges[k].to / 4);
	}
}

static void record_call(struct scan *s, __u32 i)
{
	struct s2v_icache *ic = s->ic;
	__u64 target = s->code->addr + 4 * (i + sign_extend(s->code->insn[i] & 0x3ffffff, 26));

	/* Words after the last instruction may look like a call: the next function's ftrace_ops. */
	if (s->seen[i] && ic->n_calls++ < S2V_ICACHE_CALLS)
		ic->calls[ic->n_calls - 1] = (struct s2v_icache_call){ i * 4, target };
	if (!s->code->unmap || target != s->code->unmap)
		return;
	if (!ic->unmap || (s->seen[i] && !ic->unmap_reachable))
		ic->unmap_at = i * 4;
	ic->unmap = true;
	ic->unmap_reachable |= s->seen[i];
}

/* Whether a DSB ISH or SY follows within 8 words; the compiler may put instructions in between. */
static bool is_complete(const struct s2v_icache_code *c, __s64 word)
{
	if (c->insn[word] != IC_IALLUIS)
		return true;
	for (int i = 0; i < 8; i++) {
		__u32 crm;
		if (!flow_of(c->insn[word], word).next)
			return false;
		word = first_effective(c, word + 1);
		if (!inside(c, word))
			return false;
		crm = c->insn[word] >> 8 & 15;
		if ((c->insn[word] & DSB_MASK) == DSB && (crm == DSB_ISH || crm == DSB_SY))
			return true;
	}
	return false;
}

static void record_invalidation(struct scan *s, __u32 i, enum s2v_icache_how how)
{
	struct s2v_icache *ic = s->ic;

	if (ic->how && (ic->reachable || !s->seen[i]))
		return;
	ic->how = how;
	ic->at = i * 4;
	ic->reachable = s->seen[i];
	ic->completed = is_complete(s->code, i);
}

static bool set_bypass(struct s2v_icache *ic, enum s2v_icache_bypass how, __s64 word)
{
	ic->bypass = how;
	ic->bypass_at = word * 4;
	return true;
}

/* A conditional branch: one side goes to the invalidation, the other to its continuation. */
static bool is_test(const struct s2v_icache_code *c, __s64 i, __s64 inval, __s64 cont)
{
	struct flow f = flow_of(c->insn[i], i);
	__s64 jump, next;

	if (!f.jumps || !f.next)
		return false;
	jump = first_effective(c, f.target);
	next = first_effective(c, i + 1);
	return (jump == inval && next == cont) || (jump == cont && next == inval);
}

/* Prefers an alternative just before the invalidation: 6.1 has a test out of line, too. */
static bool find_bypass(struct scan *s)
{
	const struct s2v_icache_code *c = s->code;
	__s64 inval = s->ic->at / 4, cont = continuation(c, inval);

	if (inval && is_taken_bypass(c, inval - 1))
		return set_bypass(s->ic, S2V_BYPASS_TAKEN, inval - 1);
	if (inval && c->insn[inval - 1] == NOP)
		return set_bypass(s->ic, S2V_BYPASS_NOP, inval - 1);
	for (size_t i = 0; i < c->n; i++)
		if (is_test(c, i, inval, cont))
			return set_bypass(s->ic, S2V_BYPASS_TEST, i);
	return false;
}

int s2v_icache_scan(const struct s2v_icache_code *code, struct s2v_icache *ic)
{
	struct scan s = { .code = code, .ic = ic };

	memset(ic, 0, sizeof(*ic));
	if (!code->n)
		return 0;
	s.seen = calloc(code->n, sizeof(*s.seen));
	s.todo = calloc(code->n, sizeof(*s.todo));
	if (!s.seen || !s.todo) {
		free(s.seen);
		free(s.todo);
		return -ENOMEM;
	}
	snprintf(ic->function, sizeof(ic->function), "%s", code->name);
	ic->addr = code->addr;
	ic->size = code->n * 4;
	follow_all(&s);
	for (size_t i = 0; i < code->n; i++) {
		enum s2v_icache_how how = how_at(code, i);

		if (how)
			record_invalidation(&s, i, how);
		if ((code->insn[i] & 0xfc000000) == 0x94000000)
			record_call(&s, i);
	}
	if (ic->how)
		find_bypass(&s);
	free(s.seen);
	free(s.todo);
	return 0;
}

bool s2v_icache_missing(const struct s2v_icache *ic)
{
	bool invalidates = ic->how && ic->reachable && ic->completed;

	return ic->function[0] && !invalidates && !ic->unmap_reachable;
}

static const char *const bypass_text[] = {
	[S2V_BYPASS_NONE] = "",
	[S2V_BYPASS_NOP] = ", not bypassed: a NOP is at +0x%x",
	[S2V_BYPASS_TAKEN] = ", bypassed by the branch at +0x%x",
	[S2V_BYPASS_TEST] = ", bypassed by the test at +0x%x",
};

void s2v_icache_text(const struct s2v_icache *ic, char *text, size_t len)
{
	char how[64];

	if (!ic->function[0]) {
		snprintf(text, len, "the kernel's text was not read");
		return;
	}
	if (!ic->how) {
		snprintf(text, len,
			 "no invalidation of the instruction cache in the %u bytes of %s", ic->size,
			 ic->function);
		return;
	}
	if (ic->reachable)
		snprintf(how, sizeof(how), bypass_text[ic->bypass], ic->bypass_at);
	else if (ic->unmap_reachable)
		snprintf(how, sizeof(how), ", not reached: stage2_unmap_vm() is, at +0x%x",
			 ic->unmap_at);
	else
		snprintf(how, sizeof(how), ", which is not reachable");
	snprintf(text, len, "%s at %s+0x%x%s%s",
		 ic->how == S2V_ICACHE_INSN ? "ic ialluis" : "a call that invalidates",
		 ic->function, ic->at, ic->completed ? "" : ", without a dsb ish after it", how);
}

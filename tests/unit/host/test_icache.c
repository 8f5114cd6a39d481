// SPDX-License-Identifier: BSD-2-Clause
/* needs: src/host/icache.c */
/* Finds ic ialluis and its bypass, in handwritten words and in the text of real kernels. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/icache.h"

/* Offsets of branches are in words, relative to the branch. */
#define B(words) (0x14000000U | (0x3ffffff & (__u32)(words)))
#define BL(words) (0x94000000U | (0x3ffffff & (__u32)(words)))
#define BCOND(cond, words) (0x54000000U | (0x7ffff & (__u32)(words)) << 5 | (cond))
#define CBZ(words) (0xb4000000U | (0x7ffff & (__u32)(words)) << 5) /* cbz x0 */
#define CBNZ(words) (0xb5000000U | (0x7ffff & (__u32)(words)) << 5)
#define TBZ(words) (0x36e80000U | (0x3fff & (__u32)(words)) << 5) /* tbz w0, #29 */
#define TBNZ(words) (0x37e80000U | (0x3fff & (__u32)(words)) << 5)
#define EQ 0
#define AL 14
#define NOP 0xd503201fU
#define RET 0xd65f03c0U
#define RETAA 0xd65f0bffU
#define BR_X1 0xd61f0020U
#define BLR_X1 0xd63f0020U
#define BRK 0xd4210000U
#define MOV 0xaa1603e0U /* mov x0, x22 */
#define IC 0xd508711fU /* ic ialluis */
#define IC_LOCAL 0xd508751fU /* ic iallu: of this CPU only */
#define DSB_ISH 0xd5033b9fU
#define DSB_ISHST 0xd5033a9fU
#define DSB_SY 0xd5033f9fU
#define ISB 0xd5033fdfU

#define ADDR 0xffff800080010000ULL
#define UNMAP (ADDR + 0x1000)

static struct s2v_icache ic;
static char text[256];

static void scan(const __u32 *insn, size_t n)
{
	const __u64 inval[] = { 0, ADDR + 0x2000 };
	struct s2v_icache_code code = { .name = "f",
					.addr = ADDR,
					.insn = insn,
					.n = n,
					.unmap = UNMAP,
					.inval = inval,
					.n_inval = 2 };

	memset(&ic, 0xff, sizeof(ic));
	assert_int_equal(s2v_icache_scan(&code, &ic), 0);
	s2v_icache_text(&ic, text, sizeof(text));
}

#define SCAN(...)                                             \
	do {                                                  \
		static const __u32 code_[] = { __VA_ARGS__ }; \
		scan(code_, S2V_ARRAY_SIZE(code_));           \
	} while (0)

/* An invalidation that is found or not, reachable or not. */
#define FOUND(offset, ...)                                 \
	do {                                               \
		SCAN(__VA_ARGS__);                         \
		assert_int_equal(ic.how, S2V_ICACHE_INSN); \
		assert_int_equal(ic.at, offset);           \
		assert_true(ic.reachable &&ic.completed);  \
		assert_false(s2v_icache_missing(&ic));     \
	} while (0)
#define UNREACHED(...)                                     \
	do {                                               \
		SCAN(__VA_ARGS__);                         \
		assert_int_equal(ic.how, S2V_ICACHE_INSN); \
		assert_false(ic.reachable);                \
		assert_true(s2v_icache_missing(&ic));      \
	} while (0)

static void straight(void **state)
{
	(void)state;
	FOUND(4, MOV, IC, DSB_ISH, RET);
	assert_string_equal(text, "ic ialluis at f+0x4");
	FOUND(0, IC, DSB_SY, ISB, RET);
	FOUND(0, IC, MOV, DSB_ISH, RET); /* an instruction of the compiler in between */
	FOUND(4, BLR_X1, IC, DSB_ISH, RETAA);
	assert_int_equal(ic.size, 16);
	assert_string_equal(ic.function, "f");
	assert_false(ic.indirect || ic.leaves || ic.unmap);
}

static void none(void **state)
{
	(void)state;
	SCAN(MOV, NOP, DSB_ISH, RET);
	assert_int_equal(ic.how, S2V_ICACHE_NONE);
	assert_true(s2v_icache_missing(&ic));
	assert_string_equal(text, "no invalidation of the instruction cache in the 16 bytes of f");
	SCAN(IC_LOCAL, DSB_ISH, RET);
	assert_int_equal(ic.how, S2V_ICACHE_NONE);
	/* Without text nothing is known. */
	scan(NULL, 0);
	assert_false(s2v_icache_missing(&ic));
	assert_string_equal(text, "the kernel's text was not read");
}

static void not_completed(void **state)
{
	(void)state;
	SCAN(IC, RET, DSB_ISH);
	assert_true(ic.reachable);
	assert_true(!ic.completed && s2v_icache_missing(&ic));
	assert_string_equal(text, "ic ialluis at f+0x0, without a dsb ish after it");
	SCAN(IC, DSB_ISHST, RET); /* for stores only */
	assert_false(ic.completed);
	SCAN(MOV, IC);
	assert_false(ic.completed);
	FOUND(0, IC, B(2), RET, DSB_ISH, RET);
}

static void reachable(void **state)
{
	(void)state;
	FOUND(8, B(2), RET, IC, DSB_ISH, RET);
	FOUND(8, CBZ(2), RET, IC, DSB_ISH, RET);
	FOUND(8, CBNZ(2), RET, IC, DSB_ISH, RET);
	FOUND(8, TBZ(2), RET, IC, DSB_ISH, RET);
	FOUND(8, TBNZ(2), RET, IC, DSB_ISH, RET);
	FOUND(8, BCOND(EQ, 2), RET, IC, DSB_ISH, RET);
	FOUND(8, BCOND(AL, 2), RET, IC, DSB_ISH, RET);
	FOUND(8, BL(100), BRK, IC, DSB_ISH, RET); /* calls and BUG() return */
	FOUND(4, B(3), IC, DSB_ISH, TBZ(-2), RET); /* backwards */
	/* The scan of a loop ends. */
	UNREACHED(B(0), IC, DSB_ISH, RET);
}

static void unreachable(void **state)
{
	(void)state;
	UNREACHED(RET, IC, DSB_ISH, RET);
	assert_string_equal(text, "ic ialluis at f+0x4, which is not reachable");
	UNREACHED(RETAA, IC, DSB_ISH, RET);
	UNREACHED(B(4), IC, DSB_ISH, RET, RET); /* not to what follows it */
	UNREACHED(BCOND(AL, 4), IC, DSB_ISH, RET, RET);
	UNREACHED(CBZ(4), RET, IC, DSB_ISH, RET);
	UNREACHED(B(200), IC, DSB_ISH, RET);
	assert_true(ic.leaves);
	UNREACHED(B(-1), IC, DSB_ISH, RET);
	assert_true(ic.leaves);
	/* Of two, the reachable one is found. */
	FOUND(20, CBZ(5), RET, IC, DSB_ISH, RET, IC, DSB_ISH, RET);
}

/* A switch by table: its labels are the words that no word falls through to. */
static void indirect(void **state)
{
	(void)state;
	FOUND(8, MOV, BR_X1, IC, DSB_ISH, RET);
	assert_true(ic.indirect);
	SCAN(RET, BR_X1, IC, DSB_ISH, RET);
	assert_false(ic.indirect || ic.reachable);
}

static void bypass(void **state)
{
	(void)state;
	/* An alternative, taken; its target may be a branch. */
	FOUND(4, B(3), IC, DSB_ISH, MOV, RET);
	assert_int_equal(ic.bypass, S2V_BYPASS_TAKEN);
	assert_int_equal(ic.bypass_at, 0);
	assert_string_equal(text, "ic ialluis at f+0x4, bypassed by the branch at +0x0");
	FOUND(16, CBZ(3), MOV, RET, B(-2), IC, DSB_ISH, B(-5));
	assert_int_equal(ic.bypass, S2V_BYPASS_TAKEN);
	assert_int_equal(ic.bypass_at, 12);
	/* Not taken */
	FOUND(4, NOP, IC, DSB_ISH, RET);
	assert_int_equal(ic.bypass, S2V_BYPASS_NOP);
	assert_string_equal(text, "ic ialluis at f+0x4, not bypassed: a NOP is at +0x0");
	/* mrs x0, ctr_el0; tbnz w0, #29; and the other way round */
	FOUND(8, 0xd53b0020, TBNZ(3), IC, DSB_ISH, RET);
	assert_int_equal(ic.bypass, S2V_BYPASS_TEST);
	assert_int_equal(ic.bypass_at, 4);
	FOUND(16, MOV, TBZ(3), MOV, RET, IC, DSB_ISH, B(-4));
	assert_int_equal(ic.bypass, S2V_BYPASS_TEST);
	assert_string_equal(text, "ic ialluis at f+0x10, bypassed by the test at +0x4");
	/* A test of something else */
	FOUND(8, MOV, TBNZ(4), IC, DSB_ISH, MOV, RET);
	assert_int_equal(ic.bypass, S2V_BYPASS_NONE);
}

static void calls(void **state)
{
	(void)state;
	SCAN(MOV, BL(-1), CBZ(3), BL(0x400 - 3), RET, BL(0x800 - 5), RET);
	assert_int_equal(ic.how, S2V_ICACHE_CALL);
	assert_int_equal(ic.at, 20);
	assert_true(ic.reachable && ic.completed && !s2v_icache_missing(&ic));
	assert_string_equal(text, "a call that invalidates at f+0x14");
	assert_int_equal(ic.n_calls, 3);
	assert_true(ic.calls[0].target == ADDR && ic.calls[0].at == 4);
	assert_true(ic.calls[1].target == UNMAP);
	assert_true(ic.unmap && ic.unmap_reachable);
	assert_int_equal(ic.unmap_at, 12);
	SCAN(RET, BL(0x400 - 1));
	assert_true(ic.unmap && !ic.unmap_reachable);
	assert_int_equal(ic.n_calls, 0);
	/* The reachable call */
	SCAN(CBZ(3), BL(0x400 - 1), RET, BL(0x400 - 3));
	assert_int_equal(ic.unmap_at, 4);
	SCAN(CBZ(3), RET, BL(0x400 - 2), BL(0x400 - 3));
	assert_int_equal(ic.unmap_at, 12);
}

static void many_calls(void **state)
{
	__u32 code[S2V_ICACHE_CALLS + 3];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(code); i++)
		code[i] = BL(1);
	code[S2V_ARRAY_SIZE(code) - 1] = BL(0x400 - (S2V_ARRAY_SIZE(code) - 1));
	scan(code, S2V_ARRAY_SIZE(code));
	assert_int_equal(ic.n_calls, S2V_ICACHE_CALLS + 3);
	assert_true(ic.unmap_reachable);
}

/* Words that are no code: nothing outside them is accessed. */
static void garbage(void **state)
{
	__u32 *code = malloc(64 * sizeof(*code)), seed = 1;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t n = 1 + round % 64;

		for (size_t i = 0; i < n; i++) {
			static const __u32 some[] = {
				IC, DSB_ISH, NOP, BR_X1, B(0), TBZ(0), CBZ(0)
			};

			seed = seed * 1664525 + 1013904223;
			code[i] = some[seed >> 8 & 7 ? (seed >> 8) % 7 : 4] ^
				  (seed >> 30 ? seed >> 24 & 31 : seed);
		}
		scan(code, n);
		assert_true(ic.at < n * 4 && ic.bypass_at < n * 4);
	}
	free(code);
}

/* tests/data/text: see its README. */
struct kernel {
	char name[64];
	unsigned int addr, unmap, n, n_alts;
	__u32 insn[1024];
	struct alt {
		unsigned int at, cap, word;
		bool nops;
	} alts[64];
};

static void load(const char *release, struct kernel *k)
{
	char path[128], line[256];
	unsigned int size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "tests/data/text/%s.text", release);
	f = fopen(path, "r");
	assert_non_null(f);
	memset(k, 0, sizeof(*k));
	while (fgets(line, sizeof(line), f)) {
		struct alt *a = &k->alts[k->n_alts];
		char *word = line, *end;

		if (sscanf(line, "function %63s %x %x", k->name, &k->addr, &size) == 3 ||
		    sscanf(line, "unmap %x", &k->unmap) == 1)
			continue;
		a->nops = !strncmp(line, "nops", 4);
		if (sscanf(line, "alt %x %u %x", &a->at, &a->cap, &a->word) == 3 ||
		    sscanf(line, "nops %x %u", &a->at, &a->cap) == 2) {
			assert_true(++k->n_alts < S2V_ARRAY_SIZE(k->alts));
			continue;
		}
		for (;; word = end) {
			__u32 value = strtoul(word, &end, 16);

			if (end == word)
				break;
			assert_true(k->n < S2V_ARRAY_SIZE(k->insn));
			k->insn[k->n++] = value;
		}
	}
	fclose(f);
	assert_int_equal(k->n * 4, size);
}

static void scan_kernel(const struct kernel *k, const struct s2v_icache_edge *edges, size_t n)
{
	struct s2v_icache_code code = { .name = k->name,
					.addr = k->addr,
					.insn = k->insn,
					.n = k->n,
					.unmap = k->unmap,
					.edges = edges,
					.n_edges = n };

	assert_int_equal(s2v_icache_scan(&code, &ic), 0);
	s2v_icache_text(&ic, text, sizeof(text));
	assert_false(ic.indirect || ic.leaves);
	assert_true(ic.n_calls < S2V_ICACHE_CALLS);
}

#define ALWAYS_SYSTEM 1 /* enum of the kernel's build: in each of these releases */

/* The kernel's text on a CPU with these capabilities. */
static void patch(struct kernel *k, unsigned int fwb, unsigned int dic)
{
	for (unsigned int i = 0; i < k->n_alts; i++) {
		const struct alt *a = &k->alts[i];

		if (a->cap == ALWAYS_SYSTEM || a->cap == fwb || a->cap == dic)
			k->insn[a->at / 4] = a->nops ? NOP : a->word;
	}
}

/* Numbers of the capabilities, and addresses by objdump, which does not use the code under test. */
static const struct release {
	const char *name;
	unsigned int fwb, dic, ic, unmap, bypass;
} releases[] = {
	{ "6.1", 33, 11, 0x810, 0x6b8, 0x80c },
	{ "6.12", 46, 11, 0x8b0, 0x5fc, 0x8ac },
	{ "7.3", 60, 12, 0x8ac, 0x384, 0x8a8 },
};

static void check(const struct release *r, bool ic_reached, bool unmap_reached, int by)
{
	assert_int_equal(ic.how, S2V_ICACHE_INSN);
	assert_int_equal(ic.at, r->ic);
	assert_true(ic.completed && ic.unmap);
	assert_int_equal(ic.unmap_at, r->unmap);
	assert_int_equal(ic.reachable, ic_reached);
	assert_false(s2v_icache_missing(&ic)); /* one of them is reachable */
	assert_int_equal(ic.unmap_reachable, unmap_reached);
	assert_int_equal(ic.bypass, by);
	assert_int_equal(ic.bypass_at, r->bypass);
}

static void real_kernels(void **state)
{
	static struct kernel k;

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(releases); i++) {
		const struct release *r = &releases[i];

		/* Without S2FWB the kernel unmaps instead of invalidating, with or without DIC. */
		load(r->name, &k);
		patch(&k, 0, 0);
		scan_kernel(&k, NULL, 0);
		check(r, false, true, S2V_BYPASS_NOP);
		assert_non_null(strstr(text, ", not reached: stage2_unmap_vm() is, at +0x"));
		patch(&k, r->fwb, 0);
		scan_kernel(&k, NULL, 0);
		check(r, true, false, S2V_BYPASS_NOP);
		patch(&k, r->fwb, r->dic);
		scan_kernel(&k, NULL, 0);
		check(r, true, false, S2V_BYPASS_TAKEN);
	}
	assert_string_equal(
		text, "ic ialluis at kvm_arch_vcpu_ioctl+0x8ac, bypassed by the branch at +0x8a8");
}

/* The text of the Image, with the branches that alternatives may become on any CPU. */
static void images(void **state)
{
	static struct kernel k;
	struct s2v_icache_edge edges[64];

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(releases); i++) {
		load(releases[i].name, &k);
		for (unsigned int a = 0; a < k.n_alts; a++) {
			__u32 words = (k.alts[a].word ^ 0x2000000) & 0x3ffffff;

			edges[a].from = k.alts[a].at;
			edges[a].to = edges[a].from + (k.alts[a].nops ? 4 : words * 4 - 0x8000000);
		}
		scan_kernel(&k, edges, k.n_alts);
		check(&releases[i], true, true, S2V_BYPASS_NOP);
		scan_kernel(&k, NULL, 0);
		assert_false(ic.reachable);
	}
}

/* The mutants of tests/lab/mutate. */
static void mutants(void **state)
{
	static struct kernel k;

	(void)state;
	for (size_t i = 0; i < S2V_ARRAY_SIZE(releases); i++) {
		const struct release *r = &releases[i];

		load(r->name, &k);
		patch(&k, r->fwb, 0);
		k.insn[r->ic / 4] = NOP;
		scan_kernel(&k, NULL, 0);
		assert_int_equal(ic.how, S2V_ICACHE_NONE);
		assert_true(s2v_icache_missing(&ic));
		/* The S2FWB test is the only way to the invalidation: */
		load(r->name, &k);
		patch(&k, 0, 0);
		scan_kernel(&k, NULL, 0);
		check(r, false, true, S2V_BYPASS_NOP);
		k.insn[r->unmap / 4] = NOP;
		scan_kernel(&k, NULL, 0);
		assert_false(ic.unmap);
		assert_true(s2v_icache_missing(&ic));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(straight),	 cmocka_unit_test(none),
		cmocka_unit_test(not_completed), cmocka_unit_test(reachable),
		cmocka_unit_test(unreachable),	 cmocka_unit_test(indirect),
		cmocka_unit_test(bypass),	 cmocka_unit_test(calls),
		cmocka_unit_test(many_calls),	 cmocka_unit_test(garbage),
		cmocka_unit_test(real_kernels),	 cmocka_unit_test(images),
		cmocka_unit_test(mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/* The guest's own translation tables, which the VMM builds in a memslot, and the registers of a vCPU that use them. */
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "guest.h"

#define SCTLR_EL1 ARM64_SYS_REG(3, 0, 1, 0, 0)
#define TTBR0_EL1 ARM64_SYS_REG(3, 0, 2, 0, 0)
#define TTBR1_EL1 ARM64_SYS_REG(3, 0, 2, 0, 1)
#define TCR_EL1 ARM64_SYS_REG(3, 0, 2, 0, 2)
#define MAIR_EL1 ARM64_SYS_REG(3, 0, 10, 2, 0)

#define VALID 1ULL
#define TABLE 2ULL /* or a page, at level 3 */
#define AF (1ULL << 10)

/* AttrIndx of map=…,type=T: its index here; MAIR_EL1 has these bytes unless vcpu-s1 says otherwise. */
static const struct {
	const char *name;
	uint8_t mair;
} types[] = { { "wb", 0xff }, { "nc", 0x44 },	  { "ngnrne", 0x00 }, { "ngnre", 0x04 },
	      { "wt", 0xbb }, { "tagged", 0xf0 }, { "gre", 0x0c },    { "ngre", 0x08 } };

/* One set of tables, in a memslot. Of the current VM; a new stage1= begins another. */
static struct {
	struct slot *slot;
	uint64_t used; /* bytes of the memslot that hold tables */
	unsigned int page_shift, bits;
	bool wide; /* 52-bit output addresses: DS, or 64K pages */
	uint64_t root[2]; /* GPA */
} s1;

static unsigned int level_shift(int level)
{
	return s1.page_shift + (unsigned int)(3 - level) * (s1.page_shift - 3);
}

static int start_level(void)
{
	unsigned int stride = s1.page_shift - 3;

	return 4 - (int)((s1.bits - s1.page_shift + stride - 1) / stride);
}

/* A table that holds nothing. Returns its GPA. */
static uint64_t new_table(void)
{
	uint64_t size = 1ULL << s1.page_shift, at = s1.used;

	if (at + size > s1.slot->size)
		usage_error("the memslot has no room for another table");
	memset(s1.slot->hva + at, 0, size);
	s1.used += size;
	return s1.slot->gpa + at;
}

/* An output address in a descriptor: 52-bit ones are split (Arm ARM D8.3). */
static uint64_t address(uint64_t pa)
{
	if (s1.page_shift == 16)
		return (pa & ((1ULL << 48) - 1)) | (pa >> 48 & 0xf) << 12;
	if (s1.wide)
		return (pa & ((1ULL << 50) - 1)) | (pa >> 50 & 3) << 8;
	return pa;
}

/* The entry of a VA at a level; the tables above it are made. */
static uint64_t *entry(uint64_t va, int level)
{
	uint64_t table = s1.root[va >> 55 & 1], *e, index;
	int at = start_level();

	for (;; at++) {
		index = (va & ((1ULL << s1.bits) - 1)) >> level_shift(at);
		if (at != start_level())
			index &= (1ULL << (s1.page_shift - 3)) - 1;
		if (table - s1.slot->gpa >= s1.slot->size)
			usage_error("that table is not in the memslot");
		e = (uint64_t *)(s1.slot->hva + (table - s1.slot->gpa)) + index;
		if (at == level)
			return e;
		if (!*e)
			*e = address(new_table()) | VALID | TABLE;
		table = *e & ((1ULL << 48) - 1) & ~((1ULL << s1.page_shift) - 1);
	}
}

/* stage1=SLOT[,at=OFFSET][,granule=4K|16K|64K][,bits=N][,wide] */
void op_stage1(const struct words *words, struct result *result)
{
	uint64_t granule = words_number(words, "granule", 4096);

	s1.slot = vm_slot(vm, (int)words_number(words, "stage1", 0));
	s1.used = words_number(words, "at", 0);
	s1.page_shift = granule == 4096 ? 12 : granule == 16384 ? 14 : 16;
	s1.bits = (unsigned int)words_number(words, "bits", 48);
	s1.wide = words_has(words, "wide");
	s1.root[0] = new_table();
	s1.root[1] = new_table();
	result_set(result, "ok ttbr0=0x%llx ttbr1=0x%llx", (unsigned long long)s1.root[0],
		   (unsigned long long)s1.root[1]);
}

static unsigned int type_index(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].name, name))
			return i;
	usage_error("type=%s: unknown", name);
}

/* map=VA,gpa=A,size=S,type=T[,level=L]: leaves of level L, 3 unless given */
void op_map(const struct words *words, struct result *result)
{
	uint64_t va = words_number(words, "map", 0), gpa = words_number(words, "gpa", 0), at, n = 0;
	uint64_t size = words_number(words, "size", 0);
	int level = (int)words_number(words, "level", 3);
	uint64_t low = AF | VALID | (level == 3 ? TABLE : 0) |
		       (uint64_t)type_index(words_need(words, "type")) << 2;

	for (at = 0; at < size; at += 1ULL << level_shift(level), n++)
		*entry(va + at, level) = address(gpa + at) | low;
	result_set(result, "ok leaves=%llu", (unsigned long long)n);
}

/* point=VA,level=L,gpa=A[,all]: the entry of VA, or all entries of its table, lead to a table at A (or "root") */
void op_point(const struct words *words, struct result *result)
{
	uint64_t va = words_number(words, "point", 0), i;
	const char *to = words_need(words, "gpa");
	uint64_t gpa = strcmp(to, "root") ? parse_number(to) : s1.root[va >> 55 & 1];
	uint64_t *e = entry(va, (int)words_number(words, "level", start_level()));
	uint64_t count = 1;

	if (words_has(words, "all")) {
		count = 1ULL << (s1.page_shift - 3);
		e = (uint64_t *)((uintptr_t)e & ~((1ULL << s1.page_shift) - 1));
	}
	for (i = 0; i < count; i++)
		e[i] = address(gpa) | VALID | TABLE;
	result_set(result, "ok");
}

static uint64_t tcr(void)
{
	static const uint64_t tg0[] = { [12] = 0, [14] = 2, [16] = 1 };
	static const uint64_t tg1[] = { [12] = 2, [14] = 1, [16] = 3 };
	uint64_t size = 64 - s1.bits;

	return size | size << 16 | tg0[s1.page_shift] << 14 | tg1[s1.page_shift] << 30 |
	       (s1.wide ? 6ULL : 2ULL) << 32 | (s1.wide && s1.page_shift != 16 ? 1ULL << 59 : 0);
}

static int set(const struct vcpu *vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg reg = { .id = id, .addr = (uintptr_t)&value };

	return ioctl(vcpu->fd, KVM_SET_ONE_REG, &reg) < 0 ? errno : 0;
}

/* vcpu-s1=N[,mmu-off][,cache-off][,mair=X][,epd0][,epd1]: prints TCR, TTBR0, TTBR1, MAIR */
void op_vcpu_s1(const struct words *words, struct result *result)
{
	const struct vcpu *vcpu = &vm->vcpu[words_number(words, "vcpu-s1", 0)];
	uint64_t sctlr = 0x30d00800 | (words_has(words, "mmu-off") ? 0 : 1) |
			 (words_has(words, "cache-off") ? 0 : 4);
	uint64_t mair = 0, t;
	unsigned int i;
	int error;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mair |= (uint64_t)types[i].mair << (8 * i);
	t = tcr() | (words_has(words, "epd0") ? 1ULL << 7 : 0) |
	    (words_has(words, "epd1") ? 1ULL << 23 : 0);
	error = set(vcpu, MAIR_EL1, words_number(words, "mair", mair));
	error = error ? error : set(vcpu, TCR_EL1, t);
	error = error ? error : set(vcpu, TTBR0_EL1, s1.root[0]);
	error = error ? error : set(vcpu, TTBR1_EL1, s1.root[1]);
	error = error ? error : set(vcpu, SCTLR_EL1, sctlr);
	result_errno(result, error);
	if (!error)
		result_set(result, "ok regs=0x%llx:0x%llx:0x%llx:0x%llx", (unsigned long long)t,
			   (unsigned long long)s1.root[0], (unsigned long long)s1.root[1],
			   (unsigned long long)words_number(words, "mair", mair));
}

/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * Memory attributes of stage 1 and stage 2, and all their decoders. Compiled into the BPF programs
 * and into user space, so it includes nothing: the includer must define __u8, __u32, __u64 and bool
 * (<linux/types.h>, <stdbool.h>).
 */
#ifndef S2V_ATTR_H
#define S2V_ATTR_H

/* Memory type of a translation. Stored in events: append only. */
enum s2v_attr {
	S2V_ATTR_NONE = 0, /* not mapped, or not read */
	S2V_ATTR_NORMAL_WB,
	S2V_ATTR_NORMAL_TAGGED, /* Normal Write-Back with MTE tags */
	S2V_ATTR_NORMAL_WT,
	S2V_ATTR_NORMAL_NC,
	S2V_ATTR_DEVICE_GRE,
	S2V_ATTR_DEVICE_nGRE,
	S2V_ATTR_DEVICE_nGnRE,
	S2V_ATTR_DEVICE_nGnRnE,
	S2V_ATTR_AS_S1, /* S2FWB MemAttr 0b0111: stage 1 decides */
	S2V_ATTR_UNKNOWN, /* an encoding that the decoders do not know */
	S2V_ATTR_NR,
};

static inline bool s2v_attr_is_cacheable(__u32 a)
{
	return a == S2V_ATTR_NORMAL_WB || a == S2V_ATTR_NORMAL_TAGGED || a == S2V_ATTR_NORMAL_WT;
}

static inline bool s2v_attr_is_device(__u32 a)
{
	return a >= S2V_ATTR_DEVICE_GRE && a <= S2V_ATTR_DEVICE_nGnRnE;
}

static inline bool s2v_attr_is_noncacheable(__u32 a)
{
	return a == S2V_ATTR_NORMAL_NC || s2v_attr_is_device(a);
}

/*
 * The memory type of an access through the guest's stage 1 and through stage 2, without S2FWB: the weaker of
 * both (Arm ARM DDI 0487 D8.6, combining stage 1 and stage 2). NONE or UNKNOWN on one side: UNKNOWN. Tags
 * are not kept.
 */
static inline __u32 s2v_attr_combine(__u32 guest, __u32 s2)
{
	if (guest == S2V_ATTR_NONE || s2 == S2V_ATTR_NONE || guest >= S2V_ATTR_AS_S1 ||
	    s2 >= S2V_ATTR_AS_S1)
		return S2V_ATTR_UNKNOWN;
	if (guest == S2V_ATTR_NORMAL_TAGGED)
		guest = S2V_ATTR_NORMAL_WB;
	if (s2 == S2V_ATTR_NORMAL_TAGGED)
		s2 = S2V_ATTR_NORMAL_WB;
	return guest > s2 ? guest : s2; /* enum s2v_attr is in this order */
}

/*
 * Returns whether the two sides conflict in cacheability. False if either is not known: the caller
 * must have counted that as unread.
 */
static inline bool s2v_attr_conflict(__u32 s1, __u32 s2)
{
	return (s2v_attr_is_cacheable(s1) && s2v_attr_is_noncacheable(s2)) ||
	       (s2v_attr_is_noncacheable(s1) && s2v_attr_is_cacheable(s2));
}

/* Device type from its two bits, in MAIR (bits 3:2) and in a stage-2 MemAttr (bits 1:0) alike. */
static inline __u32 s2v_attr_from_device_bits(__u32 b)
{
	switch (b & 3) {
	case 0:
		return S2V_ATTR_DEVICE_nGnRnE;
	case 1:
		return S2V_ATTR_DEVICE_nGnRE;
	case 2:
		return S2V_ATTR_DEVICE_nGRE;
	default:
		return S2V_ATTR_DEVICE_GRE;
	}
}

/*
 * One attribute byte of MAIR_EL1 (Arm ARM DDI 0487, MAIR_EL1). 0xf0 is Tagged Normal
 * (FEAT_MTE2). If the inner and outer type of Normal memory differ, returns the weaker one.
 */
static inline __u32 s2v_attr_from_mair(__u32 byte)
{
	__u32 outer = (byte >> 4) & 0xf, inner = byte & 0xf;

	if (byte == 0xf0)
		return S2V_ATTR_NORMAL_TAGGED;
	/* FEAT_XS: the same types, whose accesses need not complete for a TLBI or DSB with nXS. */
	if (byte == 0x40)
		return S2V_ATTR_NORMAL_NC;
	if (byte == 0xa0)
		return S2V_ATTR_NORMAL_WT;
	if (outer == 0)
		return inner & 2 ? S2V_ATTR_UNKNOWN : s2v_attr_from_device_bits(inner >> 2);
	if (inner == 0)
		return S2V_ATTR_UNKNOWN;
	if (outer == 4 || inner == 4)
		return S2V_ATTR_NORMAL_NC;
	/* 0b00RW and 0b10RW are Write-Through, 0b01RW and 0b11RW Write-Back. */
	if ((outer & 4) && (inner & 4))
		return S2V_ATTR_NORMAL_WB;
	return S2V_ATTR_NORMAL_WT;
}

/* AttrIndx of a stage-1 leaf descriptor or a pgprot (Arm ARM D8.3.2, bits 4:2). */
#define S2V_ATTRINDX_SHIFT 2
#define S2V_ATTRINDX_BITS (7ULL << S2V_ATTRINDX_SHIFT)

static inline __u32 s2v_attrindx(__u64 pte)
{
	return (pte & S2V_ATTRINDX_BITS) >> S2V_ATTRINDX_SHIFT;
}

/*
 * MemAttr[3:0] of a stage-2 leaf descriptor, bits 5:2 (Arm ARM D8.6.4 without, D8.6.5 with
 * FEAT_S2FWB in effect). KVM installs 0xf, 5, 1 without and 6, 5, 1 with it (pgtable.c, 5.8 on).
 */
static inline __u32 s2v_attr_from_memattr(__u32 memattr, bool fwb)
{
	__u32 hi = (memattr >> 2) & 3, lo = memattr & 3;

	memattr &= 0xf;
	if (hi == 0)
		return s2v_attr_from_device_bits(lo);
	if (fwb) {
		switch (memattr) {
		case 0x5:
			return S2V_ATTR_NORMAL_NC;
		case 0x6:
		case 0xe: /* NoTagAccess (FEAT_MTE_PERM), Write-Back all the same */
			return S2V_ATTR_NORMAL_WB;
		case 0x7:
			return S2V_ATTR_AS_S1;
		default:
			return S2V_ATTR_UNKNOWN;
		}
	}
	if (lo == 0) /* 0b0100: NoTagAccess (FEAT_MTE_PERM), Write-Back; others reserved */
		return hi == 1 ? S2V_ATTR_NORMAL_WB : S2V_ATTR_UNKNOWN;
	if (hi == 1 || lo == 1)
		return S2V_ATTR_NORMAL_NC;
	return hi == 3 && lo == 3 ? S2V_ATTR_NORMAL_WB : S2V_ATTR_NORMAL_WT;
}

/*
 * The bits of `enum kvm_pgtable_prot`, from the BTF of the running kernel: 6.19 renumbered them, and
 * vendor trees differ. nc: 0 before 6.9. known: the union of all enumerators.
 */
struct s2v_prot_bits {
	__u64 x, w, r, device, nc, known;
};

/* Memory type of the prot argument of kvm_pgtable_stage2_map(). */
static inline __u32 s2v_attr_from_prot(__u64 prot, const struct s2v_prot_bits *b)
{
	if (prot & ~b->known)
		return S2V_ATTR_UNKNOWN;
	if (prot & b->device)
		return prot & b->nc ? S2V_ATTR_UNKNOWN : S2V_ATTR_DEVICE_nGnRE;
	if (prot & b->nc)
		return S2V_ATTR_NORMAL_NC;
	return S2V_ATTR_NORMAL_WB;
}

#ifndef __bpf__
/* Printed name of an attribute: "normal-wb", "device-nGnRE", "none", "unknown", … Never NULL. */
const char *s2v_attr_name(__u32 attr);
#endif

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* Reads the value of MAIR_EL1 from the code of __cpu_setup(). */
#include "host/mair.h"

/* A64 encodings, Arm ARM C4.1.92 and C5.2: 64-bit forms; move wide in both. */
#define MOVW_MASK 0x7f800000U
#define MOVN 0x12800000U
#define MOVZ 0x52800000U
#define MOVK 0x72800000U
#define SF 0x80000000U
#define BFM_MASK 0xffc00000U /* BFI, BFXIL, BFC */
#define BFM 0xb3400000U
#define MSR_MASK 0xffffffe0U
#define MSR_MAIR_EL1 0xd518a200U
#define MRS_MASK 0xfff00000U
#define MRS 0xd5300000U
#define SYSL_MASK 0xfff80000U
#define SYSL 0xd5280000U
#define BL_MASK 0xfc000000U
#define BL 0x94000000U
#define BLR_MASK 0xfffffc1fU
#define BLR 0xd63f0000U
#define CCMP_MASK 0x1fe00000U
#define CCMP 0x1a400000U
#define XZR 31

struct regs {
	__u64 val[32];
	__u32 known; /* bits: registers with a known value; never XZR */
};

/* MOVZ, MOVN, MOVK. False: another instruction. */
static bool move_wide(struct regs *r, __u32 insn)
{
	__u32 rd = insn & 31, shift = (insn >> 21 & 3) * 16;
	__u64 imm = (__u64)(insn >> 5 & 0xffff) << shift, v;

	switch (insn & MOVW_MASK) {
	case MOVZ:
		v = imm;
		r->known |= 1U << rd;
		break;
	case MOVN:
		v = ~imm;
		r->known |= 1U << rd;
		break;
	case MOVK:
		v = (r->val[rd] & ~(0xffffULL << shift)) | imm;
		break;
	default:
		return false;
	}
	r->val[rd] = insn & SF ? v : (__u32)v;
	return true;
}

/*
 * BFM: copies a bit field from one register to another. NVIDIA's GB10 kernels turn Normal-NC into
 * Device this way, in an alternative for CPUs that need it.
 */
static bool bit_field(struct regs *r, __u32 insn)
{
	__u32 rd = insn & 31, rn = insn >> 5 & 31, immr = insn >> 16 & 63, imms = insn >> 10 & 63;
	__u32 lsb = imms >= immr ? 0 : 64 - immr, from = imms >= immr ? immr : 0;
	__u32 width = imms >= immr ? imms - immr + 1 : imms + 1;
	__u64 mask = (width == 64 ? 0 : 1ULL << width) - 1, n = rn == XZR ? 0 : r->val[rn];

	if ((insn & BFM_MASK) != BFM)
		return false;
	if (rn != XZR && !(r->known & 1U << rn))
		r->known &= ~(1U << rd);
	r->val[rd] = (r->val[rd] & ~(mask << lsb)) | (n >> from & mask) << lsb;
	return true;
}

/* Registers that any other instruction may write; their values are then unknown. */
static __u32 may_write(__u32 insn)
{
	__u32 rd = 1U << (insn & 31);

	switch (insn >> 25 & 0xf) {
	case 10: /* branches, system instructions */
	case 11:
		if ((insn & BL_MASK) == BL || (insn & BLR_MASK) == BLR)
			return 0x4007ffff; /* caller-saved registers of the AAPCS64 */
		return (insn & MRS_MASK) == MRS || (insn & SYSL_MASK) == SYSL ? rd : 0;
	case 4: /* loads and stores: all registers that it may name */
	case 6:
	case 12:
	case 14:
		return rd | 1U << (insn >> 5 & 31) | 1U << (insn >> 10 & 31);
	default: /* data processing */
		return (insn & CCMP_MASK) == CCMP ? 0 : rd;
	}
}

bool s2v_mair_from_code(const __u32 *insn, size_t n, __u64 *mair)
{
	struct regs r = { .known = 0 };

	for (size_t i = 0; i < n; i++) {
		if (move_wide(&r, insn[i]) || bit_field(&r, insn[i]))
			continue;
		if ((insn[i] & MSR_MASK) == MSR_MAIR_EL1) {
			__u32 rt = insn[i] & 31;

			if (rt == XZR || !(r.known & 1U << rt))
				return false;
			*mair = r.val[rt];
			return true;
		}
		r.known &= ~may_write(insn[i]);
	}
	return false;
}

void s2v_mair_decode(__u64 mair, __u8 s1_attr[8])
{
	for (int i = 0; i < 8; i++)
		s1_attr[i] = s2v_attr_from_mair(mair >> (8 * i) & 0xff);
}

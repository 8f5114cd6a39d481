// SPDX-License-Identifier: BSD-2-Clause
/* Reading MAIR_EL1 out of __cpu_setup(). */
#include "mair.h"

/* A64 encodings, Arm ARM C4.1.92 and C5.2: 64-bit forms. */
#define MOVW_MASK 0xff800000U
#define MOVN 0x92800000U
#define MOVZ 0xd2800000U
#define MOVK 0xf2800000U
#define MSR_MASK 0xffffffe0U
#define MSR_MAIR_EL1 0xd518a200U

bool s2v_mair_from_code(const __u32 *insn, size_t n, __u64 *mair)
{
	__u64 reg[32] = { 0 };
	__u32 known = 0;

	for (size_t i = 0; i < n; i++) {
		__u32 rd = insn[i] & 31, shift = (insn[i] >> 21 & 3) * 16;
		__u64 imm = (__u64)(insn[i] >> 5 & 0xffff) << shift;

		switch (insn[i] & MOVW_MASK) {
		case MOVZ:
			reg[rd] = imm;
			known |= 1U << rd;
			continue;
		case MOVN:
			reg[rd] = ~imm;
			known |= 1U << rd;
			continue;
		case MOVK:
			reg[rd] = (reg[rd] & ~(0xffffULL << shift)) | imm;
			continue;
		}
		if ((insn[i] & MSR_MASK) != MSR_MAIR_EL1)
			continue;
		if (!(known & (1U << rd)))
			return false;
		*mair = reg[rd];
		return true;
	}
	return false;
}

void s2v_mair_decode(__u64 mair, __u8 s1_attr[8])
{
	for (int i = 0; i < 8; i++)
		s1_attr[i] = s2v_attr_from_mair(mair >> (8 * i) & 0xff);
}

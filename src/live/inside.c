// SPDX-License-Identifier: BSD-2-Clause
#include "live/inside.h"

void s2v_inside_end(struct s2v_inside *in, __u64 left)
{
	if (in->before + left > in->missed)
		in->missed = in->before + left;
}

void s2v_inside_look(struct s2v_inside *in, __u64 now)
{
	__u64 least = now;

	in->seen[in->n++ % S2V_INSIDE_LOOKS] = now;
	if (in->n < S2V_INSIDE_LOOKS)
		return;
	in->n = in->n % S2V_INSIDE_LOOKS + S2V_INSIDE_LOOKS; /* does not overflow in months */
	for (int i = 0; i < S2V_INSIDE_LOOKS; i++)
		if (in->seen[i] < least)
			least = in->seen[i];
	s2v_inside_end(in, least);
}

void s2v_inside_forget(struct s2v_inside *in)
{
	in->before = in->missed;
	in->n = 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* Makes process and file names, which may have any bytes, safe for JSON and for terminals. */
#include <stdio.h>
#include <string.h>

#include "util/util.h"

/*
 * Decodes one character of in[0 … n), n > 0 (Unicode 15, table 3-7: no overlong forms, no
 * surrogates). Returns its length and sets *cp; or, negative, the length of the invalid part.
 */
static int decode(const unsigned char *in, size_t n, uint32_t *cp)
{
	unsigned char c = in[0], lo = 0x80, hi = 0xbf;
	int need;

	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		need = 1;
		*cp = c & 0x1f;
	} else if (c >= 0xe0 && c <= 0xef) {
		need = 2;
		*cp = c & 0xf;
		lo = c == 0xe0 ? 0xa0 : lo;
		hi = c == 0xed ? 0x9f : hi;
	} else if (c >= 0xf0 && c <= 0xf4) {
		need = 3;
		*cp = c & 7;
		lo = c == 0xf0 ? 0x90 : lo;
		hi = c == 0xf4 ? 0x8f : hi;
	} else {
		return -1;
	}
	for (int i = 1; i <= need; i++) {
		if ((size_t)i >= n || in[i] < lo || in[i] > hi)
			return -i;
		*cp = *cp << 6 | (in[i] & 0x3f);
		lo = 0x80;
		hi = 0xbf;
	}
	return need + 1;
}

size_t s2v_clean_utf8(const char *in, size_t inlen, char *out, size_t outlen)
{
	size_t o = 0;

	for (size_t i = 0; i < inlen;) {
		uint32_t cp;
		int len = decode((const unsigned char *)in + i, inlen - i, &cp);
		const char *from = len > 0 ? in + i : "\xef\xbf\xbd";
		size_t add = len > 0 ? (size_t)len : 3;

		if (o + add >= outlen)
			break;
		memcpy(out + o, from, add);
		o += add;
		i += (size_t)(len > 0 ? len : -len);
	}
	out[o] = '\0';
	return o;
}

/* Whether a terminal may do more than print it. */
static bool is_control(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || /* C0, DEL, C1 */
	       cp == 0x61c || cp == 0x200e || cp == 0x200f || /* bidi marks */
	       (cp >= 0x2028 && cp <= 0x202e) || /* separators, bidi embedding */
	       (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

size_t s2v_clean_text(const char *in, size_t inlen, char *out, size_t outlen)
{
	size_t o = 0;

	for (size_t i = 0; i < inlen;) {
		uint32_t cp;
		int len = decode((const unsigned char *)in + i, inlen - i, &cp);
		size_t n = (size_t)(len > 0 ? len : -len);
		bool raw = len > 0 && !is_control(cp);
		size_t add = raw ? n : 4 * n;

		if (o + add >= outlen)
			break;
		if (raw)
			memcpy(out + o, in + i, n);
		for (size_t k = 0; !raw && k < n; k++)
			snprintf(out + o + 4 * k, 5, "\\x%02x", (unsigned char)in[i + k]);
		o += add;
		i += n;
	}
	out[o] = '\0';
	return o;
}

size_t s2v_columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

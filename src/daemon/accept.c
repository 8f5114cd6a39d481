// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/accept.h"

/* A piece of a header, without the space around it. */
struct piece {
	const char *s;
	size_t len;
};

/* The next piece of *rest up to `end`; false: there is none. */
static bool next(struct piece *rest, char end, struct piece *p)
{
	const char *at;

	if (!rest->s)
		return false;
	at = memchr(rest->s, end, rest->len);
	p->s = rest->s;
	p->len = at ? (size_t)(at - rest->s) : rest->len;
	rest->len -= at ? p->len + 1 : p->len;
	rest->s = at ? at + 1 : NULL;
	while (p->len && strchr(" \t", *p->s)) {
		p->s++;
		p->len--;
	}
	while (p->len && strchr(" \t", p->s[p->len - 1]))
		p->len--;
	return true;
}

static bool is(const struct piece *p, const char *word)
{
	return p->len == strlen(word) && !strncasecmp(p->s, word, p->len);
}

/* "q=0.5" as 500; what is no weight is none, so that nothing is taken for liked by mistake. */
static int weight(const struct piece *p)
{
	int v = 0, unit = 1000;

	if (p->len < 3 || p->len > 7 || (p->s[2] != '0' && p->s[2] != '1'))
		return 0;
	for (size_t i = 2; i < p->len; i++) {
		if (i == 3 && p->s[i] == '.')
			continue;
		if (i == 3 || p->s[i] < '0' || p->s[i] > '9')
			return 0;
		v += (p->s[i] - '0') * unit;
		unit /= 10;
	}
	return v > 1000 ? 0 : v;
}

/* One element: its name, its weight in thousandths, and its version, if it has one. */
static void element(struct piece e, struct piece *name, int *q, struct piece *version)
{
	struct piece p;

	*q = 1000;
	*version = (struct piece){ 0 };
	next(&e, ';', name);
	while (next(&e, ';', &p)) {
		if (p.len > 1 && !strncasecmp(p.s, "q=", 2))
			*q = weight(&p);
		else if (p.len > 8 && !strncasecmp(p.s, "version=", 8))
			*version = (struct piece){ p.s + 8, p.len - 8 };
	}
}

bool s2v_accepts_openmetrics(const char *header)
{
	struct piece rest = { header, header ? strlen(header) : 0 }, e, name, version;
	int om = 0, text = -1, range = -1, any = -1, q;

	while (next(&rest, ',', &e)) {
		element(e, &name, &q, &version);
		if (is(&name, "application/openmetrics-text")) {
			if ((!version.len || is(&version, "1.0.0")) && q > om)
				om = q;
		} else if (is(&name, "text/plain")) {
			if ((!version.len || is(&version, "0.0.4")) && q > text)
				text = q;
		} else if (is(&name, "text/*")) {
			range = q;
		} else if (is(&name, "*/*")) {
			any = q;
		}
	}
	/* The more specific one says how much text is liked. */
	if (text < 0)
		text = range >= 0 ? range : any;
	return om > 0 && om >= text;
}

bool s2v_accepts_gzip(const char *header)
{
	struct piece rest = { header, header ? strlen(header) : 0 }, e, name, version;
	int gzip = -1, any = -1, q;

	while (next(&rest, ',', &e)) {
		element(e, &name, &q, &version);
		if (is(&name, "gzip") || is(&name, "x-gzip"))
			gzip = q;
		else if (is(&name, "*"))
			any = q;
	}
	return gzip >= 0 ? gzip > 0 : any > 0;
}

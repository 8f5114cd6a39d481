// SPDX-License-Identifier: BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/accept.h"

/* A part of a header, without surrounding white space. Not terminated. */
struct piece {
	const char *s;
	size_t len;
};

/* Takes the next piece of *rest, which ends at the character `end`. False if none is left. */
static bool next_piece(struct piece *rest, char end, struct piece *p)
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

static bool piece_is(const struct piece *p, const char *word)
{
	return p->len == strlen(word) && !strncasecmp(p->s, word, p->len);
}

/* "q=0.5" is 500. A malformed weight is 0: the type counts as not accepted. */
static int parse_weight(const struct piece *p)
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

/* Splits an element into name, weight in thousandths (default 1000) and version (empty if none). */
static void parse_element(struct piece e, struct piece *name, int *q, struct piece *version)
{
	struct piece p;

	*q = 1000;
	*version = (struct piece){ 0 };
	next_piece(&e, ';', name);
	while (next_piece(&e, ';', &p)) {
		if (p.len > 1 && !strncasecmp(p.s, "q=", 2))
			*q = parse_weight(&p);
		else if (p.len > 8 && !strncasecmp(p.s, "version=", 8))
			*version = (struct piece){ p.s + 8, p.len - 8 };
	}
}

bool s2v_accepts_openmetrics(const char *header)
{
	struct piece rest = { header, header ? strlen(header) : 0 }, e, name, version;
	int om = 0, text = -1, range = -1, any = -1, q;

	while (next_piece(&rest, ',', &e)) {
		parse_element(e, &name, &q, &version);
		if (piece_is(&name, "application/openmetrics-text")) {
			if ((!version.len || piece_is(&version, "1.0.0")) && q > om)
				om = q;
		} else if (piece_is(&name, "text/plain")) {
			if ((!version.len || piece_is(&version, "0.0.4")) && q > text)
				text = q;
		} else if (piece_is(&name, "text/*")) {
			range = q;
		} else if (piece_is(&name, "*/*")) {
			any = q;
		}
	}
	/* The most specific range that matches text/plain decides its weight. */
	if (text < 0)
		text = range >= 0 ? range : any;
	return om > 0 && om >= text;
}

bool s2v_accepts_gzip(const char *header)
{
	struct piece rest = { header, header ? strlen(header) : 0 }, e, name, version;
	int gzip = -1, any = -1, q;

	while (next_piece(&rest, ',', &e)) {
		parse_element(e, &name, &q, &version);
		if (piece_is(&name, "gzip") || piece_is(&name, "x-gzip"))
			gzip = q;
		else if (piece_is(&name, "*"))
			any = q;
	}
	return gzip >= 0 ? gzip > 0 : any > 0;
}

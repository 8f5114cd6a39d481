/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside the text sink: its state, and the pieces that its files share. */
#ifndef S2V_SINK_TEXT_H
#define S2V_SINK_TEXT_H

#include "core/sink.h"
#include "util/util.h"

/* What remains of a finding for the table at the end. */
struct text_finding {
	__u64 id, count, gpa_low, gpa_end, size, bytes;
	const struct s2v_rule *rule;
	enum s2v_severity severity;
	__u32 vm;
	__s16 slot;
	bool has_page;
};

struct text_sink {
	struct s2v_sink sink; /* first */
	FILE *out;
	bool colour;
	bool terminal; /* the width is a terminal's: nothing is to be longer */
	unsigned int width;
	enum { TEXT_START, TEXT_HOST, TEXT_HOOKS, TEXT_RULES, TEXT_BODY } section;
	struct s2v_contract_row *rows; /* of one VM, not yet shown */
	size_t n_rows, cap_rows;
	char *leaves; /* what is to be said below the rows, of leaves */
	size_t len_leaves, cap_leaves;
	bool legend_due; /* a contract was shown, its legend not yet */
	bool legend_given; /* it was, and nothing but contracts since */
	struct text_finding *findings;
	size_t n_findings, cap_findings;
};

/* A line of pieces, two spaces apart, broken between them at the width; indented by 2 then. */
struct text_line {
	struct text_sink *t;
	unsigned int col;
};

enum text_style { STYLE_PLAIN, STYLE_BOLD, STYLE_RED, STYLE_YELLOW, STYLE_GREEN, STYLE_CYAN };

const char *text_on(const struct text_sink *t, enum text_style s); /* escape sequence, or "" */
const char *text_off(const struct text_sink *t, enum text_style s);
enum text_style text_severity_style(enum s2v_severity s);

/* A piece; what it is made of must be clean already. */
void text_piece(struct text_line *l, enum text_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void text_line_end(struct text_line *l);

/* Text broken at spaces; the cursor is in column col, further lines are indented by indent. */
void text_wrap(struct text_sink *t, unsigned int col, unsigned int indent, const char *text);

#define TEXT_NAME_LEN (4 * S2V_NAME_LEN + 1)
/* A name of any bytes, at most max of them, for a terminal. Returns out. */
const char *text_name(const char *in, size_t max, char out[TEXT_NAME_LEN]);

/* Time of day, local: "03:04:05.123456789". */
#define TEXT_TIME_LEN 32
const char *text_time(__u64 realtime_ns, char out[TEXT_TIME_LEN]);

/* "412 ms", "1.3 ms", "7 us": three digits are enough to compare. */
const char *text_brief(__u64 ns, char out[S2V_SIZE_LEN]);

/* Remember a failed write or allocation. Every call of the sink ends with it. */
void text_check(struct text_sink *t);
void text_nomem(struct text_sink *t);

/* An array with room for one more element of size bytes, or NULL: then it is as it was. */
void *text_grow(void *array, size_t n, size_t *cap, size_t size);

void text_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		__u64 time);
void text_memslot(struct s2v_sink *s, const struct s2v_contract_row *r);
void text_memslots_end(struct s2v_sink *s);
void text_show_rows(struct text_sink *t); /* those of one VM that are held, if any */
void text_audit(struct s2v_sink *s, const struct s2v_audit_row *r);
void text_leaves_event(struct text_line *l, const struct s2v_ev_leaves *e);
void text_reset(struct s2v_sink *s, const struct s2v_reset *r);
void text_reset_total(struct s2v_sink *s, const struct s2v_reset_total *r);
void text_summary(struct s2v_sink *s, const struct s2v_summary *sum);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Internals of the text sink: its state, and functions that its files share. */
#ifndef S2V_SINK_TEXT_H
#define S2V_SINK_TEXT_H

#include "core/sink.h"
#include "util/util.h"

/* What the final table needs of a finding. */
struct text_finding {
	__u64 id, count, gpa_low, gpa_end, size, bytes;
	const struct s2v_rule *rule;
	enum s2v_severity severity;
	__u32 vm;
	__s16 slot;
	bool has_page;
};

/* Lines that are printed later. */
struct text_buf {
	char *text;
	size_t len, cap;
};

struct text_sink {
	struct s2v_sink sink; /* first */
	FILE *out;
	bool colour;
	bool terminal; /* width is a terminal's: wrap all lines */
	unsigned int width;
	enum { TEXT_START, TEXT_HOST, TEXT_HOOKS, TEXT_RULES, TEXT_BODY } section;
	struct s2v_contract_row *rows; /* of one VM, not printed yet */
	size_t n_rows, cap_rows;
	struct text_buf leaves, guest; /* to be printed below the rows */
	struct s2v_vcpu_row vcpus; /* the first of vCPUs that are described in one line */
	int last_vcpu;
	bool have_vcpus;
	bool legend_due; /* a contract was printed, its legend was not */
	bool legend_given; /* the legend was printed, and only contracts since */
	struct text_finding *findings;
	size_t n_findings, cap_findings;
};

/* A line of pieces, two spaces apart. Broken between pieces at the width, then indented by 2. */
struct text_line {
	struct text_sink *t;
	unsigned int col;
};

enum text_style { STYLE_PLAIN, STYLE_BOLD, STYLE_RED, STYLE_YELLOW, STYLE_GREEN, STYLE_CYAN };

const char *text_on(const struct text_sink *t, enum text_style s); /* escape sequence, or "" */
const char *text_off(const struct text_sink *t, enum text_style s);
enum text_style text_severity_style(enum s2v_severity s);

/* Prints a piece. Arguments must be free of control characters (text_name()). */
void text_piece(struct text_line *l, enum text_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void text_line_end(struct text_line *l);

/* Wraps text at spaces. Begins in column col, and indents further lines by indent. */
void text_wrap(struct text_sink *t, unsigned int col, unsigned int indent, const char *text);

#define TEXT_NAME_LEN (4 * S2V_NAME_LEN + 1)
/* Makes a name of up to max arbitrary bytes safe for a terminal. Returns out. */
const char *text_name(const char *in, size_t max, char out[TEXT_NAME_LEN]);

/* Local time of day: "03:04:05.123456". Returns out. */
#define TEXT_TIME_LEN 32
const char *text_time(__u64 realtime_ns, char out[TEXT_TIME_LEN]);

/* "412 ms", "1.3 ms", "7 us". Returns out. */
const char *text_duration(__u64 ns, char out[S2V_SIZE_LEN]);

/* Note a failed write or allocation in sink.failed. Every function of the sink ends with text_check(). */
void text_check(struct text_sink *t);
void text_nomem(struct text_sink *t);

/* Returns the array with room for another element of `size` bytes. NULL: no memory, the array is unchanged. */
void *text_grow(void *array, size_t n, size_t *cap, size_t size);

void text_event(struct s2v_sink *s, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		__u64 time);
void text_memslot(struct s2v_sink *s, const struct s2v_contract_row *r);
void text_memslots_end(struct s2v_sink *s);
void text_show_rows(struct text_sink *t); /* prints t->rows, if any */
void text_audit(struct s2v_sink *s, const struct s2v_audit_row *r);
void text_leaves_event(struct text_line *l, const struct s2v_ev_leaves *e);
void text_vcpu_event(struct text_line *l, const struct s2v_ev_vcpu *e);
void text_guest_leaves_event(struct text_line *l, const struct s2v_ev_guest_leaves *e);
void text_guest_event(struct text_line *l, const struct s2v_ev_guest *e);
void text_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r);
/* Keep lines that are printed below the rows. */
void text_keep_vcpu(struct text_sink *t, const struct s2v_vcpu_row *r);
void text_keep_guest(struct text_sink *t, const struct s2v_contract_row *r);
void text_show_guest(struct text_sink *t);
void text_drop_guest(struct text_sink *t); /* a VM without rows has ended */
/* Adds a line, and prints them all below a heading, if there are any. */
void text_keep(struct text_sink *t, struct text_buf *b, const char *line);
void text_show(struct text_sink *t, struct text_buf *b, const char *heading);
void text_reset(struct s2v_sink *s, const struct s2v_reset *r);
void text_reset_total(struct s2v_sink *s, const struct s2v_reset_total *r);
void text_summary(struct s2v_sink *s, const struct s2v_summary *sum);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* The coherence contract as text: a table per VM, and its leaves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sink/text.h"
#include "util/util.h"

enum { C_SLOT, C_GPA, C_SIZE, C_BACKING, C_S1, C_S2, C_GUEST, C_WB, C_CMO, C_FWB, C_NR };

static const char *const heads[C_NR] = {
	"slot", "GPA", "size", "backing", "stage 1", "stage 2", "guest", "WB", "CMO", "FWB",
};

/* What of a row fits into the width. */
enum fit { FIT_ALL, FIT_NO_END, FIT_NO_DRIVER, FIT_TIGHT, FIT_NO_GUEST, FIT_NR };

struct cells {
	char c[C_NR][2 * TEXT_NAME_LEN];
};

static const char *short_tri(int v)
{
	return v == S2V_YES ? "yes" : v == S2V_NO ? "no" : "?";
}

/* The driver's module, else the file's name; "" for anonymous memory. */
static const char *backing_name(const struct s2v_contract_row *r, char buf[TEXT_NAME_LEN])
{
	return r->driver[0] ? text_name(r->driver, sizeof(r->driver), buf)
			    : text_name(r->name, sizeof(r->name), buf);
}

/* The weakest type by the guest's own stage 1; "" where no audit walked that. */
static void guest_cell(const struct s2v_contract_row *r, char *buf, size_t len)
{
	bool mixed = false;
	const char *name = r->guest_walked ? s2v_guest_name(&r->guest, r->guest_flags, &mixed) : "";

	snprintf(buf, len, "%s%s", name, mixed ? "*" : "");
}

static void fill_cells(struct cells *x, const struct s2v_contract_row *r, enum fit fit)
{
	char name[TEXT_NAME_LEN], size[S2V_SIZE_LEN];
	const size_t len = sizeof(x->c[0]);

	s2v_format_size(r->size, size);
	snprintf(x->c[C_SLOT], len, "%d%s%s", r->id, r->readonly ? " ro" : "",
		 r->gone ? " gone" : "");
	if (fit == FIT_ALL)
		snprintf(x->c[C_GPA], len, "0x%llx-0x%llx", r->gpa, r->gpa + r->size - 1);
	else
		snprintf(x->c[C_GPA], len, "0x%llx", r->gpa);
	snprintf(x->c[C_SIZE], len, "%s", size);
	backing_name(r, name);
	if (fit < FIT_NO_DRIVER && name[0])
		snprintf(x->c[C_BACKING], len, "%s %s", r->backing, name);
	else
		snprintf(x->c[C_BACKING], len, "%s",
			 strcmp(r->backing, "none") ? r->backing : "nothing mapped");
	snprintf(x->c[C_S1], len, "%s", r->s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(r->s1));
	snprintf(x->c[C_S2], len, "%s%s", r->s2 == S2V_ATTR_NONE ? "-" : s2v_attr_name(r->s2),
		 r->s2_mixed ? "*" : "");
	if (fit < FIT_NO_GUEST) /* lines below the table have it, too */
		guest_cell(r, x->c[C_GUEST], len);
	else
		x->c[C_GUEST][0] = 0;
	snprintf(x->c[C_WB], len, "%s", short_tri(r->write_back_guaranteed));
	snprintf(x->c[C_CMO], len, "%s",
		 r->vmm_cmo == S2V_CMO_UNKNOWN ? "?" : s2v_cmo_name(r->vmm_cmo));
	snprintf(x->c[C_FWB], len, "%s", short_tri(r->needs_s2fwb));
}

/* Why the contract is printed now. */
static const char *why_now(const struct s2v_contract_row *r)
{
	return r->why == S2V_CONTRACT_VM_GONE	 ? "the VM is gone"
	       : r->why == S2V_CONTRACT_RUN_ENDS ? "the run ends"
						 : "as of now (SIGUSR1)";
}

static unsigned int gap(enum fit fit)
{
	return fit >= FIT_TIGHT ? 1 : 2;
}

/* Sets w to the widths of the columns over all rows. Returns the table's width. */
static unsigned int measure_columns(const struct text_sink *t, enum fit fit, unsigned int w[C_NR])
{
	unsigned int total = 0;

	for (int c = 0; c < C_NR; c++)
		w[c] = c == C_GUEST ? 0 : (unsigned int)strlen(heads[c]);
	for (size_t i = 0; i < t->n_rows; i++) {
		struct cells x;

		fill_cells(&x, &t->rows[i], fit);
		for (int c = 0; c < C_NR; c++) {
			unsigned int n = (unsigned int)s2v_columns(x.c[c]);

			w[c] = n > w[c] ? n : w[c];
		}
	}
	if (w[C_GUEST] && w[C_GUEST] < strlen(heads[C_GUEST]))
		w[C_GUEST] = (unsigned int)strlen(heads[C_GUEST]);
	for (int c = 0; c < C_NR; c++)
		total += w[c] ? w[c] + gap(fit) : 0;
	return total + 2 - gap(fit);
}

static void print_row(struct text_sink *t, enum fit fit, const unsigned int w[C_NR],
		      const struct cells *x, bool unsafe)
{
	for (int c = 0; c < C_NR; c++) {
		enum text_style style = unsafe && c == C_CMO ? STYLE_RED : STYLE_PLAIN;
		int pad = (int)w[c] - (int)s2v_columns(x->c[c]);
		int before = c == 0 ? 2 : (int)gap(fit);

		if (!w[c])
			continue;
		fprintf(t->out, "%*s%s%s%s", before + (c == C_SIZE ? pad : 0), "",
			text_on(t, style), x->c[c], text_off(t, style));
		if (c != C_SIZE && c != C_NR - 1)
			fprintf(t->out, "%*s", pad, "");
	}
	fputc('\n', t->out);
}

/* A line about the leaves of a memslot from a GPA. Truncated if too long. */
static void format_leaves(const struct s2v_contract_row *r, char *buf, size_t len)
{
	size_t n = (size_t)snprintf(buf, len, "  memslot %d from GPA 0x%llx:", r->id,
				    (unsigned long long)r->gpa);

	for (size_t i = 0; i < r->n_leaves && n < len; i++) {
		const struct s2v_leaf_count *l = &r->leaves[i];

		n += (size_t)snprintf(buf + n, len - n, "%s %llu at level %d %s / %s", i ? "," : "",
				      (unsigned long long)l->n, l->level,
				      l->s1 == S2V_ATTR_NONE ? "?" : s2v_attr_name(l->s1),
				      s2v_attr_name(l->s2));
	}
	if (!r->n_leaves && n < len)
		n += (size_t)snprintf(buf + n, len - n, " nothing mapped");
	if (n < len)
		snprintf(buf + n, len - n, "\n");
}

static void keep_leaves(struct text_sink *t, const struct s2v_contract_row *r)
{
	char line[1024];

	if (!r->audited)
		return;
	format_leaves(r, line, sizeof(line));
	text_keep(t, &t->leaves, line);
}

void text_show_rows(struct text_sink *t)
{
	enum fit fit = FIT_ALL;
	unsigned int w[C_NR];
	char name[TEXT_NAME_LEN], head[TEXT_NAME_LEN + 64];
	const struct s2v_vm_ref *vm;
	struct cells x;

	if (!t->n_rows)
		return;
	while (measure_columns(t, fit, w) > t->width && fit + 1 < FIT_NR)
		fit++;
	vm = &t->rows[0].vm;
	fprintf(t->out, "%s%sCoherence contract%s ", t->section == TEXT_START ? "" : "\n",
		text_on(t, STYLE_BOLD), text_off(t, STYLE_BOLD));
	snprintf(head, sizeof(head), "of vm %u (%s, pid %u): %s", vm->id,
		 text_name(vm->comm, sizeof(vm->comm), name), vm->pid, why_now(&t->rows[0]));
	text_wrap(t, (unsigned int)sizeof("Coherence contract"), 2, head);
	t->section = TEXT_BODY;
	for (int c = 0; c < C_NR; c++)
		snprintf(x.c[c], sizeof(x.c[c]), "%s", heads[c]);
	print_row(t, fit, w, &x, false);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct s2v_contract_row *r = &t->rows[i];

		fill_cells(&x, r, fit);
		print_row(t, fit, w, &x, r->vmm_cmo == S2V_CMO_UNSAFE);
		if (fit >= FIT_NO_DRIVER && backing_name(r, name)[0])
			fprintf(t->out, "%*s%s\n",
				(int)(2 + w[C_SLOT] + w[C_GPA] + w[C_SIZE] + 3 * gap(fit)), "",
				name);
	}
	text_show(t, &t->leaves, "stage-2 leaves (stage 1 / stage 2)");
	text_show_guest(t);
	t->n_rows = 0;
	t->legend_due = !t->legend_given;
}

void text_vcpu(struct s2v_sink *s, const struct s2v_vcpu_row *r)
{
	struct text_sink *t = (struct text_sink *)s;

	if (t->n_rows && t->rows[0].vm.id != r->vm.id)
		text_show_rows(t);
	text_keep_vcpu(t, r);
}

void text_memslot(struct s2v_sink *s, const struct s2v_contract_row *r)
{
	struct text_sink *t = (struct text_sink *)s;
	void *p;

	if (t->n_rows && t->rows[0].vm.id != r->vm.id)
		text_show_rows(t);
	p = text_grow(t->rows, t->n_rows, &t->cap_rows, sizeof(*r));
	if (!p) {
		text_nomem(t);
		return;
	}
	t->rows = p;
	t->rows[t->n_rows] = *r;
	t->rows[t->n_rows++].leaves = NULL; /* owned by the correlator, and not valid later */
	keep_leaves(t, r);
	text_keep_guest(t, r);
}

void text_memslots_end(struct s2v_sink *s)
{
	struct text_sink *t = (struct text_sink *)s;

	text_show_rows(t);
	text_drop_guest(t);
	if (!t->legend_due)
		return;
	t->legend_due = false;
	t->legend_given = true;
	fputs("  ", t->out);
	text_wrap(t, 2, 2,
		  "WB: whether Write-Back is guaranteed at stage 2. CMO: cache maintenance that "
		  "the VMM owes. FWB: whether coherence depends on S2FWB and DIC. -: not mapped "
		  "yet. *: other types too. ?: not known.");
	text_check(t);
}

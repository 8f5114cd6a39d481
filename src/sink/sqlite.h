/* SPDX-License-Identifier: BSD-2-Clause */
/* Internals of the SQLite sink: tables and rows. */
#ifndef S2V_SINK_SQLITE_H
#define S2V_SINK_SQLITE_H

#include <sqlite3.h>

#include "util/outfile.h"
#include "core/sink.h"

enum s2v_sql_table {
	S2V_SQL_META,
	S2V_SQL_HOSTS,
	S2V_SQL_RAM,
	S2V_SQL_HOOKS,
	S2V_SQL_RULES,
	S2V_SQL_REGISTRATIONS,
	S2V_SQL_MEMSLOTS,
	S2V_SQL_FAULTS,
	S2V_SQL_MAPS,
	S2V_SQL_UNMAPS,
	S2V_SQL_RESETS,
	S2V_SQL_RESET_TOTALS,
	S2V_SQL_FINDINGS,
	S2V_SQL_VCPUS,
	S2V_SQL_GUEST_RANGES,
	S2V_SQL_MAP_TOTALS,
	S2V_SQL_NR,
};

/* A column's value. Text: at most max bytes, up to the first NUL; a NULL pointer is SQL NULL. */
struct s2v_sql_val {
	enum { S2V_SQL_NULL, S2V_SQL_INT, S2V_SQL_TEXT } type;
	__s64 i;
	const char *text;
	size_t max;
};

#define SQL_NULL ((struct s2v_sql_val){ .type = S2V_SQL_NULL })
/* All 64 bits: addresses from 2^63 on are negative in SQL. */
#define SQL_INT(v) ((struct s2v_sql_val){ .type = S2V_SQL_INT, .i = (__s64)(v) })
#define SQL_OPT(cond, v) ((cond) ? SQL_INT(v) : SQL_NULL)
#define SQL_TRI(v) SQL_OPT((v) != S2V_UNKNOWN, (v))
/* Our own text: valid UTF-8, and valid until the row is inserted. Other text: SQL_ARRAY. */
#define SQL_STR(s) ((struct s2v_sql_val){ .type = S2V_SQL_TEXT, .text = (s), .max = SIZE_MAX })
#define SQL_ARRAY(a) ((struct s2v_sql_val){ .type = S2V_SQL_TEXT, .text = (a), .max = sizeof(a) })
#define SQL_ATTR(a) ((a) == S2V_ATTR_NONE ? SQL_NULL : SQL_STR(s2v_attr_name(a)))

#define S2V_SQL_RECENT 1024

struct s2v_sql {
	struct s2v_sink sink; /* first */
	struct s2v_outfile out;
	sqlite3 *db;
	sqlite3_stmt *stmt[S2V_SQL_NR], *vm;
	__u32 recent_vms[S2V_SQL_RECENT]; /* VMs with a row, by their number modulo the size */
	bool has_summary;
};

/* Sets sink.failed, if not set, to the errno for SQLite's result code rc. */
void s2v_sql_fail(struct s2v_sql *q, int rc);

/* Inserts a row of n values. Replaces a row with the same primary key. */
void s2v_sql_row(struct s2v_sql *q, enum s2v_sql_table t, const struct s2v_sql_val *v, int n);
#define SQL_ROW(q, table, ...)                                          \
	do {                                                            \
		const struct s2v_sql_val v_[] = { __VA_ARGS__ };        \
		s2v_sql_row((q), (table), v_, (int)S2V_ARRAY_SIZE(v_)); \
	} while (0)

/* Inserts or updates the row of a VM. preexisting: -1: not known. born, gone: CLOCK_REALTIME ns; 0: not known. */
void s2v_sql_vm(struct s2v_sql *q, const struct s2v_vm_ref *vm, int preexisting, __u64 born,
		__u64 gone);

/* sqlite_rows.c: sets the sink's functions that insert rows. */
void s2v_sql_rows(struct s2v_sink *s);

#endif

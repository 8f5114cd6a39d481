// SPDX-License-Identifier: BSD-2-Clause
/* Inserts rows with prepared statements. After the first error nothing more is written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/sqlite.h"
#include "util/util.h"

static const char *const tables[S2V_SQL_NR] = {
	[S2V_SQL_META] = "meta",
	[S2V_SQL_HOSTS] = "hosts",
	[S2V_SQL_RAM] = "host_ram",
	[S2V_SQL_HOOKS] = "hooks",
	[S2V_SQL_RULES] = "rules",
	[S2V_SQL_REGISTRATIONS] = "registrations",
	[S2V_SQL_MEMSLOTS] = "memslots",
	[S2V_SQL_FAULTS] = "faults",
	[S2V_SQL_MAPS] = "maps",
	[S2V_SQL_UNMAPS] = "unmaps",
	[S2V_SQL_RESETS] = "resets",
	[S2V_SQL_RESET_TOTALS] = "reset_totals",
	[S2V_SQL_FINDINGS] = "findings",
	[S2V_SQL_VCPUS] = "vcpus",
	[S2V_SQL_GUEST_RANGES] = "guest_ranges",
	[S2V_SQL_MAP_TOTALS] = "map_totals",
};

void s2v_sql_fail(struct s2v_sql *q, int rc)
{
	int err = q->db ? sqlite3_system_errno(q->db) : 0;

	if (q->sink.failed)
		return;
	if (rc == SQLITE_FULL && !err)
		err = ENOSPC;
	if (rc == SQLITE_NOMEM)
		err = ENOMEM;
	q->sink.failed = err ? err : EIO;
}

/* Fails if n is not the table's number of columns. */
static sqlite3_stmt *prepare(struct s2v_sql *q, enum s2v_sql_table t, int n)
{
	char sql[256];
	size_t len = (size_t)snprintf(sql, sizeof(sql), "INSERT OR REPLACE INTO %s VALUES (?",
				      tables[t]);
	int rc;

	for (int i = 1; i < n && len + 3 < sizeof(sql); i++, len += 2)
		memcpy(sql + len, ",?", 2);
	memcpy(sql + len, ")", 2);
	rc = sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt[t], NULL);
	if (rc)
		s2v_sql_fail(q, rc);
	return q->stmt[t];
}

static int bind_value(sqlite3_stmt *st, int i, const struct s2v_sql_val *v)
{
	size_t len, cap;
	char *buf;

	if (v->type == S2V_SQL_INT)
		return sqlite3_bind_int64(st, i, v->i);
	if (v->type == S2V_SQL_NULL || !v->text)
		return sqlite3_bind_null(st, i);
	if (v->max == SIZE_MAX) /* SQL_STR */
		return sqlite3_bind_text(st, i, v->text, -1, SQLITE_STATIC);
	len = strnlen(v->text, v->max);
	cap = 3 * len + 1;
	buf = malloc(cap);
	if (!buf)
		return SQLITE_NOMEM;
	len = s2v_clean_utf8(v->text, len, buf, cap);
	return sqlite3_bind_text(st, i, buf, (int)len, free); /* frees buf, also on failure */
}

static void step(struct s2v_sql *q, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE)
		s2v_sql_fail(q, rc);
	sqlite3_reset(st);
}

void s2v_sql_row(struct s2v_sql *q, enum s2v_sql_table t, const struct s2v_sql_val *v, int n)
{
	sqlite3_stmt *st = q->stmt[t];

	if (q->sink.failed)
		return;
	if (!st)
		st = prepare(q, t, n);
	for (int i = 0; st && i < n; i++) {
		int rc = bind_value(st, i + 1, &v[i]);

		if (rc) {
			s2v_sql_fail(q, rc);
			return;
		}
	}
	if (st)
		step(q, st);
}

void s2v_sql_vm(struct s2v_sql *q, const struct s2v_vm_ref *vm, int preexisting, __u64 born,
		__u64 gone)
{
	static const char sql[] =
		"INSERT INTO vms VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
		"pid = ?2, comm = CASE WHEN ?3 <> '' THEN ?3 ELSE comm END, "
		"preexisting = coalesce(?4, preexisting), born_ns = coalesce(born_ns, ?5), "
		"gone_ns = coalesce(?6, gone_ns)";
	const struct s2v_sql_val v[] = {
		SQL_INT(vm->id),     SQL_INT(vm->pid),
		SQL_ARRAY(vm->comm), SQL_OPT(preexisting >= 0, preexisting),
		SQL_OPT(born, born), SQL_OPT(gone, gone),
	};
	int rc = 0;

	if (q->sink.failed ||
	    (q->recent_vms[vm->id % S2V_SQL_RECENT] == vm->id && preexisting < 0 && !born && !gone))
		return;
	if (!q->vm)
		rc = sqlite3_prepare_v3(q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->vm, NULL);
	for (int i = 0; !rc && i < (int)S2V_ARRAY_SIZE(v); i++)
		rc = bind_value(q->vm, i + 1, &v[i]);
	if (rc)
		s2v_sql_fail(q, rc);
	else
		step(q, q->vm);
	q->recent_vms[vm->id % S2V_SQL_RECENT] = vm->id;
}

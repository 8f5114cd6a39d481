// SPDX-License-Identifier: BSD-2-Clause
/*
 * SQLite export of a run. For speed: one transaction without a journal into a temporary file, and
 * indexes at the end. After the first error nothing more is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sink/sqlite.h"
#include "util/util.h"
#include "sink/sinks.h"

/* Files of src/sink/sql (tools/embed). */
extern const char s2v_sql_schema[], s2v_sql_finish[];

static void exec_sql(struct s2v_sql *q, const char *sql)
{
	int rc;

	if (q->sink.failed)
		return;
	rc = sqlite3_exec(q->db, sql, NULL, NULL, NULL);
	if (rc)
		s2v_sql_fail(q, rc);
}

static void on_close(struct s2v_sink *s)
{
	struct s2v_sql *q = (struct s2v_sql *)s;
	int rc;

	if (!q->has_summary) {
		SQL_ROW(q, S2V_SQL_META, SQL_STR("complete"), SQL_INT(0));
		SQL_ROW(q, S2V_SQL_META, SQL_STR("incomplete"),
			SQL_STR("the run was cut short before its summary"));
	}
	exec_sql(q, s2v_sql_finish);
	for (int i = 0; i < S2V_SQL_NR; i++)
		sqlite3_finalize(q->stmt[i]);
	sqlite3_finalize(q->vm);
	rc = sqlite3_close(q->db);
	if (rc)
		s2v_sql_fail(q, rc);
	s->failed = s2v_outfile_end(&q->out, s->failed);
}

struct s2v_sink *s2v_sink_sqlite(const char *path)
{
	struct s2v_sql *q = calloc(1, sizeof(*q));
	int err, rc;

	if (!q)
		return NULL;
	err = s2v_outfile_make(&q->out, path);
	if (err) {
		free(q);
		errno = err;
		return NULL;
	}
	rc = sqlite3_open_v2(q->out.tmp, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc)
		s2v_sql_fail(q, rc);
	exec_sql(q, s2v_sql_schema);
	SQL_ROW(q, S2V_SQL_META, SQL_STR("schema_version"), SQL_INT(1));
	SQL_ROW(q, S2V_SQL_META, SQL_STR("s2verify"), SQL_STR(S2V_VERSION));
	if (q->sink.failed) {
		err = q->sink.failed;
		for (int i = 0; i < S2V_SQL_NR; i++)
			sqlite3_finalize(q->stmt[i]);
		sqlite3_close(q->db);
		s2v_outfile_end(&q->out, err);
		free(q);
		errno = err;
		return NULL;
	}
	s2v_sql_rows(&q->sink);
	q->sink.close = on_close;
	return &q->sink;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Room sink: results as text, NDJSON, SQLite and Perfetto, and a filter before them. Uses core,
 * host, util. Used by cmd, daemon, report.
 *
 * The sinks that there are, but for the HTML report (report/html.h).
 */
#ifndef S2V_SINKS_H
#define S2V_SINKS_H

#include "core/sink.h"

/* On stdout. Return NULL with errno set. tty: colours and aligned columns for a terminal. */
struct s2v_sink *s2v_sink_text(bool tty);
struct s2v_sink *s2v_sink_json(void);

/* The same on the caller's stream, which stays open. width: columns, 0 for the default. */
struct s2v_sink *s2v_sink_text_to(FILE *out, bool colour, unsigned int width);
struct s2v_sink *s2v_sink_json_to(FILE *out);

/*
 * Sinks that write a file for other tools: an SQLite database, a Perfetto trace, an HTML report.
 * For full results they need every event (correlator options `events` and `every_map`). They
 * aggregate or stream events: memory does not grow with their number.
 *
 * Each writes PATH.tmp, and close() renames it to PATH, so PATH is either a complete file or
 * unchanged. After a failed write close() sets `failed` (an errno) and removes PATH.tmp. If PATH
 * exists and is not a regular file (a pipe, /dev/stdout), it is written directly; SQLite cannot do
 * that.
 *
 * Return NULL with errno set: errors of opening PATH.tmp, ENOMEM, EISDIR, ENOTSUP (SQLite, PATH is
 * not a regular file).
 */
struct s2v_sink *s2v_sink_sqlite(const char *path); /* docs/export.md */
struct s2v_sink *s2v_sink_perfetto(const char *path); /* docs/export.md */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sinks that write a file to be looked at with other tools: an HTML report, an SQLite database, a
 * Perfetto trace. They want every event (correlator options `events` and `every_map`), and make
 * do with fewer. What they show of events is aggregated or streamed: memory is bounded in their
 * number.
 *
 * Each writes PATH.tmp, and close() renames it to PATH, so that PATH is a whole file or what it was
 * before. After a failed write close() sets `failed` (an errno) and removes PATH.tmp. A PATH that
 * is there and no regular file (a pipe, /dev/stdout) is written to directly; SQLite cannot.
 *
 * Return NULL with errno set: what opening PATH.tmp said, ENOMEM, EISDIR, ENOTSUP (SQLite, PATH is
 * no regular file).
 */
#ifndef S2V_VIEWS_H
#define S2V_VIEWS_H

#include "core/sink.h"

struct s2v_sink *s2v_sink_html(const char *path); /* docs/report.md */
struct s2v_sink *s2v_sink_sqlite(const char *path); /* docs/export.md */
struct s2v_sink *s2v_sink_perfetto(const char *path); /* docs/export.md */

#endif

// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "daemon/accept.h"
#include "daemon/addr.h"
#include "daemon/conns.h"
#include "daemon/web.h"
#include "report/html.h"
#include "daemon/notify.h"
#include "util/util.h"

#define HEADERS_MAX 8192
#define BODY_MAX 1024
#define TIMEOUT_S 10 /* of one read or write; conns.h limits the whole connection */
#define GZIP_MIN 1024
#define SOCKETS_MAX (S2V_LISTEN_MAX + 64)

struct s2v_web {
	const struct s2v_route *routes;
	void *arg; /* of the routes */
	struct evhttp *http;
	struct s2v_conns conns;
	struct s2v_web_counts n;
	struct {
		char name[128];
		struct s2v_addr addr; /* for s2v_addr_unlink(); empty for inherited sockets */
	} at[SOCKETS_MAX];
	unsigned int n_at;
};

/* ---- answers ---- */

static void free_body(const void *data, size_t len, void *arg)
{
	(void)len;
	(void)arg;
	free((void *)data);
}

/* The compressed body, for the caller to free. NULL if it is short, or out of memory. */
static char *gzipped(const struct s2v_answer *a, size_t *len)
{
	z_stream z = { 0 };
	char *out;

	if (a->len < GZIP_MIN || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY))
		return NULL;
	*len = deflateBound(&z, a->len);
	out = malloc(*len);
	if (out) {
		z.next_in = (Bytef *)a->body;
		z.avail_in = (uInt)a->len;
		z.next_out = (Bytef *)out;
		z.avail_out = (uInt)*len;
		if (deflate(&z, Z_FINISH) != Z_STREAM_END) {
			free(out);
			out = NULL;
		}
		*len = z.total_out;
	}
	deflateEnd(&z);
	return out;
}

static bool add_headers(struct evkeyvalq *h, const struct s2v_answer *a, bool zipped)
{
	char len[24];

	snprintf(len, sizeof(len), "%zu", a->len);
	return !evhttp_add_header(h, "Content-Type", a->type) &&
	       !evhttp_add_header(h, "Content-Length", len) &&
	       !evhttp_add_header(h, "Connection", "close") &&
	       !evhttp_add_header(h, "Cache-Control", "no-store") &&
	       !evhttp_add_header(h, "X-Content-Type-Options", "nosniff") &&
	       !evhttp_add_header(h, "Referrer-Policy", "no-referrer") &&
	       !evhttp_add_header(h, "Content-Security-Policy", a->csp) &&
	       !evhttp_add_header(h, "Vary", "Accept, Accept-Encoding") &&
	       (a->code != HTTP_BADMETHOD || !evhttp_add_header(h, "Allow", "GET, HEAD")) &&
	       (!zipped || !evhttp_add_header(h, "Content-Encoding", "gzip"));
}

static void send_answer(struct s2v_web *w, struct evhttp_request *req, struct s2v_answer *a)
{
	const char *encoding =
		evhttp_find_header(evhttp_request_get_input_headers(req), "Accept-Encoding");
	struct evbuffer *out = evhttp_request_get_output_buffer(req);
	char *zipped = NULL;
	size_t len = 0;

	if (s2v_accepts_gzip(encoding))
		zipped = gzipped(a, &len);
	if (zipped) {
		free(a->body);
		a->body = zipped;
		a->len = len;
	}
	if (!add_headers(evhttp_request_get_output_headers(req), a, zipped != NULL))
		goto failed;
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD)
		free(a->body);
	else if (evbuffer_add_reference(out, a->body, a->len, free_body, NULL))
		goto failed;
	w->n.ok += a->code < 400;
	w->n.refused += a->code >= 400 && a->code < 500;
	w->n.failed += a->code >= 500;
	evhttp_send_reply(req, a->code, NULL, NULL);
	return;
failed:
	free(a->body);
	w->n.failed++;
	evhttp_send_error(req, HTTP_INTERNAL, NULL);
}

/* ---- requests ---- */

static void write_paths(const struct s2v_route *r, FILE *f)
{
	fputs("paths:", f);
	for (; r->path; r++)
		fprintf(f, " %s", r->path);
	putc('\n', f);
}

static void route_request(struct s2v_web *w, struct evhttp_request *req, struct s2v_answer *a)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	const char *accept = evhttp_find_header(evhttp_request_get_input_headers(req), "Accept");
	enum evhttp_cmd_type cmd = evhttp_request_get_command(req);
	const struct s2v_route *r = w->routes;

	if (cmd != EVHTTP_REQ_GET && cmd != EVHTTP_REQ_HEAD) {
		a->code = HTTP_BADMETHOD;
		fputs("only GET and HEAD\n", a->f);
		return;
	}
	while (r->path && (!path || strcmp(path[0] ? path : "/", r->path)))
		r++;
	if (r->path) {
		r->write(w->arg, accept, a);
	} else {
		a->code = HTTP_NOTFOUND;
		write_paths(w->routes, a->f);
	}
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct s2v_web *w = arg;
	struct s2v_answer a = { .type = "text/plain; charset=utf-8", .code = HTTP_OK };
	char csp[256];
	int failed;

	snprintf(csp, sizeof(csp),
		 "default-src 'none'; style-src '%s'; img-src data:; base-uri 'none'; form-action "
		 "'none'; frame-ancestors 'none'",
		 s2v_html_css_csp);
	a.csp = csp;
	a.f = open_memstream(&a.body, &a.len);
	if (!a.f) {
		w->n.failed++;
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		return;
	}
	route_request(w, req, &a);
	failed = ferror(a.f);
	if (fclose(a.f) || failed) {
		free(a.body);
		w->n.failed++;
		evhttp_send_error(req, HTTP_INTERNAL, NULL);
		return;
	}
	send_answer(w, req, &a);
}

/* ---- sockets ---- */

/* Takes ownership of fd. addr: NULL for inherited sockets. 0 or -errno. */
static int add_socket(struct s2v_web *w, int fd, const struct s2v_addr *addr)
{
	if (w->n_at == SOCKETS_MAX || evhttp_accept_socket(w->http, fd)) {
		close(fd);
		return -ENOMEM;
	}
	if (addr)
		w->at[w->n_at].addr = *addr;
	s2v_addr_name(fd, w->at[w->n_at].name, sizeof(w->at[w->n_at].name));
	w->n_at++;
	return 0;
}

static int listen_at(struct s2v_web *w, const char *where, bool optional, char *err, size_t errlen)
{
	struct s2v_addr a;
	char why[160];
	int fd, e;

	if (s2v_addr_parse(where, &a, why, sizeof(why))) {
		snprintf(err, errlen, "%s: %s", where, why);
		return -1;
	}
	fd = s2v_addr_listen(&a);
	if (fd < 0 && optional && (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL))
		return 0;
	e = fd < 0 ? fd : add_socket(w, fd, &a);
	if (!e)
		return 0;
	snprintf(err, errlen, "cannot listen on %s: %s%s", where, strerror(-e),
		 e == -EADDRINUSE ? "; give another --web.listen-address" : "");
	return -1;
}

static int open_all(struct s2v_web *w, const struct s2v_daemon_opts *o, char *err, size_t errlen)
{
	int given = s2v_listen_fds();

	for (int i = 0; i < given; i++) {
		if (add_socket(w, S2V_LISTEN_FDS_START + i, NULL)) {
			snprintf(err, errlen, "cannot use socket %d of the service manager", i);
			return -1;
		}
	}
	for (unsigned int i = 0; i < o->n_listen; i++)
		if (listen_at(w, o->listen[i], false, err, errlen))
			return -1;
	if (given || o->n_listen)
		return 0;
	if (listen_at(w, "127.0.0.1:" S2V_WEB_PORT, false, err, errlen))
		return -1;
	return listen_at(w, "[::1]:" S2V_WEB_PORT, true, err, errlen);
}

struct s2v_web *s2v_web_open(const struct s2v_daemon_opts *o, const struct s2v_route *routes,
			     void *arg, struct event_base *base, char *err, size_t errlen)
{
	struct s2v_web *w = calloc(1, sizeof(*w));

	if (w)
		w->http = evhttp_new(base);
	if (!w || !w->http || s2v_conns_open(&w->conns, base)) {
		snprintf(err, errlen, "out of memory");
		s2v_web_close(w);
		return NULL;
	}
	w->routes = routes;
	w->arg = arg;
	evhttp_set_max_headers_size(w->http, HEADERS_MAX);
	evhttp_set_max_body_size(w->http, BODY_MAX);
	evhttp_set_timeout(w->http, TIMEOUT_S);
	evhttp_set_default_content_type(w->http, NULL);
	/* These get our 405 if not GET or HEAD. Other methods get evhttp's 501. */
	evhttp_set_allowed_methods(w->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
						    EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
						    EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE |
						    EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(w->http, s2v_conns_new, &w->conns);
	evhttp_set_gencb(w->http, on_request, w);
	if (open_all(w, o, err, errlen)) {
		s2v_web_close(w);
		return NULL;
	}
	return w;
}

void s2v_web_close(struct s2v_web *w)
{
	if (!w)
		return;
	if (w->http)
		evhttp_free(w->http);
	s2v_conns_close(&w->conns);
	for (unsigned int i = 0; i < w->n_at; i++)
		s2v_addr_unlink(&w->at[i].addr);
	free(w);
}

const struct s2v_web_counts *s2v_web_counts(struct s2v_web *w)
{
	w->n.over_limit = w->conns.over_limit;
	w->n.timeouts = w->conns.timeouts;
	return &w->n;
}

const char *s2v_web_where(const struct s2v_web *w, unsigned int i)
{
	return i < w->n_at ? w->at[i].name : NULL;
}

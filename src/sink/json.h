/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building blocks of the JSON objects. Keys must be string literals: they are not copied. A failed
 * allocation marks the object as broken, and it is not written.
 */
#ifndef S2V_SINK_JSON_H
#define S2V_SINK_JSON_H

#include <json-c/json.h>

#include "core/sink.h"

struct s2v_json {
	json_object *o; /* the line's object */
	bool broken;
};

void s2v_json_null(struct s2v_json *j, json_object *to, const char *key);
void s2v_json_str(struct s2v_json *j, json_object *to, const char *key, const char *s);
/* At most max bytes, up to the first NUL. Invalid UTF-8 becomes U+FFFD. */
void s2v_json_bytes(struct s2v_json *j, json_object *to, const char *key, const char *s,
		    size_t max);
void s2v_json_num(struct s2v_json *j, json_object *to, const char *key, uint64_t v);
void s2v_json_int(struct s2v_json *j, json_object *to, const char *key, int64_t v);
void s2v_json_bool(struct s2v_json *j, json_object *to, const char *key, bool v);
void s2v_json_tri(struct s2v_json *j, json_object *to, const char *key, int tri);
void s2v_json_hex(struct s2v_json *j, json_object *to, const char *key, uint64_t v);
void s2v_json_time(struct s2v_json *j, json_object *to, const char *key, uint64_t realtime_ns);
/* err: errno or -errno; "EINVAL", or "errno 512" where it has no name. */
void s2v_json_errno(struct s2v_json *j, json_object *to, const char *key, int err);
/* A new object or array in `to`, which owns it. NULL if the object is broken. */
json_object *s2v_json_sub(struct s2v_json *j, json_object *to, const char *key);
json_object *s2v_json_array(struct s2v_json *j, json_object *to, const char *key);
/* Takes ownership of val. */
void s2v_json_append(struct s2v_json *j, json_object *array, json_object *val);
void s2v_json_vm(struct s2v_json *j, json_object *to, const struct s2v_vm_ref *vm);

/* json_event.c: the fields after "type". Of an "audit": the fields after "time" and "vm". */
void s2v_json_event(struct s2v_json *j, const struct s2v_ev_hdr *ev, const struct s2v_vm_ref *vm,
		    uint64_t time);
void s2v_json_audit(struct s2v_json *j, const struct s2v_audit_row *r);
/* Puts what an audit found of a vCPU into the current object. */
void s2v_json_vcpu(struct s2v_json *j, const struct s2v_vcpu_row *r);
void s2v_json_summary(struct s2v_json *j, const struct s2v_summary *sum);

#endif

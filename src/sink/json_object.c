// SPDX-License-Identifier: BSD-2-Clause
/* JSON objects: see json.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/json.h"
#include "util/util.h"

static void put(struct s2v_json *j, json_object *to, const char *key, json_object *val)
{
	if (!to || !val ||
	    json_object_object_add_ex(
		    to, key, val, JSON_C_OBJECT_ADD_KEY_IS_NEW | JSON_C_OBJECT_KEY_IS_CONSTANT)) {
		json_object_put(val);
		j->broken = true;
	}
}

void s2v_json_null(struct s2v_json *j, json_object *to, const char *key)
{
	if (!to || json_object_object_add(to, key, NULL))
		j->broken = true;
}

void s2v_json_bytes(struct s2v_json *j, json_object *to, const char *key, const char *s, size_t max)
{
	size_t len = strnlen(s, max), cap = 3 * len + 1;
	char *buf = malloc(cap);

	if (!buf) {
		j->broken = true;
		return;
	}
	len = s2v_clean_utf8(s, len, buf, cap);
	put(j, to, key, json_object_new_string_len(buf, (int)len));
	free(buf);
}

void s2v_json_str(struct s2v_json *j, json_object *to, const char *key, const char *s)
{
	s2v_json_bytes(j, to, key, s, strlen(s));
}

void s2v_json_num(struct s2v_json *j, json_object *to, const char *key, uint64_t v)
{
	put(j, to, key, json_object_new_uint64(v));
}

void s2v_json_int(struct s2v_json *j, json_object *to, const char *key, int64_t v)
{
	put(j, to, key, json_object_new_int64(v));
}

void s2v_json_bool(struct s2v_json *j, json_object *to, const char *key, bool v)
{
	put(j, to, key, json_object_new_boolean(v));
}

void s2v_json_tri(struct s2v_json *j, json_object *to, const char *key, int tri)
{
	if (tri == S2V_UNKNOWN)
		s2v_json_null(j, to, key);
	else
		s2v_json_bool(j, to, key, tri == S2V_YES);
}

void s2v_json_hex(struct s2v_json *j, json_object *to, const char *key, uint64_t v)
{
	char buf[24];

	snprintf(buf, sizeof(buf), "0x%" PRIx64, v);
	s2v_json_str(j, to, key, buf);
}

void s2v_json_time(struct s2v_json *j, json_object *to, const char *key, uint64_t realtime_ns)
{
	char buf[S2V_RFC3339_LEN];

	s2v_rfc3339(realtime_ns, buf);
	s2v_json_str(j, to, key, buf);
}

void s2v_json_errno(struct s2v_json *j, json_object *to, const char *key, int err)
{
	s2v_json_str(j, to, key, s2v_errno_name(err));
}

json_object *s2v_json_sub(struct s2v_json *j, json_object *to, const char *key)
{
	json_object *o = json_object_new_object();

	put(j, to, key, o);
	return j->broken ? NULL : o;
}

json_object *s2v_json_array(struct s2v_json *j, json_object *to, const char *key)
{
	json_object *a = json_object_new_array();

	put(j, to, key, a);
	return j->broken ? NULL : a;
}

void s2v_json_append(struct s2v_json *j, json_object *array, json_object *val)
{
	if (!array || !val || json_object_array_add(array, val)) {
		json_object_put(val);
		j->broken = true;
	}
}

void s2v_json_vm(struct s2v_json *j, json_object *to, const struct s2v_vm_ref *vm)
{
	json_object *o = s2v_json_sub(j, to, "vm");

	s2v_json_num(j, o, "pid", vm->pid);
	s2v_json_bytes(j, o, "comm", vm->comm, sizeof(vm->comm));
	s2v_json_num(j, o, "id", vm->id);
}

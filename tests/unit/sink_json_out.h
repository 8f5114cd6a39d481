/* SPDX-License-Identifier: BSD-2-Clause */
/* The line of JSON that a sink wrote, and what is in it. */
#ifndef S2V_TEST_SINK_JSON_OUT_H
#define S2V_TEST_SINK_JSON_OUT_H

#include <json-c/json.h>
#include <stdlib.h>

#include "sink_out.h"

/* Ends the sink; returns its one line, parsed. */
static inline json_object *end_json(void)
{
	char *text = finish();
	const char *nl = strchr(text, '\n');
	json_object *j;

	assert_non_null(nl);
	assert_ptr_equal(nl, text + out.len - 1); /* exactly one line */
	for (const char *p = text; p < nl; p++)
		assert_true((unsigned char)*p >= 0x20);
	j = json_tokener_parse(text);
	assert_non_null(j);
	free(text);
	return j;
}

static inline json_object *at(json_object *j, const char *key)
{
	json_object *v = NULL;

	if (!json_object_object_get_ex(j, key, &v))
		fail_msg("no \"%s\" in %s", key, json_object_to_json_string(j));
	return v;
}

static inline void has_str(json_object *j, const char *key, const char *want)
{
	assert_true(json_object_is_type(at(j, key), json_type_string));
	assert_string_equal(json_object_get_string(at(j, key)), want);
}

static inline void has_num(json_object *j, const char *key, uint64_t want)
{
	assert_true(json_object_is_type(at(j, key), json_type_int));
	assert_true(json_object_get_uint64(at(j, key)) == want);
}

static inline void has_bool(json_object *j, const char *key, bool want)
{
	assert_true(json_object_is_type(at(j, key), json_type_boolean));
	assert_int_equal(json_object_get_boolean(at(j, key)), want);
}

static inline void has_null(json_object *j, const char *key)
{
	assert_null(at(j, key));
}

static inline void lacks(json_object *j, const char *key)
{
	assert_false(json_object_object_get_ex(j, key, NULL));
}

#endif

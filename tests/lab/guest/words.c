// SPDX-License-Identifier: BSD-2-Clause
/* Parsing of ops, and text of results. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "guest: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

void result_set(struct result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->text, sizeof(result->text), format, args);
	va_end(args);
}

void result_errno(struct result *result, int error)
{
	if (error)
		result_set(result, "errno=%s", strerrorname_np(error));
	else
		result_set(result, "ok");
}

bool result_ok(const struct result *result)
{
	return !strncmp(result->text, "ok", 2);
}

uint64_t parse_number(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 0);

	if (end == text)
		usage_error("'%s' is not a number", text);
	switch (*end) {
	case 'K':
		return number << 10;
	case 'M':
		return number << 20;
	case 'G':
		return number << 30;
	}
	return number;
}

void words_split(struct words *words, const char *text)
{
	char *save = NULL, *word;

	words->count = 0;
	if (strlen(text) >= sizeof(words->text))
		usage_error("op too long: %s", text);
	strcpy(words->text, text);
	snprintf(words->key, sizeof(words->key), "%.*s", (int)strcspn(text, "=,"), text);
	for (word = strtok_r(words->text, ",", &save); word && words->count < MAX_WORDS;
	     word = strtok_r(NULL, ",", &save))
		words->word[words->count++] = word;
}

const char *words_get(const struct words *words, const char *key)
{
	size_t length = strlen(key);
	int i;

	for (i = 0; i < words->count; i++)
		if (!strncmp(words->word[i], key, length) && words->word[i][length] == '=')
			return words->word[i] + length + 1;
	return NULL;
}

bool words_has(const struct words *words, const char *word)
{
	int i;

	for (i = 1; i < words->count; i++)
		if (!strcmp(words->word[i], word))
			return true;
	return false;
}

uint64_t words_number(const struct words *words, const char *key, uint64_t otherwise)
{
	const char *value = words_get(words, key);

	return value ? parse_number(value) : otherwise;
}

const char *words_need(const struct words *words, const char *key)
{
	const char *value = words_get(words, key);

	if (!value)
		usage_error("%s: %s= is missing", words->word[0], key);
	return value;
}

// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * Writing JSON, indented by two.
 */
#include <inttypes.h>

#include "tool.h"

static void put_text(struct json *json, const char *text)
{
	fputc('"', json->out);
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			fprintf(json->out, "\\%c", c);
		else if (c < 0x20)
			fprintf(json->out, "\\u%04x", c);
		else
			fputc(c, json->out);
	}
	fputc('"', json->out);
}

static void new_line(struct json *json)
{
	fputc('\n', json->out);
	for (unsigned int i = 0; i < json->depth; i++)
		fputs("  ", json->out);
}

/* What stands before a value: comma, line, key. */
static void lead(struct json *json, const char *key)
{
	if (!json->depth)
		return;
	if (json->filled & (1u << json->depth))
		fputc(',', json->out);
	json->filled |= 1u << json->depth;
	new_line(json);
	if (key) {
		put_text(json, key);
		fputs(": ", json->out);
	}
}

static void open_level(struct json *json, const char *key, bool array)
{
	lead(json, key);
	fputc(array ? '[' : '{', json->out);
	json->depth++;
	json->filled &= ~(1u << json->depth);
	if (array)
		json->array |= 1u << json->depth;
	else
		json->array &= ~(1u << json->depth);
}

void json_start(struct json *json, FILE *out)
{
	*json = (struct json){ .out = out };
}

void json_open_object(struct json *json, const char *key)
{
	open_level(json, key, false);
}

void json_open_array(struct json *json, const char *key)
{
	open_level(json, key, true);
}

void json_close(struct json *json)
{
	bool filled = json->filled & (1u << json->depth);
	bool array = json->array & (1u << json->depth);

	json->depth--;
	if (filled)
		new_line(json);
	fputc(array ? ']' : '}', json->out);
	if (!json->depth)
		fputc('\n', json->out);
}

void json_string(struct json *json, const char *key, const char *value)
{
	lead(json, key);
	put_text(json, value);
}

void json_u64(struct json *json, const char *key, uint64_t value)
{
	lead(json, key);
	fprintf(json->out, "%" PRIu64, value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	lead(json, key);
	fputs(value ? "true" : "false", json->out);
}

void json_crc(struct json *json, const char *key, uint32_t value)
{
	char text[9];

	snprintf(text, sizeof(text), "%08" PRIx32, value);
	json_string(json, key, text);
}

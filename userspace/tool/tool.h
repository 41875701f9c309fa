/* SPDX-License-Identifier: MIT */
/*
 * Copyright (C) 2026 The dgem authors
 *
 * What the sub-commands of the dgem tool share.
 */
#ifndef DGEM_TOOL_H
#define DGEM_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "libdrm_dgem.h"
#include "message.h"

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* How the tool exits. */
enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

/*
 * Sub-commands: argv[0] is the command's own name; the result is the exit status. Each is a file
 * of its name.
 */
int cmd_info(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_copy(int argc, char **argv);
int cmd_purge(int argc, char **argv);
int cmd_demo(int argc, char **argv);

/*
 * Messages, beside those of message.h
 */

/* Point to --help after a bad option; returns STATUS_USAGE. */
int bad_usage(void);

/* The name of the running command, for messages; main() sets it. */
void set_command_name(const char *name);

/*
 * Reading arguments. Each complains and returns false if the text is no good.
 */

/* A number of bytes: decimal, 0x or octal, with K, M or G of 1024. */
bool parse_size(const char *what, const char *text, uint64_t *value);
/* Two numbers with an x between them, neither of them zero. */
bool parse_pair(const char *what, const char *text, uint32_t *x, uint32_t *y);
/* "contiguous", "coherent" or "wc" (which is coherent and write-combined). */
bool parse_kind(const char *text, enum dgem_kind *kind, enum dgem_cache *cache);

/*
 * Names of what the library knows by number
 */
const char *kind_name(uint32_t kind);
const char *engine_type_name(uint32_t type);

/* After dgem_bo_new() failed for want of memory: say which quota, limit or pool is short. */
void explain_shortage(struct dgem_device *dev, enum dgem_kind kind, uint64_t size, int error);

/* dgem_device_open() with a message that says what to do about it. */
int open_device(const char *which, struct dgem_device **dev);

/*
 * Reading and writing all of it, unless the file ends: the bytes done, or -errno.
 */
int64_t read_all(int fd, void *data, uint64_t size);
int64_t write_all(int fd, const void *data, uint64_t size);

/*
 * JSON: objects and arrays one in another, members in the order of the calls. In an array key is
 * NULL.
 */
struct json {
	FILE *out;
	unsigned int depth;
	/* bit for each depth: something stands before the next member */
	uint32_t filled;
	/* bit for each depth: it is an array */
	uint32_t array;
};

void json_start(struct json *json, FILE *out);
void json_open_object(struct json *json, const char *key);
void json_open_array(struct json *json, const char *key);
void json_string(struct json *json, const char *key, const char *value);
void json_u64(struct json *json, const char *key, uint64_t value);
void json_bool(struct json *json, const char *key, bool value);
/* A checksum, as a string of eight hexadecimal digits. */
void json_crc(struct json *json, const char *key, uint32_t value);
/* Close the innermost object or array; the outermost ends the text with a newline. */
void json_close(struct json *json);

#endif /* DGEM_TOOL_H */

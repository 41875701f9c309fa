// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

static char prefix[64];

void set_message_prefix(const char *program, const char *command)
{
	snprintf(prefix, sizeof(prefix), "%s%s%s: ", program, command ? " " : "",
		 command ? command : "");
}

static void vcomplain(const char *format, va_list args)
{
	fflush(stdout);
	fputs(prefix, stderr);
	vfprintf(stderr, format, args);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
	fputc('\n', stderr);
}

int failed(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
	fprintf(stderr, ": %s\n", strerror(-error));
	return EXIT_FAILURE;
}

// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 *
 * dgem: look at, map and move memory that is made for device DMA.
 */
#include <string.h>

#include "tool.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "info", cmd_info, "list the dgem devices: engine, kinds of memory, counters" },
	{ "map", cmd_map, "map a range of an object, a dma-buf or a file; dump or fill it" },
	{ "copy", cmd_copy, "send a file through two objects and the engine; check it" },
	{ "purge", cmd_purge, "give a part of an object's memory back; see what is left" },
	{ "demo", cmd_demo, "camera to DMA engine to screen, without a copy by the CPU" },
};

static void help(FILE *out)
{
	fputs("dgem: look at, map and move memory that is made for device DMA\n"
	      "\n"
	      "Usage: dgem COMMAND [OPTIONS]\n"
	      "       dgem COMMAND --help\n"
	      "\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-6s %s\n", commands[i].name, commands[i].summary);
	fputs("\n"
	      "Try this:\n"
	      "  dgem info                                   what is there, who moves the bytes\n"
	      "  dgem copy /etc/services -                   a file through the DMA engine\n"
	      "  echo hello | dgem map --object contiguous:64K --offset 5000 --fill --dump\n"
	      "\n"
	      "Exit status: 0 done, 1 failed, 2 called wrongly.\n", out);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return STATUS_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		int status;

		if (strcmp(argv[1], commands[i].name))
			continue;
		set_command_name(commands[i].name);
		status = commands[i].run(argc - 1, argv + 1);
		if (fflush(stdout) || ferror(stdout)) {
			complain("cannot write to standard output");
			return STATUS_FAILED;
		}
		return status;
	}
	fprintf(stderr, "dgem: no command \"%s\"; try \"dgem --help\"\n", argv[1]);
	return STATUS_USAGE;
}

// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "igt.h"

#include "dgem_proc.h"
#include "dgem_util.h"

long dgem_faults(void)
{
	struct rusage usage;

	igt_assert_eq(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_minflt + usage.ru_majflt;
}

/*
 * None where the processor marks the page's entry as dirty. Others, 32-bit ARM among them, leave
 * that to the kernel, for which an entry that may be written is read-only until then. Drivers' page
 * frames are like any other shared memory in that: what puts them into page tables leaves them
 * clean, whatever the fault is for.
 */
long dgem_write_faults(void)
{
	int file = memfd_create("dgem", MFD_CLOEXEC);
	volatile uint8_t *ptr;
	long before;

	igt_assert_fd(file);
	igt_assert_eq(ftruncate(file, DGEM_PAGE), 0);
	ptr = mmap(NULL, DGEM_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	igt_assert(ptr != MAP_FAILED);
	igt_assert_eq(ptr[0], 0);
	before = dgem_faults();
	ptr[0] = 1;
	before = dgem_faults() - before;
	munmap((void *)ptr, DGEM_PAGE);
	return before;
}

void dgem_assert_mapped(const void *ptr, uint64_t size, uint64_t offset, const char *name)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	bool found = false;
	char line[512];

	igt_assert(maps);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long start, end;
		unsigned long long at;
		char perms[5], path[256];

		if (sscanf(line, "%lx-%lx %4s %llx %*s %*s %255s", &start, &end, perms, &at,
			   path) != 5 || start != (uintptr_t)ptr)
			continue;
		found = true;
		igt_assert_eq_u64(end, start + size);
		igt_assert(!strcmp(perms, "rw-s"));
		igt_assert_eq_u64(at, offset);
		igt_assert(!strncmp(path, name, strlen(name)));
	}
	fclose(maps);
	igt_assert(found);
}

/* The rest of the line that smaps has of this name for the mapping at this address */
static bool find_in_smaps(const void *ptr, const char *name, char rest[512])
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	bool ours = false, found = false;
	char line[512];

	igt_require_f(smaps, "this kernel has no /proc/self/smaps\n");
	while (fgets(line, sizeof(line), smaps)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start == (uintptr_t)ptr;
		else if (ours && !strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			found = snprintf(rest, sizeof(line), "%s", line + strlen(name) + 1) > 0;
	}
	fclose(smaps);
	return found;
}

int64_t dgem_smaps_kib(const void *ptr, const char *name)
{
	char rest[512];

	return find_in_smaps(ptr, name, rest) ? strtoll(rest, NULL, 10) : -1;
}

bool dgem_has_vma_flag(const void *ptr, const char *flag)
{
	char rest[512];

	return find_in_smaps(ptr, "VmFlags", rest) && strstr(rest, flag);
}

/* Whether the kernel was built with a function; if it does not tell, that it was */
static bool kernel_has(const char *function)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], symbol[256];
	bool has = !file;

	while (!has && fgets(line, sizeof(line), file))
		has = sscanf(line, "%*s %*c %255s", symbol) == 1 && !strcmp(symbol, function);
	if (file)
		fclose(file);
	return has;
}

/*
 * Mappings of struct pages are read like any memory. For those of page frames the kernel asks the
 * driver, which the system's heap has no answer for. It is built to ask where the processor has an
 * ioremap_prot(), and has generic_access_phys() there, which most drivers answer by: 32-bit ARM has
 * neither. The list of symbols is long, and looked at only after a refusal.
 */
bool dgem_debuggable(const struct dgem_kind *kind, const void *ptr)
{
	bool asked;
	char byte;
	int mem;

	if (kind->traits & (DGEM_KIND_DIRECT_IO | DGEM_KIND_FOREIGN))
		return kind->traits & DGEM_KIND_DIRECT_IO;
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	igt_assert_fd(mem);
	asked = pread(mem, &byte, 1, (uintptr_t)ptr) == 1 || kernel_has("generic_access_phys");
	close(mem);
	errno = 0;
	if (!asked)
		igt_info("this kernel lets no debugger at page frames\n");
	return asked;
}

static void write_line(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);

	igt_assert_fd(file);
	igt_assert_eq(write(file, text, strlen(text)), strlen(text));
	close(file);
}

/* Ends by a signal, with all of its memory dumped but what files have for it alone. */
static void die_dumping(void)
{
	const struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	const struct sigaction action = { .sa_handler = SIG_DFL };

	write_line("/proc/self/coredump_filter", "0x0b");
	setrlimit(RLIMIT_CORE, &limit);
	sigaction(SIGSEGV, &action, NULL);
	kill(getpid(), SIGSEGV);
	_exit(0);
}

FILE *dgem_dump_core(void)
{
	static const char pattern[] = "/proc/sys/kernel/core_pattern", path[] = "/tmp/dgem-core";
	FILE *file = fopen(pattern, "r");
	char old[256] = "";
	int status;
	pid_t pid;

	igt_require_f(file, "this kernel dumps no core\n");
	igt_assert(fgets(old, sizeof(old), file));
	fclose(file);
	unlink(path);
	write_line(pattern, path);
	pid = fork();
	if (!pid)
		die_dumping();
	igt_assert_lte(0, pid);
	igt_assert_eq(waitpid(pid, &status, 0), pid);
	write_line(pattern, old);

	igt_assert(WIFSIGNALED(status) && WCOREDUMP(status));
	file = fopen(path, "r");
	igt_assert(file);
	unlink(path);
	return file;
}

int64_t dgem_dumped_bytes(FILE *core, const void *ptr)
{
	ElfW(Ehdr) header;
	ElfW(Phdr) segment;

	fseek(core, 0, SEEK_SET);
	igt_assert_eq(fread(&header, sizeof(header), 1, core), 1);
	igt_assert_eq(fseek(core, header.e_phoff, SEEK_SET), 0);
	for (int i = 0; i < header.e_phnum; i++) {
		igt_assert_eq(fread(&segment, sizeof(segment), 1, core), 1);
		if (segment.p_type == PT_LOAD && segment.p_vaddr == (uintptr_t)ptr)
			return segment.p_filesz;
	}
	return -1;
}

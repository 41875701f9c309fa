// SPDX-License-Identifier: MIT
/*
 * Copyright (C) 2026 The dgem authors
 */

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "igt.h"

#include "dgem_child.h"
#include "dgem_util.h"

#define POLL_MS		5
#define KILL_MS		10000

pid_t dgem_child_start(int (*body)(void *data), void *data)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		/* it does not outlive a test that failed */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-body(data) & 0xff);
	}
	igt_assert_lte(0, pid);
	return pid;
}

int dgem_child_wait(pid_t pid, unsigned int timeout_ms)
{
	const int64_t end = dgem_now() + timeout_ms * (int64_t)NSEC_PER_MSEC;
	int status;
	pid_t ended;

	do {
		ended = waitpid(pid, &status, WNOHANG);
		if (ended < 0 && errno != EINTR)
			return -errno;
		if (ended == pid)
			return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
		dgem_sleep_ms(POLL_MS);
	} while (dgem_now() < end);
	return -ETIME;
}

int dgem_child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	return dgem_child_wait(pid, KILL_MS);
}

int dgem_child_run(int (*body)(void *data), void *data, unsigned int timeout_ms)
{
	pid_t pid = dgem_child_start(body, data);
	int ret = dgem_child_wait(pid, timeout_ms);

	if (ret == -ETIME)
		igt_assert_f(dgem_child_kill(pid) != -ETIME, "not even SIGKILL ends a process\n");
	return ret;
}

void *dgem_share(size_t size)
{
	void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	igt_assert(ptr != MAP_FAILED);
	return ptr;
}

void dgem_unshare(void *ptr, size_t size)
{
	munmap(ptr, size);
}

uint64_t dgem_vmstat(const char *name)
{
	FILE *file = fopen("/proc/vmstat", "r");
	uint64_t value, found = 0;
	char word[64];

	igt_assert(file);
	while (fscanf(file, "%63s %" SCNu64, word, &value) == 2) {
		if (!strcmp(word, name))
			found = value;
	}
	fclose(file);
	return found;
}

int __dgem_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (file < 0)
		return -errno;
	if (write(file, text, strlen(text)) != strlen(text))
		err = errno ? -errno : -EIO;
	close(file);
	return err;
}

uint64_t dgem_spare_memory(uint64_t most)
{
	uint64_t spare = dgem_meminfo("MemAvailable") / 3 / (2 * DGEM_MIB) * (2 * DGEM_MIB);

	igt_require_f(spare >= 64 * DGEM_MIB, "too little memory is available\n");
	return spare < most ? spare : most;
}

uint64_t dgem_dma_errors(void)
{
	FILE *file = fopen("/sys/kernel/debug/dma-api/error_count", "r");
	uint64_t count = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%" SCNu64, &count) != 1)
		count = 0;
	fclose(file);
	errno = 0;
	return count;
}

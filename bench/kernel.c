/* SPDX-License-Identifier: BSD-2-Clause */
/* What only a rump kernel has: its boot, and the module that measures its threads. */
#include <fcntl.h>
#include <unistd.h>

#include "bench.h"

#define PARAMETERS "/sys/module/rump_bench/parameters/"

/* A line of /proc/self/status, in KiB. */
static double status_kib(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(name);
	char line[256];
	double value = -1;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length) && line[length] == ':')
			value = strtod(line + length + 1, NULL);
	if (file)
		fclose(file);
	return value;
}

/* One boot in a fresh process.  Memory that the library's pages take before it is told apart. */
int bench_boot(int argc, char **argv)
{
	double before = status_kib("VmRSS");
	uint64_t from = now_ns(), to;
	int error = rump_init();

	(void)argv;
	if (argc)
		return 2;
	to = now_ns();
	if (error) {
		fprintf(stderr, "rump_init: %s: %s\n", strerror(error), rump_boot_error());
		exit(1);
	}
	report("boot_ms", (to - from) / 1e6);
	report("rss_before_mb", before / 1024);
	report("rss_mb", status_kib("VmRSS") / 1024);
	report("rss_shmem_mb", status_kib("RssShmem") / 1024);
	return 0;
}

static void report_parameter(const char *name)
{
	char path[128], text[32] = "";
	int fd;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	fd = must(SYS(open)(path, O_RDONLY));
	must(SYS(read)(fd, text, sizeof(text) - 1));
	SYS(close)(fd);
	if (strtoul(text, NULL, 10)) /* 0: not measured */
		report(name, strtoul(text, NULL, 10));
}

/* The component "bench" measures when it is loaded; see rump_bench.c. */
int bench_wakeup(int argc, char **argv)
{
	int error;

	(void)argv;
	if (argc)
		return 2;
	error = rump_pub_component_load("bench");
	if (error)
		bench_die("component bench", error);
	report_parameter("wakeup_ns");
	report_parameter("wakeup_cross_ns");
	return 0;
}

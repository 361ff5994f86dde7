/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-spawn ROUNDS COMMAND... -- COMMAND...: runs the commands by turns, so that
 * slow changes of the machine hit all alike, and prints for each run of the N-th
 * "N MS", from before vfork() until the process is reaped, and "N_cpu MS", the CPU time
 * of the process and of all that were waited for below it.
 *
 * A command begins with words NAME=VALUE for its environment.  Its output goes to
 * /dev/null; one that fails ends the measurement.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MAX_COMMANDS 8

extern char **environ;

struct command {
	char **argv;
	char **env;
};

/* All is ready before the clock starts: the child only redirects and executes. */
static struct command prepare(char **words)
{
	size_t count = 0, more = 0;
	struct command command;

	while (environ[count])
		count++;
	while (words[more] && strchr(words[more], '='))
		more++;
	command.env = calloc(count + more + 1, sizeof(char *));
	memcpy(command.env, environ, count * sizeof(char *));
	memcpy(command.env + count, words, more * sizeof(char *));
	command.argv = words + more;
	if (!*command.argv) {
		fprintf(stderr, "bench-spawn: an empty command\n");
		exit(2);
	}
	return command;
}

struct times {
	double clock, cpu; /* milliseconds */
};

static int run(const struct command *command, int null, struct rusage *ret_used)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		dup2(null, STDOUT_FILENO);
		execve(command->argv[0], command->argv, command->env);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, ret_used) != pid)
		bench_die(command->argv[0], errno);
	return status;
}

static double milliseconds(struct timeval time)
{
	return time.tv_sec * 1e3 + time.tv_usec / 1e3;
}

static struct times measure(const struct command *command, int null)
{
	uint64_t from = now_ns(), to;
	struct rusage used;
	int status = run(command, null, &used);

	to = now_ns();
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "%s: wait status %#x\n", command->argv[0], status);
		exit(1);
	}
	return (struct times){.clock = (to - from) / 1e6,
			      .cpu = milliseconds(used.ru_utime) + milliseconds(used.ru_stime)};
}

/* Parts the words at "--"; returns how many commands there are. */
static int read_commands(char **word, struct command *commands)
{
	int count = 0;

	for (; *word && count < MAX_COMMANDS; count++) {
		char **end = word;

		while (*end && strcmp(*end, "--"))
			end++;
		if (*end)
			*end++ = NULL;
		commands[count] = prepare(word);
		word = end;
	}
	return count;
}

int main(int argc, char **argv)
{
	struct command commands[MAX_COMMANDS];
	int rounds = argc > 2 ? atoi(argv[1]) : 0, count;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (rounds <= 0 || null < 0) {
		fprintf(stderr, "usage: bench-spawn ROUNDS [NAME=VALUE...] PROGRAM [ARGUMENT...] "
				"[-- ...]\n");
		return 2;
	}
	count = read_commands(argv + 2, commands);
	for (int i = 0; i < count; i++)
		measure(&commands[i], null); /* caches are warm afterwards */
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			struct times times = measure(&commands[i], null);

			printf("%d %.6f\n%d_cpu %.3f\n", i, times.clock, i, times.cpu);
		}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-spawn ROUNDS COMMAND... -- COMMAND...: runs the commands by turns, so that
 * slow changes of the machine hit all alike, and prints "N MS" for each run of
 * the N-th: from before vfork() until the process is reaped.
 *
 * A command begins with words NAME=VALUE for its environment.  Its output goes to
 * /dev/null; one that fails ends the measurement.
 */
#include <fcntl.h>
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

static int run(const struct command *command, int null)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		dup2(null, STDOUT_FILENO);
		execve(command->argv[0], command->argv, command->env);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		bench_die(command->argv[0], errno);
	return status;
}

static double time_ms(const struct command *command, int null)
{
	uint64_t from = now_ns(), to;
	int status = run(command, null);

	to = now_ns();
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "%s: wait status %#x\n", command->argv[0], status);
		exit(1);
	}
	return (to - from) / 1e6;
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
		time_ms(&commands[i], null); /* caches are warm afterwards */
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			printf("%d %.6f\n", i, time_ms(&commands[i], null));
	return 0;
}

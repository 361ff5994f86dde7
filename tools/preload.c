/* SPDX-License-Identifier: BSD-2-Clause */
/* preload.c - see preload.h */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "preload.h"

#define LIBRARY "librumphijack.so"

/* Takes the library out of the list; 0: it is not there. */
static int take_out(char *list)
{
	char *start, *end, *to = list;
	int found = 0;

	for (start = list; *start; start = end) {
		char *name;

		start += strspn(start, ": ");
		end = start + strcspn(start, ": ");
		for (name = end; name > start && name[-1] != '/';)
			name--;
		if (!strncmp(name, LIBRARY, strlen(LIBRARY))) {
			found = 1;
			continue;
		}
		if (to > list && end > start)
			*to++ = ':';
		memmove(to, start, (size_t)(end - start));
		to += end - start;
	}
	*to = '\0';
	return found;
}

void preload_leave(char **argv)
{
	const char *preload = getenv("LD_PRELOAD");
	char *list = preload ? strdup(preload) : NULL;

	/* the second time it would be "exe" */
	prctl(PR_SET_NAME, program_invocation_short_name);
	/* not by the preload's constructor: it may have been told to hijack nothing */
	if (list && take_out(list) &&
	    !(*list ? setenv("LD_PRELOAD", list, 1) : unsetenv("LD_PRELOAD")))
		execv("/proc/self/exe", argv);
	free(list);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * retry.c - what is done about a server that is not there (any more).
 *
 * The policy is rumpclient_setconnretry()'s, or else RUMPHIJACK_RETRYCONNECT's:
 *	0	calls give ENOTCONN from then on
 *	once	each call tries to connect once
 *	N	for N seconds; when these are over each call tries once
 *	inftime	for ever
 *	die	one line on stderr, exit(1)
 * The first connection is tried at least once under each.
 */
#include <stdlib.h>
#include <string.h>

#include "config_text.h"
#include "private.h"

#define PAUSE_FIRST (5 * NSEC_PER_MSEC)
#define PAUSE_LONGEST (500 * NSEC_PER_MSEC)

static time_t policy;
static bool policy_is_set;

void rumpclient_setconnretry(time_t retry)
{
	policy = retry;
	__atomic_store_n(&policy_is_set, true, __ATOMIC_RELEASE);
}

static void say(const char *a, const char *b, const char *c)
{
	struct config_error line;

	config_error_set(&line, "rumpclient: ", a, b, c, "\n", NULL);
	host(SYS_write, 2, line.text, strlen(line.text));
}

static time_t policy_of_environment(void)
{
	const char *word = getenv("RUMPHIJACK_RETRYCONNECT");
	uint64_t seconds;

	if (!word || !*word)
		return 0;
	if (!strcmp(word, "die"))
		return RUMPCLIENT_RETRYCONN_DIE;
	if (!strcmp(word, "once"))
		return RUMPCLIENT_RETRYCONN_ONCE;
	if (!strcmp(word, "inftime"))
		return RUMPCLIENT_RETRYCONN_INFTIME;
	if (!config_parse_number(word, INT32_MAX, &seconds))
		return (time_t)seconds;
	say("RUMPHIJACK_RETRYCONNECT=", config_show(word, strlen(word)).text,
	    ": want die, once, inftime or a number of seconds; taken as 0");
	return 0;
}

static time_t policy_now(void)
{
	if (!__atomic_load_n(&policy_is_set, __ATOMIC_ACQUIRE))
		rumpclient_setconnretry(policy_of_environment());
	return policy;
}

bool retry_start(struct retry *retry, bool is_first, const struct rump_url *url)
{
	retry->policy = policy_now();
	retry->pause = PAUSE_FIRST;
	retry->until = 0;
	if (retry->policy > 0)
		retry->until = host_now() + (uint64_t)retry->policy * NSEC_PER_SEC;
	/* a lost connection is the end, not a server that is not there yet */
	if (!is_first && retry->policy == RUMPCLIENT_RETRYCONN_DIE)
		retry_failed(retry, url);
	return is_first || retry->policy != 0;
}

bool retry_again(struct retry *retry)
{
	uint64_t now;

	if (retry->policy == 0 || retry->policy == RUMPCLIENT_RETRYCONN_ONCE ||
	    retry->policy == RUMPCLIENT_RETRYCONN_DIE)
		return false;
	if (retry->policy > 0) {
		now = host_now();
		if (now >= retry->until)
			return false;
		/* the last attempt is at the end of the time */
		if (retry->pause > retry->until - now)
			retry->pause = retry->until - now;
	}
	host_sleep(retry->pause);
	retry->pause *= 2;
	if (retry->pause > PAUSE_LONGEST)
		retry->pause = PAUSE_LONGEST;
	return true;
}

void retry_failed(const struct retry *retry, const struct rump_url *url)
{
	if (retry->policy != RUMPCLIENT_RETRYCONN_DIE)
		return;
	if (*last_error.text)
		say(last_error.text, "", "");
	else if (url->kind == RUMP_URL_TCP)
		say("the connection to the rump kernel of tcp://", url->host, " is lost");
	else
		say("the connection to the rump kernel of unix://", url->path, " is lost");
	/* not exit(3): the caller may be anywhere, with locks of libc's held */
	host(SYS_exit_group, 1);
}

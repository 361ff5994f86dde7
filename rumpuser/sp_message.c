/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sp_message.c - what control messages do.
 *
 * -EBADMSG is for what no client that keeps to the protocol would send: it ends the
 * connection.  What may go wrong with a good client is an error in the answer.
 */
#include <stdlib.h>
#include <string.h>

#include "sp.h"

/* A message that a thread of its own acts on, in the kernel, as the client's process. */
struct job {
	struct sp_client *client;
	_Alignas(8) char message[];
};

static int answer(struct sp_client *client, const struct rump_sp_message *question, int error)
{
	const struct rump_sp_message message = {
		.length = sizeof(message),
		.type = question->type,
		.is_answer = 1,
		.id = question->id,
		.error = -error,
	};

	return sp_client_send(client, &message, -1);
}

/* ---- HELLO ---- */

static bool is_equal(const uint8_t *a, const uint8_t *b, size_t length)
{
	volatile uint8_t difference = 0;

	/* the time tells nothing of where they differ */
	for (size_t i = 0; i < length; i++)
		difference |= a[i] ^ b[i];
	return !difference;
}

static void name_copy(char to[16], const char *from)
{
	size_t length = strnlen(from, RUMP_SP_NAME_SIZE - 1);

	memset(to, 0, 16);
	for (size_t i = 0; i < length; i++)
		to[i] = from[i] < ' ' || from[i] == 0x7f ? '?' : from[i];
}

static bool has_secret(const struct sp_client *client, const struct rump_sp_hello *hello)
{
	if (!client->policy->has_secret ||
	    is_equal(client->policy->secret, hello->secret, RUMP_SP_SECRET_SIZE))
		return true;
	sp_log("client %d: wrong secret", hello->pid);
	return false;
}

static int enter(struct sp_client *client, const struct rump_sp_hello *hello)
{
	if (!has_secret(client, hello))
		return -EACCES;
	name_copy(client->kernel.name, hello->name);
	client->kernel.pid = atomic_load(&client->host_pid);
	return sp_client_enter(client, rumpuser_upcalls->process_new);
}

/*
 * The copy in the kernel was made before there was a process at the host, and has any number.
 * It gets that of the one that has turned out to be it.
 */
static void take_number(struct sp_client *client)
{
	int pid = atomic_load(&client->pid), host_pid = atomic_load(&client->host_pid), known;

	if (!pid || !host_pid || pid == host_pid)
		return;
	known = rumpuser_upcalls->process_known(pid, host_pid);
	/* unless it is gone */
	if (known > 0)
		atomic_compare_exchange_strong(&client->pid, &pid, known);
}

static int do_hello(struct sp_client *client, const void *message, size_t length,
		    const struct sp_sender *sender)
{
	const struct rump_sp_hello *hello = message;
	struct rump_sp_welcome welcome = {
		.head = {.length = sizeof(welcome),
			 .type = RUMP_SP_HELLO,
			 .is_answer = 1,
			 .id = hello->head.id},
		.magic = RUMP_SP_MAGIC,
		.version = RUMP_SP_VERSION,
		.server_pid = (int)host_call(SYS_getpid),
	};
	int error = 0;

	/* the part that all versions have */
	if (length < offsetof(struct rump_sp_hello, pid) || hello->magic != RUMP_SP_MAGIC)
		return -EBADMSG;
	if (hello->version != RUMP_SP_VERSION) {
		sp_log("client %d speaks version %u of the protocol, this server %u", sender->pid,
		       hello->version, RUMP_SP_VERSION);
		error = -EPROTO;
	} else if (length != sizeof(*hello)) {
		return -EBADMSG;
	}
	if (!error) {
		sp_client_identify(client, sender, hello->pid);
		/* not the first: a forked child, or a new program */
		if (!client->is_entered)
			error = enter(client, hello);
		else
			take_number(client);
	}
	if (!error) {
		if (!client->is_entered)
			sp_client_entered(client);
		sp_client_probe(client, sender, hello);
		memcpy(welcome.server_id, sp_server_id(), sizeof(welcome.server_id));
		welcome.pid = atomic_load(&client->pid);
		welcome.flags = (atomic_load(&client->may_direct) ? RUMP_SP_DIRECT : 0) |
				(sp_client_is_signallable(client) ? 0 : RUMP_SP_SIGNALS);
	}
	welcome.head.error = -error;
	if (sp_client_send(client, &welcome, -1))
		return -ENOTCONN;
	return error;
}

/*
 * From a process of a family that ends: if it is the last one it waits for the end of this
 * server, by the end of the connection.
 */
static int do_leave(struct sp_client *client, const void *message, size_t length)
{
	const struct rump_sp_hello *hello = message;
	int error = 0;

	if (length != sizeof(*hello) || hello->magic != RUMP_SP_MAGIC || client->is_entered)
		return -EBADMSG;
	if (!has_secret(client, hello))
		error = -EACCES;
	else if (!client->policy->leave || !client->policy->leave())
		error = -EBUSY;
	if (!error)
		atomic_store(&client->is_kept, true);
	else
		answer(client, &hello->head, error);
	return error;
}

/* ---- CHILD ---- */

static int do_child(struct sp_client *client, size_t length, const struct sp_sender *sender)
{
	if (length != sizeof(struct rump_sp_message))
		return -EBADMSG;
	/* HELLO will tell where to probe its memory */
	sp_client_identify(client, sender, 0);
	take_number(client);
	return 0;
}

/* ---- channels ---- */

static int do_channel(struct sp_client *client, const void *message, size_t length)
{
	const struct rump_sp_channel_open *open = message;
	int error;

	if (length != sizeof(*open))
		return -EBADMSG;
	error = sp_channel_open(client, open->head.id, open->tid);
	return error ? answer(client, &open->head, error) : 0;
}

static int do_channel_end(struct sp_client *client, const void *message, size_t length)
{
	const struct rump_sp_channel_end *end = message;

	if (length != sizeof(*end) || !end->channel)
		return -EBADMSG;
	sp_channels_close(client, end->channel, false);
	return 0;
}

static int do_interrupt(struct sp_client *client, const void *message, size_t length)
{
	const struct rump_sp_interrupt *interrupt = message;

	if (length != sizeof(*interrupt))
		return -EBADMSG;
	sp_channel_interrupt(client, interrupt->channel, interrupt->request);
	return 0;
}

/* ---- jobs ---- */

static int job_start(struct sp_client *client, void (*fn)(void *), const void *message,
		     size_t length)
{
	struct job *job = malloc(sizeof(*job) + length);

	if (!job)
		return -ENOMEM;
	job->client = client;
	memcpy(job->message, message, length);
	sp_client_ref(client);
	/* what the client sends next, it sends to a process on which this has been done */
	sp_client_pause(client);
	sp_job(fn, job, "rump-sp-job");
	return 0;
}

static void job_end(struct job *job)
{
	sp_notify(job->client, SP_EVENT_RESUME);
	sp_client_unref(job->client);
	free(job);
}

static void exec_job(void *arg)
{
	struct job *job = arg;
	const struct rump_sp_exec *exec = (const void *)job->message;
	int pid = atomic_load(&job->client->pid);
	char name[16];
	int error = pid ? rumpuser_upcalls->thread_join(pid, 0, NULL) : -ESRCH;

	if (!error) {
		name_copy(name, exec->name);
		error = rumpuser_upcalls->process_exec(name, exec->keep, exec->count);
		rumpuser_upcalls->thread_leave();
	}
	/* a process with descriptors that it should not have is worse than none */
	if (error && error != -ESRCH) {
		sp_log("client %d: exec: error %d", atomic_load(&job->client->host_pid), -error);
		sp_notify(job->client, SP_EVENT_END);
	}
	job_end(job);
}

static int do_exec(struct sp_client *client, const void *message, size_t length,
		   const struct sp_sender *sender)
{
	const struct rump_sp_exec *exec = message;

	if (length < sizeof(*exec) || (length - sizeof(*exec)) / sizeof(uint32_t) != exec->count ||
	    length != sizeof(*exec) + exec->count * sizeof(uint32_t))
		return -EBADMSG;
	for (uint32_t i = 1; i < exec->count; i++) {
		if (exec->keep[i] <= exec->keep[i - 1])
			return -EBADMSG;
	}
	/* the memory is another: HELLO will tell where to probe it */
	sp_client_identify(client, sender, 0);
	take_number(client);
	sp_channels_close(client, 0, false);
	return job_start(client, exec_job, message, length);
}

/* Who is root in the rump kernel may end it; that may have changed since the connection. */
static bool is_root_now(const struct sp_client *client)
{
	const unsigned long none[6] = {0};
	int pid = atomic_load(&client->pid);
	bool is_root;

	if (!pid || rumpuser_upcalls->thread_join(pid, 0, NULL))
		return false;
	is_root = rumpuser_upcalls->syscall(SYS_geteuid, none) == 0;
	rumpuser_upcalls->thread_leave();
	return is_root;
}

static void halt_job(void *arg)
{
	struct job *job = arg;
	const struct rump_sp_halt *halt = (const void *)job->message;
	void (*call)(int) = job->client->policy->halt;
	int is_restart = !!(halt->flags & RUMP_SP_HALT_RESTART);
	int error = 0;

	if (!is_root_now(job->client))
		error = -EPERM;
	else if (!call)
		error = -EOPNOTSUPP;
	if (!error) {
		atomic_store(&job->client->is_kept, true);
		sp_listeners_halt();
	}
	answer(job->client, &halt->head, error);
	job_end(job);
	if (!error)
		call(is_restart);
}

static int do_halt(struct sp_client *client, const void *message, size_t length)
{
	const struct rump_sp_halt *halt = message;

	if (length != sizeof(*halt))
		return -EBADMSG;
	return job_start(client, halt_job, message, length);
}

/* ---- all ---- */

int sp_message(struct sp_client *client, const void *message, size_t length,
	       const struct sp_sender *sender)
{
	const struct rump_sp_message *head = message;

	if (length < sizeof(*head) || head->length != length || head->is_answer)
		return -EBADMSG;
	if (head->type == RUMP_SP_HELLO)
		return do_hello(client, message, length, sender);
	if (head->type == RUMP_SP_LEAVE)
		return do_leave(client, message, length);
	if (!client->is_entered)
		return -EBADMSG;
	switch (head->type) {
	case RUMP_SP_CHANNEL:
		return do_channel(client, message, length);
	case RUMP_SP_CHANNEL_END:
		return do_channel_end(client, message, length);
	case RUMP_SP_INTERRUPT:
		return do_interrupt(client, message, length);
	case RUMP_SP_EXEC:
		return do_exec(client, message, length, sender);
	case RUMP_SP_CHILD:
		return do_child(client, length, sender);
	case RUMP_SP_HALT:
		return do_halt(client, message, length);
	default:
		return -EBADMSG;
	}
}

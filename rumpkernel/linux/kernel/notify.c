// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notifiers: what becomes ready here is told to waits of the host; <rump/rump_calls.h>.
 *
 * A program waits for descriptors of both sides in the host's epoll_wait() or ppoll(),
 * where signals and time are what they should be.  One descriptor more is among those
 * that it waits for, an event of the host (V).  A callback in the wait queues of our files
 * raises it: one hypercall that does not block, in atomic context.
 *
 * There are two kinds.  One belongs to an epoll file for as long as it lives and watches
 * that one.  The other watches what the last NOTIFY_POLL had in its list.
 *
 * `pending` and the readiness of a file are looked at in opposite orders, both fenced: the
 * callback comes behind what it tells of and then looks at `pending`; who looks for
 * events clears it first.
 *
 * Watches hold references to their files, as poll() does, but last longer than a call.  So
 * each close of a descriptor of the notifier ends those of the second kind, and raises V
 * for who may still be waiting: a file is not kept by a process that has gone, and no
 * circle of references is left behind.  An epoll file holds none, so the first kind has
 * no circles.
 */
#include <linux/anon_inodes.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/syscalls.h>
#include <linux/uaccess.h>
#include <linux/eventpoll.h>	/* uses what those above declare */
#include <rump/rump_calls.h>
#include <asm/rump.h>
#include "notify.h"

struct notifier {
	struct rump_notify_words *words;	/* &own, or the hijack's memory */
	struct rump_notify_words own;
	void *event;				/* V: the host's object, NULL: none yet */
	struct file *epoll;			/* first kind */
	struct mutex lock;			/* of all below */
	struct watch *watches;
	int error;				/* a watch could not be made */
};

struct watch {
	wait_queue_entry_t wait;
	wait_queue_head_t *head;		/* NULL: it has gone (POLLFREE) */
	__poll_t events;
	struct notifier *notifier;
	struct file *file;
	struct watch *next;
};

/* What the poll functions of files are given. */
struct table {
	poll_table pt;
	struct notifier *notifier;
	struct file *file;
};

/* ---- what becomes ready ---- */

static void raise_event(struct notifier *notifier)
{
	void *event = READ_ONCE(notifier->event);

	if (event)
		hyp()->event_raise(event);
}

static void now_pending(struct notifier *notifier)
{
	struct rump_notify_words *words = READ_ONCE(notifier->words);

	if (!xchg(&words->pending, 1) && READ_ONCE(words->waiters))
		raise_event(notifier);
}

static int on_wake(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct watch *watch = container_of(wait, struct watch, wait);
	__poll_t events = key_to_poll(key);

	if (events & POLLFREE) {
		list_del_init(&wait->entry);
		now_pending(watch->notifier);
		/* the head may be gone as soon as this is seen */
		smp_store_release(&watch->head, NULL);
		return 0;
	}
	if (events && !(events & watch->events))
		return 0;
	smp_mb();	/* the event, then `pending` */
	if (!READ_ONCE(READ_ONCE(watch->notifier->words)->pending))
		now_pending(watch->notifier);
	return 0;
}

static void add_watch(struct file *file, wait_queue_head_t *head, poll_table *pt)
{
	struct table *table = container_of(pt, struct table, pt);
	struct watch *watch = kmalloc(sizeof(*watch), GFP_KERNEL_ACCOUNT);

	if (!watch) {
		table->notifier->error = -ENOMEM;
		return;
	}
	watch->head = head;
	watch->events = pt->_key | EPOLLERR | EPOLLHUP;
	watch->notifier = table->notifier;
	watch->file = get_file(file);
	watch->next = table->notifier->watches;
	table->notifier->watches = watch;
	init_waitqueue_func_entry(&watch->wait, on_wake);
	add_wait_queue(head, &watch->wait);
}

static void end_watches(struct notifier *notifier)
{
	struct watch *watch, *next;
	wait_queue_head_t *head;

	for (watch = notifier->watches; watch; watch = next) {
		next = watch->next;
		rcu_read_lock();	/* who frees a head by POLLFREE waits for this */
		head = smp_load_acquire(&watch->head);
		if (head)
			remove_wait_queue(head, &watch->wait);
		rcu_read_unlock();
		fput(watch->file);
		kfree(watch);
	}
	notifier->watches = NULL;
}

static void table_init(struct table *table, struct notifier *notifier, bool is_armed)
{
	init_poll_funcptr(&table->pt, is_armed ? add_watch : NULL);
	table->notifier = notifier;
}

/* ---- files ---- */

static int notifier_flush(struct file *file, fl_owner_t id)
{
	struct notifier *notifier = file->private_data;

	if (notifier->epoll)
		return 0;
	mutex_lock(&notifier->lock);
	if (notifier->watches) {
		end_watches(notifier);
		raise_event(notifier);
	}
	mutex_unlock(&notifier->lock);
	return 0;
}

static int notifier_release(struct inode *inode, struct file *file)
{
	struct notifier *notifier = file->private_data;
	struct file *epoll = notifier->epoll;

	/* the watch of the first kind has a reference of its own */
	end_watches(notifier);
	if (epoll)
		fput(epoll);
	if (notifier->event)
		hyp()->event_close(notifier->event);
	kfree(notifier);
	return 0;
}

static const struct file_operations notifier_fops = {
	.owner		= THIS_MODULE,
	.flush		= notifier_flush,
	.release	= notifier_release,
	.llseek		= noop_llseek,
};

static struct file *notifier_file(void)
{
	struct notifier *notifier = kzalloc(sizeof(*notifier), GFP_KERNEL_ACCOUNT);
	struct file *file;

	if (!notifier)
		return ERR_PTR(-ENOMEM);
	mutex_init(&notifier->lock);
	notifier->words = &notifier->own;
	notifier->own.waiters = 1;
	file = anon_inode_getfile("[rump-notifier]", &notifier_fops, notifier,
				  O_RDWR | O_CLOEXEC);
	if (IS_ERR(file))
		kfree(notifier);
	return file;
}

static struct notifier *notifier_of(struct fd f)
{
	if (fd_empty(f))
		return ERR_PTR(-EBADF);
	if (fd_file(f)->f_op != &notifier_fops)
		return ERR_PTR(-EINVAL);
	return fd_file(f)->private_data;
}

/* ---- calls ---- */

/* Other threads of the process may have put another file there. */
static bool is_epoll(struct file *file, const struct file *anonymous)
{
	return file_inode(file) == file_inode(anonymous) &&
	       !strcmp(file->f_path.dentry->d_name.name, "[eventpoll]");
}

static long watch_epoll(struct file *file, int epoll_fd)
{
	struct notifier *notifier = file->private_data;
	struct table table;
	struct file *epoll = fget(epoll_fd);

	if (!epoll)
		return -EBADF;
	if (!is_epoll(epoll, file)) {
		fput(epoll);
		return -EBADF;
	}
	notifier->epoll = epoll;
	table_init(&table, notifier, true);
	table.pt._key = EPOLLIN;
	vfs_poll(epoll, &table.pt);
	return notifier->error;
}

SYSCALL_DEFINE1(rump_notify_epoll, struct rump_notify_words *, words)
{
	struct file *file;
	long epoll, fd, err;

	if (words && current->thread.is_remote)
		return -EINVAL;
	file = notifier_file();
	if (IS_ERR(file))
		return PTR_ERR(file);
	err = epoll = sys_epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		goto no_epoll;
	if (words) {
		WRITE_ONCE(words->pending, 0);
		((struct notifier *)file->private_data)->words = words;
	}
	err = watch_epoll(file, epoll);
	if (err)
		goto no_fd;
	err = fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto no_fd;
	fd_install(fd, file);
	return fd << 32 | epoll;
no_fd:
	close_fd(epoll);
no_epoll:
	fput(file);
	return err;
}

SYSCALL_DEFINE0(rump_notify_new)
{
	struct file *file = notifier_file();
	int fd;

	if (IS_ERR(file))
		return PTR_ERR(file);
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		fput(file);
	else
		fd_install(fd, file);
	return fd;
}

/* Clears `pending` and looks; something there: it is set again, and V raised. */
static long look_at_epoll(struct notifier *notifier)
{
	xchg(&READ_ONCE(notifier->words)->pending, 0);
	if (!vfs_poll(notifier->epoll, NULL))
		return 0;
	now_pending(notifier);
	return 1;
}

/* For who looks next, so that V need not tell of what they make ready. */
static long make_changes(struct notifier *notifier, int epoll,
			 const struct rump_notify_change __user *changes, unsigned int count)
{
	struct rump_notify_change change;
	struct epoll_event event;
	unsigned int i;

	if (count > RUMP_NOTIFY_CHANGES)
		return -EINVAL;
	xchg(&READ_ONCE(notifier->words)->pending, 1);
	for (i = 0; i < count; i++) {
		if (copy_from_user(&change, &changes[i], sizeof(change)))
			return -EFAULT;
		event.events = (__force __poll_t)change.events;
		event.data = change.data;
		do_epoll_ctl(epoll, change.op, change.fd, &event, false);
	}
	return 0;
}

SYSCALL_DEFINE6(rump_notify_wait, int, fd, int, epoll, struct epoll_event __user *, events,
		int, max, const struct rump_notify_change __user *, changes,
		unsigned int, count)
{
	bool is_quiet = max & RUMP_NOTIFY_QUIET;
	CLASS(fd, f)(fd);
	struct notifier *notifier = notifier_of(f);
	long err = 0, ret;

	if (IS_ERR(notifier))
		return PTR_ERR(notifier);
	if (!notifier->epoll)
		return -EINVAL;
	max &= ~RUMP_NOTIFY_QUIET;
	if (count)
		err = make_changes(notifier, epoll, changes, count);
	if (err || !max) {
		ret = look_at_epoll(notifier);
		return err ?: ret;
	}
	xchg(&READ_ONCE(notifier->words)->pending, 0);
	ret = sys_epoll_wait(epoll, events, max, 0);
	if (ret && is_quiet)
		xchg(&READ_ONCE(notifier->words)->pending, 1);
	else if (ret)
		now_pending(notifier);
	return ret;
}

SYSCALL_DEFINE1(rump_notify_share, int, fd)
{
	CLASS(fd, f)(fd);
	struct notifier *notifier = notifier_of(f);

	if (IS_ERR(notifier))
		return PTR_ERR(notifier);
	if (READ_ONCE(notifier->words) == &notifier->own)
		return 0;
	/* what the old words were told in between is made up for by this */
	WRITE_ONCE(notifier->own.pending, 1);
	xchg(&notifier->words, &notifier->own);
	raise_event(notifier);
	return 0;
}

SYSCALL_DEFINE1(rump_notify_look, int, fd)
{
	CLASS(fd, f)(fd);
	struct notifier *notifier = notifier_of(f);

	if (IS_ERR(notifier))
		return PTR_ERR(notifier);
	return notifier->epoll ? look_at_epoll(notifier) : -EINVAL;
}

static short look_at(struct table *table, const struct pollfd *entry)
{
	__poll_t filter = demangle_poll(entry->events) | EPOLLERR | EPOLLHUP, events;

	if (entry->fd < 0)
		return 0;
	CLASS(fd, f)(entry->fd);
	if (fd_empty(f))
		return POLLNVAL;
	table->file = fd_file(f);
	table->pt._key = filter;
	events = vfs_poll(fd_file(f), &table->pt) & filter;
	if (events)
		table->pt._qproc = NULL;	/* nobody is going to wait */
	return mangle_poll(events);
}

static long poll_all(struct notifier *notifier, struct pollfd *fds, unsigned int count,
		     unsigned int flags)
{
	struct table table;
	unsigned int i;
	long ready = 0;

	if (mutex_lock_killable(&notifier->lock))
		return -EINTR;
	end_watches(notifier);
	notifier->error = 0;
	if (flags & RUMP_NOTIFY_ARM)
		xchg(&notifier->own.pending, 0);
	table_init(&table, notifier, flags & RUMP_NOTIFY_ARM);
	for (i = 0; i < count; i++) {
		fds[i].revents = look_at(&table, &fds[i]);
		ready += fds[i].revents != 0;
	}
	if (notifier->error && !ready)
		ready = notifier->error;
	if (ready)
		end_watches(notifier);
	mutex_unlock(&notifier->lock);
	return ready;
}

#define FDS_ON_STACK	16

SYSCALL_DEFINE4(rump_notify_poll, int, fd, struct pollfd __user *, theirs, unsigned int, count,
		unsigned int, flags)
{
	struct pollfd some[FDS_ON_STACK], *fds = some;
	size_t size = count * sizeof(*fds);
	struct notifier *notifier;
	CLASS(fd, f)(fd);
	long ret;

	notifier = notifier_of(f);
	if (IS_ERR(notifier))
		return PTR_ERR(notifier);
	if (notifier->epoll || count > rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	if (count > FDS_ON_STACK)
		fds = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!fds)
		return -ENOMEM;
	ret = -EFAULT;
	if (!copy_from_user(fds, theirs, size)) {
		ret = poll_all(notifier, fds, count, flags);
		if (ret > 0 && copy_to_user(theirs, fds, size))
			ret = -EFAULT;
	}
	if (flags & RUMP_NOTIFY_RAISE)
		raise_event(notifier);
	if (fds != some)
		kvfree(fds);
	return ret;
}

/* ---- the host's side ---- */

struct attachment {
	int fd;
	void *event;
};

static long attach(void *arg)
{
	struct attachment *attachment = arg;
	CLASS(fd, f)(attachment->fd);
	struct notifier *notifier = notifier_of(f);
	struct rump_notify_words *words;

	if (IS_ERR(notifier))
		return PTR_ERR(notifier);
	if (cmpxchg(&notifier->event, NULL, attachment->event))
		return -EBUSY;
	words = READ_ONCE(notifier->words);
	if (READ_ONCE(words->pending) && READ_ONCE(words->waiters) && notifier->epoll)
		raise_event(notifier);
	attachment->event = NULL;
	return 0;
}

int rump_event_attach(int fd, void *event)
{
	struct attachment attachment = { .fd = fd, .event = event };
	long err = rump_kernel_call(attach, &attachment);

	/* also if the caller was killed just then: the notifier has it */
	return attachment.event ? err ?: -EINTR : 0;
}

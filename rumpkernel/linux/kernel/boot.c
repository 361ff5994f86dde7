// SPDX-License-Identifier: GPL-2.0-only
/*
 * rump_init() and the end: from the environment to a kernel with file systems
 * mounted, and back to clean disks.
 */
#include <generated/utsrelease.h>
#include <linux/bug.h>
#include <linux/fs.h>
#include <linux/fs_context.h>
#include <linux/fs_struct.h>
#include <linux/if.h>
#include <linux/init_syscalls.h>
#include <linux/kernel.h>
#include <linux/memblock.h>
#include <linux/miscdevice.h>
#include <linux/mount.h>
#include <uapi/linux/mount.h>
#include <linux/namei.h>
#include <linux/prctl.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <linux/syscalls.h>
#include <linux/utsname.h>
#include <asm/rump.h>
#include <asm/setup.h>
#include "../../../fs/internal.h"
#include "../drivers/etfs.h"
#include "../drivers/net/dhcp.h"
#include "../drivers/net/interface.h"
#include "../drivers/net/netconfig.h"
#include "../drivers/net/resolver.h"
#include "../drivers/sockin/claim.h"
#include "lwp.h"
#include "module_index.h"
#include "nfs_options.h"

#define DEFAULT_MEMORY	(128UL << 20)
#define MIN_MEMORY	(16UL << 20)
#define WHY_SIZE	256

extern const struct rumpuser_upcalls rump_upcalls;

static char boot_error[512];
static int boot_result = -1;	/* positive errno, 0, or -1: not yet tried */
static u32 boot_lock;

/* ---- errors ---- */

void rump_boot_error_set(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(boot_error, sizeof(boot_error), fmt, args);
	va_end(args);
	if (rump_user)
		rump_user->boot_error(boot_error);
}

rump_export const char *rump_boot_error(void);
const char *rump_boot_error(void)
{
	return rumpuser_boot_error();
}

/* ---- parameters ---- */

static int get_ncpu(const struct rumpuser_ops *user, unsigned int *ret_ncpu)
{
	const char *text = user->param("RUMP_NCPU");
	unsigned int n;

	*ret_ncpu = 1;
	if (!text || !*text)
		return 0;
	if (!strcmp(text, "host")) {
		*ret_ncpu = clamp_t(unsigned int, user->host_cpus(), 1, NR_CPUS);
		return 0;
	}
	if (kstrtouint(text, 10, &n) || n < 1 || n > NR_CPUS) {
		rump_boot_error_set("RUMP_NCPU=%s: want a number from 1 to %d, or host",
				    text, NR_CPUS);
		return -EINVAL;
	}
	*ret_ncpu = n;
	return 0;
}

static int get_memory(const struct rumpuser_ops *user, unsigned long *ret_size)
{
	const char *text = user->param("RUMP_MEMLIMIT");
	unsigned long long size;
	char *end;

	*ret_size = DEFAULT_MEMORY;
	if (!text || !*text)
		return 0;
	size = memparse(text, &end);
	if (*end || size < MIN_MEMORY || size > (1ULL << 40)) {
		rump_boot_error_set("RUMP_MEMLIMIT=%s: want a size such as 256m, at least 16m",
				    text);
		return -EINVAL;
	}
	*ret_size = round_down(size, SZ_4M);
	return 0;
}

/* a debug kernel looks for reports in what goes to the console, see reports.c */
#define QUIET	(IS_ENABLED(CONFIG_RUMP_DEBUG) ? "loglevel=5" : "loglevel=1")

/*
 * Panics and oopses are always seen; more only when asked for.  Grace periods
 * are expedited: a normal one waits for ticks, and mounting, unmounting and
 * shutting down wait for several.
 */
static void make_command_line(const struct rumpuser_ops *user)
{
	const char *verbose = user->param("RUMP_VERBOSE");
	const char *more = user->param("RUMP_CMDLINE");
	bool is_verbose = verbose && *verbose && strcmp(verbose, "0");

	snprintf(rump_command_line, COMMAND_LINE_SIZE, "%s rcupdate.rcu_expedited=1 %s",
		 is_verbose ? "ignore_loglevel" : QUIET, more ? more : "");
}

/* ---- what to start with ---- */

/* init_*() of the tree are marked __init; the image's init text is never freed. */

static long __ref make_directory(const char *path)
{
	long err = init_mkdir(path, 0755);

	return err == -EEXIST ? 0 : err;
}

/* All directories on the way to path; with is_last the last word too. */
static long make_directories(const char *path, bool is_last)
{
	char *copy = kstrdup(path, GFP_KERNEL), *p;
	long err = 0;

	if (!copy)
		return -ENOMEM;
	for (p = copy + 1; *p && !err; p++) {
		if (*p != '/' || p[-1] == '/')
			continue;
		*p = '\0';
		err = make_directory(copy);
		*p = '/';
	}
	if (!err && is_last)
		err = make_directory(copy);
	kfree(copy);
	return err;
}

static const struct {
	const char *type, *target;
	unsigned long flags;
} default_mounts[] = {
	{ "devtmpfs", "/dev",  MS_NOSUID },
	{ "proc",     "/proc", MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "sysfs",    "/sys",  MS_NOSUID | MS_NOEXEC | MS_NODEV },
	/* not nodev: rump_fakeblk_register("/tmp/disk.img") makes a device there */
	{ "tmpfs",    "/tmp",  MS_NOSUID },
	{ "tmpfs",    "/run",  MS_NOSUID | MS_NODEV },
};

/* Devices of modules, by which they are loaded: nothing else would ask for them. */
static const struct {
	const char *path;
	unsigned int major, minor;
} module_devices[] = {
	{ "/dev/ppp", 108, 0 },
	{ "/dev/vhci", MISC_MAJOR, 137 },
};

static void __ref mount_defaults(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(default_mounts); i++) {
		make_directory(default_mounts[i].target);
		init_mount(default_mounts[i].type, default_mounts[i].target,
			   default_mounts[i].type, default_mounts[i].flags, NULL);
	}
	init_chmod("/", 0755);
	make_directory("/dev/pts");
	init_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, NULL);
	make_directory("/dev/shm");
	init_mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	for (i = 0; i < ARRAY_SIZE(module_devices); i++)
		init_mknod(module_devices[i].path, S_IFCHR | 0600,
			   new_encode_dev(MKDEV(module_devices[i].major,
						module_devices[i].minor)));
	init_chmod("/tmp", 01777);
	init_chmod("/dev/shm", 01777);
}

#ifdef CONFIG_INET
static void loopback_up(void)
{
	struct net_device *lo = init_net.loopback_dev;

	rtnl_lock();
	if (lo)
		dev_change_flags(lo, lo->flags | IFF_UP, NULL);
	rtnl_unlock();
}
#else
static void loopback_up(void)
{
}
#endif

static const struct {
	const char *word;
	unsigned long set, clear;
} mount_words[] = {
	{ "ro", MS_RDONLY, 0 }, { "rw", 0, MS_RDONLY }, { "nosuid", MS_NOSUID, 0 },
	{ "suid", 0, MS_NOSUID }, { "nodev", MS_NODEV, 0 }, { "dev", 0, MS_NODEV },
	{ "noexec", MS_NOEXEC, 0 }, { "exec", 0, MS_NOEXEC }, { "noatime", MS_NOATIME, 0 },
	{ "nodiratime", MS_NODIRATIME, 0 }, { "relatime", MS_RELATIME, 0 },
	{ "strictatime", MS_STRICTATIME, 0 }, { "lazytime", MS_LAZYTIME, 0 },
	{ "sync", MS_SYNCHRONOUS, 0 }, { "dirsync", MS_DIRSYNC, 0 },
	{ "bind", MS_BIND, 0 }, { "rbind", MS_BIND | MS_REC, 0 }, { "defaults", 0, 0 },
};

/* As mount(8): the words for the VFS become flags, the others go to the file system. */
static unsigned long split_options(const char *options, char *data, size_t size)
{
	unsigned long flags = MS_SILENT;
	char *copy = kstrdup(options, GFP_KERNEL), *next = copy, *word;
	size_t used = 0;
	unsigned int i;

	*data = '\0';
	while (next && (word = strsep(&next, ","))) {
		for (i = 0; i < ARRAY_SIZE(mount_words); i++)
			if (!strcmp(word, mount_words[i].word))
				break;
		if (i < ARRAY_SIZE(mount_words)) {
			flags |= mount_words[i].set;
			flags &= ~mount_words[i].clear;
		} else if (*word) {
			used += scnprintf(data + used, size - used, "%s%s", used ? "," : "",
					  word);
		}
	}
	kfree(copy);
	return flags;
}

/* Why a component that is known does not load. */
static void explain_load(const char *name, long err, char *why, size_t why_size)
{
	if (!strcmp(name, "sockin") && *rump_claim_why())
		snprintf(why, why_size, "sockin: %s", rump_claim_why());
	else if (err == -ELIBACC)
		snprintf(why, why_size, "component '%s': %s is missing in %s (RUMP_MODULES)", name,
			 rump_module_missing(), hyp()->module_dir());
	else
		snprintf(why, why_size, "component '%s' does not load: error %ld%s", name, -err,
			 err == -ENOEXEC ? " (no module of this kernel)" : "");
}

/* Mounts, with the type found by looking when there is none; why gets the reason.  data: a page. */
static long __ref mount_one(const char *type, const char *source, const char *target,
		      unsigned long flags, char *data, char *why, size_t why_size)
{
	char *again;
	long err;

	if (!*type || !strcmp(type, "auto")) {
		type = rump_detect_fstype(source);
		if (!type) {
			snprintf(why, why_size, "%s holds no file system that is known", source);
			return -ENODEV;
		}
	}
	err = rump_nfs_options(type, source, data, PAGE_SIZE, why, why_size);
	if (err)
		return err;
	again = kmemdup(data, PAGE_SIZE, GFP_KERNEL);
	if (!again)
		return -ENOMEM;
	err = init_mount(source, target, type, flags, data);
	if (err == -EACCES || err == -EROFS)	/* a read-only disk; the first try has cut data up */
		err = init_mount(source, target, type, flags | MS_RDONLY, again);
	kfree(again);
	if (err == -ENODEV) {
		long load_err = rump_component_load(type);
		size_t used;

		if (load_err && load_err != -ENOENT) {
			explain_load(type, load_err, why, why_size);
			return err;
		}
		used = scnprintf(why, why_size, "unknown file system '%s'; known: ", type);
		rump_component_names(why + used, why_size - used);
	} else if (err) {
		snprintf(why, why_size, "cannot mount %s as %s on %s: error %ld%s", source, type,
			 target, -err, err == -EUCLEAN || err == -EINVAL || err == -EIO ?
			 " (damaged, or not a file system of this type?)" : "");
	}
	return err;
}

/*
 * A file system mounted on / becomes the root of the rump processes.  Until
 * all is set up it hangs here, so that device names still mean what they say.
 */
#define NEW_ROOT "/root.new"
static bool has_new_root;

static char *target_path(const char *target)
{
	if (!strcmp(target, "/"))
		return kstrdup(NEW_ROOT, GFP_KERNEL);
	return kasprintf(GFP_KERNEL, "%s%s", has_new_root ? NEW_ROOT : "", target);
}

static long __ref enter_new_root(void)
{
	init_chdir(NEW_ROOT);
	return init_mount(".", "/", NULL, MS_MOVE, NULL) ?: init_chroot(".");
}

static long do_mount_item(const struct rumpuser_boot_item *item, char *why)
{
	char *data = kmalloc(PAGE_SIZE, GFP_KERNEL), *target = target_path(item->name);
	unsigned long flags;
	long err = -ENOMEM;

	if (!data || !target)
		goto out;
	flags = split_options(item->options ? item->options : "", data, PAGE_SIZE);
	if (item->is_readonly)
		flags |= MS_RDONLY;
	err = make_directories(target, true);
	/* a directory on a read-only file system can be there already */
	if (!err || err == -EROFS)
		err = mount_one(item->fstype ? item->fstype : "", item->source, target, flags,
				data, why, WHY_SIZE);
	if (!err && !strcmp(item->name, "/"))
		has_new_root = true;
out:
	kfree(data);
	kfree(target);
	return err;
}

static long do_sysctl_item(const struct rumpuser_boot_item *item, char *why)
{
	char *path = kasprintf(GFP_KERNEL, "/proc/sys/%s", item->name);
	struct file *file;
	loff_t pos = 0;
	long err;

	if (!path)
		return -ENOMEM;
	file = filp_open(path, O_WRONLY, 0);
	kfree(path);
	if (IS_ERR(file)) {
		snprintf(why, WHY_SIZE, "there is no sysctl %s", item->name);
		return PTR_ERR(file);
	}
	err = kernel_write(file, item->source, strlen(item->source), &pos);
	fput(file);
	if (err < 0)
		snprintf(why, WHY_SIZE, "sysctl %s does not take '%s'", item->name, item->source);
	return min(err, 0L);
}

static long do_mkdir_item(const struct rumpuser_boot_item *item)
{
	char *target = target_path(item->name);
	long err = target ? make_directories(target, true) : -ENOMEM;

	kfree(target);
	return err;
}

static void set_hostname(const char *name)
{
	down_write(&uts_sem);
	strscpy_pad(init_uts_ns.name.nodename, name, sizeof(init_uts_ns.name.nodename));
	up_write(&uts_sem);
}

void rump_name_host(const char *name)
{
	if (!strcmp(init_uts_ns.name.nodename, RUMP_DEFAULT_HOSTNAME))
		set_hostname(name);
}

static long do_item(const struct rumpuser_boot_item *item, char *why)
{
	long err;

	switch (item->kind) {
	case RUMPUSER_BOOT_COMPONENT:
		err = rump_component_load(item->name);
		if (err == -ENOENT) {
			size_t used = scnprintf(why, WHY_SIZE, "unknown component '%s'; known: ",
						item->name);

			rump_component_names(why + used, WHY_SIZE - used);
		} else if (err) {
			explain_load(item->name, err, why, WHY_SIZE);
		}
		return err;
	case RUMPUSER_BOOT_DRIVE:
		return rump_etfs_add(item->name, item->source, item->type, item->offset,
				     item->size, item->is_readonly, item->sector_size, why,
				     WHY_SIZE);
	case RUMPUSER_BOOT_MOUNT:
		return do_mount_item(item, why);
	case RUMPUSER_BOOT_SYSCTL:
		return do_sysctl_item(item, why);
	case RUMPUSER_BOOT_HOSTNAME:
		set_hostname(item->name);
		return 0;
	case RUMPUSER_BOOT_MKDIR:
		return do_mkdir_item(item);
	case RUMPUSER_BOOT_NET:
		return rump_net_item(item, why, WHY_SIZE);
	}
	return -EINVAL;
}

struct boot_items {
	const struct rumpuser_boot_item *item;
	unsigned int count;
};

static long start_with(void *arg)
{
	const struct boot_items *items = arg;
	const char *hostname = hyp()->param("RUMP_HOSTNAME");
	unsigned int i;
	long err;

	set_hostname(hostname && *hostname ? hostname : RUMP_DEFAULT_HOSTNAME);
	mount_defaults();
	loopback_up();
	rump_etfs_boot();
	for (i = 0; i < items->count; i++) {
		const struct rumpuser_boot_item *item = &items->item[i];
		char why[WHY_SIZE] = "";

		err = do_item(item, why);
		if (!err)
			continue;
		if (!*why)
			snprintf(why, sizeof(why), "%s: error %ld", item->name, -err);
		if (item->file)
			rump_boot_error_set("%s:%u: %s", item->file, item->line, why);
		else
			rump_boot_error_set("%s", why);
		return err;
	}
	if (has_new_root) {
		char why[WHY_SIZE] = "";

		err = rump_resolver_enter(NEW_ROOT, why, sizeof(why));
		if (err) {
			rump_boot_error_set("%s", why);
			return err;
		}
		err = enter_new_root();
		if (err) {
			rump_boot_error_set("cannot enter the root file system: error %ld", -err);
			return err;
		}
	}
	rump_clients_begin();
	return 0;
}

/* ---- rump_init ---- */

static void io_done(struct rumpuser_io *io)
{
}

static long host_call(const struct rumpuser_ops *user, long nr, unsigned long a1, unsigned long a2)
{
	struct rumpuser_io io = {
		.op = RUMPUSER_IO_CALL,
		.call_nr = nr,
		.call_args = { a1, a2 },
		.done = io_done,
	};

	user->io_run(&io);
	return io.result;
}

/* Rump processes have the names of their host processes, and the ids where they are free. */
static void identify(const struct rumpuser_ops *user)
{
	rump_host_pid = host_call(user, __NR_getpid, 0, 0);
	host_call(user, __NR_prctl, PR_GET_NAME, (unsigned long)rump_host_name);
}

static long init_once(void)
{
	const struct rumpuser_ops *user = rump_user;
	struct rumpuser_memory memory;
	struct boot_items items;
	long err;

	err = get_ncpu(user, &rump_ncpu) ?: get_memory(user, &rump_memory_size) ?:
	      user->boot_items(&items.item, &items.count) ?:
	      user->memory_create(rump_memory_size, &memory);
	if (err)
		return err;
	rump_memory_size = memory.size;
	make_command_line(user);
	identify(user);
	err = rump_boot(user, rump_ncpu);
	if (err) {
		rump_boot_error_set("the kernel does not start: error %ld", -err);
		return err;
	}
	rump_is_up = true;
	return rump_kernel_call(start_with, &items);
}

/* false: librumpuser is of another version */
bool rump_have_user(void)
{
	if (!rump_user)
		rump_user = rumpuser_init(RUMPUSER_VERSION, &rump_upcalls);
	return rump_user;
}

static void lock_boot(void)
{
	while (__atomic_exchange_n(&boot_lock, 1, __ATOMIC_ACQUIRE))
		if (rump_user)
			rump_user->yield();
}

static void unlock_boot(void)
{
	__atomic_store_n(&boot_lock, 0, __ATOMIC_RELEASE);
}

rump_export int rump_init(void);
int rump_init(void)
{
	int ret = __atomic_load_n(&boot_result, __ATOMIC_ACQUIRE);

	if (ret >= 0)
		return ret;
	lock_boot();
	ret = boot_result;
	if (ret < 0) {
		ret = EPROTO;
		if (rump_have_user())
			ret = -init_once();
		if (ret)
			rump_is_up = false;
		__atomic_store_n(&boot_result, ret, __ATOMIC_RELEASE);
	}
	unlock_boot();
	return ret;
}

rump_export int rump_boot_conf(const char *text, const char *name);
int rump_boot_conf(const char *text, const char *name)
{
	if (boot_result >= 0)
		return EBUSY;
	if (!rump_have_user())
		return EPROTO;
	return -rump_user->boot_conf(text, name);
}

rump_export int rump_getversion(void);
int rump_getversion(void)
{
	return 1;	/* RUMP_VERSION_MAJOR * 100 + RUMP_VERSION_MINOR of rump.h */
}

rump_export const char *rump_getrelease(void);
const char *rump_getrelease(void)
{
	return UTS_RELEASE;
}

rump_export int rump_daemonize_begin(void);
int rump_daemonize_begin(void)
{
	if (boot_result >= 0)
		return EBUSY;
	return rump_have_user() ? -rump_user->daemonize_begin() : EPROTO;
}

rump_export int rump_daemonize_done(int error);
int rump_daemonize_done(int error)
{
	return rump_have_user() ? -rump_user->daemonize_done(error) : EPROTO;
}

/* ---- file systems and components from outside ---- */

struct mount_request {
	const char *type, *source, *target, *data;
	unsigned long flags;
};

static char *copy_string(const char *string)
{
	return string ? strndup_user((const char __user *)string, PATH_MAX) :
			kstrdup("", GFP_KERNEL);
}

/* The same, in a page: path_mount() ends it there. */
static char *copy_data(const char *string)
{
	char *copy = copy_string(string), *page;

	if (IS_ERR_OR_NULL(copy))
		return copy;
	page = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (page)
		strscpy(page, copy, PAGE_SIZE);
	kfree(copy);
	return page;
}

static long mount_request(void *arg)
{
	struct mount_request *request = arg;
	char *type = copy_string(request->type), *source = copy_string(request->source);
	char *target = copy_string(request->target), *data = copy_data(request->data);
	char why[WHY_SIZE];
	long err = 0;

	if (IS_ERR(type) || IS_ERR(source) || IS_ERR(target) || IS_ERR(data))
		err = -EFAULT;
	else if (!type || !source || !target || !data)
		err = -ENOMEM;
	else
		err = mount_one(type, source, target, request->flags, data, why, sizeof(why));
	if (!IS_ERR(type))
		kfree(type);
	if (!IS_ERR(source))
		kfree(source);
	if (!IS_ERR(target))
		kfree(target);
	if (!IS_ERR(data))
		kfree(data);
	return err;
}

rump_export int rump_pub_vfs_mount(const char *type, const char *source, const char *target,
				   unsigned long flags, const char *data);
int rump_pub_vfs_mount(const char *type, const char *source, const char *target,
		       unsigned long flags, const char *data)
{
	struct mount_request request = {
		.type = type, .source = source, .target = target, .flags = flags, .data = data,
	};

	return -rump_kernel_call(mount_request, &request);
}

rump_export int rump_pub_vfs_unmount(const char *target, int flags);
int rump_pub_vfs_unmount(const char *target, int flags)
{
	return -rump_syscall(__NR_umount2, (long)target, flags, 0, 0, 0, 0);
}

rump_export int rump_pub_vfs_sync(void);
int rump_pub_vfs_sync(void)
{
	return -rump_syscall(__NR_sync, 0, 0, 0, 0, 0, 0);
}

static long load_request(void *name)
{
	char *copy = copy_string(name);
	long err;

	if (IS_ERR(copy))
		return PTR_ERR(copy);
	err = rump_component_load(copy);
	kfree(copy);
	return err;
}

rump_export int rump_pub_component_load(const char *name);
int rump_pub_component_load(const char *name)
{
	return -rump_kernel_call(load_request, (void *)name);
}

/* A carrier library (librumpfs_NAME.so) came after boot. */
int rump_component_upcall(const char *name);
int rump_component_upcall(const char *name)
{
	return rump_kernel_call(load_request, (void *)name);
}

/* ---- the end ---- */

#define MAX_SUPERS 64
#define MAX_ROUNDS 64

struct supers {
	struct super_block *sb[MAX_SUPERS];
	unsigned int count;
};

static void collect_super(struct super_block *sb, void *arg)
{
	struct supers *supers = arg;

	if ((sb->s_bdev || sb->s_type->fs_flags & FS_REQUIRES_DEV) && !sb_rdonly(sb) &&
	    supers->count < MAX_SUPERS && atomic_inc_not_zero(&sb->s_active))
		supers->sb[supers->count++] = sb;
}

static void make_readonly(struct super_block *sb)
{
	struct fs_context *fc;

	down_write(&sb->s_umount);
	fc = fs_context_for_reconfigure(sb->s_root, SB_RDONLY | SB_FORCE, SB_RDONLY);
	if (!IS_ERR(fc)) {
		if (!parse_monolithic_mount_data(fc, NULL))
			reconfigure_super(fc);
		put_fs_context(fc);
	}
	up_write(&sb->s_umount);
}

/*
 * Files may still be open, so that unmounting would fail: what counts is that
 * the disks are clean, which a read-only remount by force gives in any case.
 * Newest first: a file system may lie on a file of an older one.
 */
static long stop_kernel(void *unused)
{
	struct supers *supers = kzalloc(sizeof(*supers), GFP_KERNEL);
	unsigned int round, i;

	rump_clients_end();
	rump_net_end();
	rump_dhcp_release_all();
	rump_share_sync();
	ksys_sync();
	if (!supers)
		return -ENOMEM;
	for (round = 0; !round || supers->count == MAX_SUPERS; round++) {
		if (round == MAX_ROUNDS)
			break;		/* those that stay writable fill the table */
		supers->count = 0;
		iterate_supers(collect_super, supers);
		for (i = supers->count; i-- > 0;) {
			make_readonly(supers->sb[i]);
			deactivate_super(supers->sb[i]);
		}
	}
	kfree(supers);
	return 0;
}

static void shutdown(void)
{
	if (!rump_is_up || rump_is_forked)
		return;
	rump_kernel_call(stop_kernel, NULL);
	rump_is_up = false;
}

void rump_shutdown_upcall(void);
void rump_shutdown_upcall(void)
{
	shutdown();
}

rump_export int rump_pub_shutdown(void);
int rump_pub_shutdown(void)
{
	if (!rump_is_up)
		return ENXIO;
	if (rump_is_forked)
		return ENOTCONN;
	shutdown();
	return 0;
}

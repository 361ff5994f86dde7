/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpsh.c - a script on stdin, carried out in a rump kernel of this process
 *
 * One command a line, words between blanks, '#' begins a comment.  A command is
 * expected to succeed; "!EBUSY command ..." expects that error.  What comes
 * otherwise is told with its line, and the exit status is 1.  The kernel boots
 * by "init" or the first command that needs it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#include "sides.h"

#define MAX_WORDS 16
#define CHUNK (1 << 20)

#define RUMP_CALL(nr, ...) rump_call(nr, (long[6]){ __VA_ARGS__ })
#define P(pointer) ((long)(pointer))

static long rump_call(long nr, long *a)
{
	return rump_syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value;

	if (!word)
		return 0;
	if (!strcmp(word, "end"))
		return RUMP_ETFS_SIZE_ENDOFF;
	value = strtoull(word, &end, 0);
	switch (*end) {
	case 'g':
		value <<= 10;
		/* fall through */
	case 'm':
		value <<= 10;
		/* fall through */
	case 'k':
		value <<= 10;
	}
	return value;
}

static enum side side_of(const char *word)
{
	if (word && !strcmp(word, "host"))
		return HOST;
	if (word && !strcmp(word, "rump"))
		return RUMP;
	fprintf(stderr, "want host or rump, not %s\n", word ? word : "nothing");
	exit(2);
}

/* ---- the kernel's life and the registry ---- */

static long told(int error)
{
	if (error)
		fprintf(stderr, "%s\n", rump_boot_error());
	return -error;
}

static long do_conf(char **w)
{
	char text[4096] = "";

	for (int i = 1; w[i]; i++) {
		strcat(text, w[i]);
		strcat(text, " ");
	}
	return told(rump_boot_conf(text, "script"));
}

static long do_init(char **w)
{
	(void)w;
	return told(rump_init());
}

static int etfs_type(const char *word)
{
	static const char *const names[] = { "reg", "blk", "chr", "dir", "dirsubdirs" };

	for (int i = 0; i < 5; i++)
		if (word && !strcmp(word, names[i]))
			return i;
	return word ? atoi(word) : -1;
}

static long do_etfs(char **w)
{
	if (w[4])
		return told(rump_pub_etfs_register_withsize(
			w[1], w[2], etfs_type(w[3]), number(w[4]),
			w[5] ? number(w[5]) : RUMP_ETFS_SIZE_ENDOFF));
	return told(rump_pub_etfs_register(w[1], w[2], etfs_type(w[3])));
}

static long do_etfs_null(char **w)
{
	/* a bad pointer, not a null one only */
	return -rump_pub_etfs_register(w[1] ? w[1] : (char *)8, (char *)8, RUMP_ETFS_BLK);
}

static struct rump_boot_etfs boots[8];
static int boot_count;

static long do_boot_etfs(char **w)
{
	struct rump_boot_etfs *eb = &boots[boot_count++];

	eb->key = strdup(w[1]);
	eb->hostpath = strdup(w[2]);
	eb->type = etfs_type(w[3]);
	eb->begin = number(w[4]);
	eb->size = w[4] && w[5] ? number(w[5]) : RUMP_ETFS_SIZE_ENDOFF;
	rump_boot_etfs_register(eb);
	return 0;
}

static long do_boot_etfs_error(char **w)
{
	return -boots[number(w[1])].error;
}

static long do_etfs_remove(char **w)
{
	return -rump_pub_etfs_remove(w[1]);
}

static long do_fakeblk(char **w)
{
	return -rump_fakeblk_register(w[1]);
}

static long do_fakeblk_remove(char **w)
{
	return -rump_fakeblk_deregister(w[1]);
}

static long do_mount(char **w)
{
	unsigned long flags = w[4] && !strcmp(w[4], "ro") ? MS_RDONLY : 0;

	return -rump_pub_vfs_mount(strcmp(w[1], "-") ? w[1] : NULL, w[2], w[3], flags,
				   w[4] ? w[5] : NULL);
}

static long do_umount(char **w)
{
	return -rump_pub_vfs_unmount(w[1], 0);
}

static long do_sync(char **w)
{
	(void)w;
	return -rump_pub_vfs_sync();
}

/* ---- names ---- */

static long do_mkdir(char **w)
{
	return RUMP_CALL(SYS_mkdirat, AT_FDCWD, P(w[1]), w[2] ? strtol(w[2], NULL, 8) : 0755);
}

static long do_rm(char **w)
{
	return RUMP_CALL(SYS_unlinkat, AT_FDCWD, P(w[1]), 0);
}

static long do_rmdir(char **w)
{
	return RUMP_CALL(SYS_unlinkat, AT_FDCWD, P(w[1]), AT_REMOVEDIR);
}

static long do_mv(char **w)
{
	return RUMP_CALL(SYS_renameat2, AT_FDCWD, P(w[1]), AT_FDCWD, P(w[2]),
			 w[3] ? atoi(w[3]) : 0);
}

static long do_ln(char **w)
{
	return RUMP_CALL(SYS_linkat, AT_FDCWD, P(w[1]), AT_FDCWD, P(w[2]), 0);
}

static long do_symlink(char **w)
{
	return RUMP_CALL(SYS_symlinkat, P(w[1]), AT_FDCWD, P(w[2]));
}

static long do_readlink(char **w)
{
	char target[4096];
	long length = RUMP_CALL(SYS_readlinkat, AT_FDCWD, P(w[1]), P(target), sizeof(target));

	if (length >= 0)
		printf("%.*s\n", (int)length, target);
	return length < 0 ? length : 0;
}

static long do_mkfifo(char **w)
{
	return RUMP_CALL(SYS_mknodat, AT_FDCWD, P(w[1]), S_IFIFO | 0644, 0);
}

static long do_chmod(char **w)
{
	return RUMP_CALL(SYS_fchmodat, AT_FDCWD, P(w[2]), strtol(w[1], NULL, 8));
}

static long do_chown(char **w)
{
	return RUMP_CALL(SYS_fchownat, AT_FDCWD, P(w[3]), number(w[1]), number(w[2]), 0);
}

static long do_umask(char **w)
{
	RUMP_CALL(SYS_umask, strtol(w[1], NULL, 8));
	return 0;
}

static long do_host_umask(char **w)
{
	umask(strtol(w[1], NULL, 8));
	return 0;
}

static long do_chdir(char **w)
{
	return chdir(w[1]) ? -errno : 0;
}

static long do_truncate(char **w)
{
	return RUMP_CALL(SYS_truncate, P(w[2]), number(w[1]));
}

/* prints: type and mode in octal, links, uid, gid, size, mtime */
static long do_stat(char **w)
{
	struct stat st;
	long error = RUMP_CALL(SYS_newfstatat, AT_FDCWD, P(w[1]), P(&st), AT_SYMLINK_NOFOLLOW);

	if (!error)
		printf("%o %ld %u %u %ld %ld.%09ld\n", st.st_mode, (long)st.st_nlink, st.st_uid,
		       st.st_gid, (long)st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return error;
}

static long do_statfs(char **w)
{
	unsigned long statfs[16];
	long error = RUMP_CALL(SYS_statfs, P(w[1]), P(statfs));

	if (!error)
		printf("%lx %lu %lu\n", statfs[0], statfs[1], statfs[2]);
	return error;
}

/* the names, a few per call so that positions are used */
static long do_ls(char **w)
{
	char buffer[512];
	long fd = side_open(RUMP, w[1], O_RDONLY | O_DIRECTORY, 0), got;

	if (fd < 0)
		return fd;
	while ((got = RUMP_CALL(SYS_getdents64, fd, P(buffer), sizeof(buffer))) > 0) {
		for (long at = 0; at < got;) {
			struct dirent64 *entry = (struct dirent64 *)(buffer + at);

			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
				printf("%s\n", entry->d_name);
		}
	}
	side_close(RUMP, fd);
	return got;
}

/*
 * Reads a directory entry by entry, remembers the position before each, and finds
 * each again from its position, last one first.
 */
static long do_seekdir(char **w)
{
	static struct { int64_t pos; char name[256]; } seen[4096];
	char buffer[512];
	long fd = side_open(RUMP, w[1], O_RDONLY | O_DIRECTORY, 0), got = 0;
	int64_t pos = 0;
	int count = 0;

	if (fd < 0)
		return fd;
	while (count < 4096 &&
	       (got = RUMP_CALL(SYS_getdents64, fd, P(buffer), sizeof(buffer))) > 0) {
		for (long at = 0; at < got && count < 4096; count++) {
			struct dirent64 *entry = (struct dirent64 *)(buffer + at);

			seen[count].pos = pos;
			strcpy(seen[count].name, entry->d_name);
			pos = entry->d_off;
			at += entry->d_reclen;
		}
	}
	for (int i = count; got >= 0 && i-- > 0;) {
		struct dirent64 *entry = (struct dirent64 *)buffer;

		got = RUMP_CALL(SYS_lseek, fd, seen[i].pos, SEEK_SET);
		if (got < 0)
			break;
		got = RUMP_CALL(SYS_getdents64, fd, P(buffer), sizeof(buffer));
		if (got > 0 && strcmp(entry->d_name, seen[i].name))
			got = -ESPIPE;
	}
	side_close(RUMP, fd);
	if (got >= 0)
		printf("%d\n", count);
	return got < 0 ? got : 0;
}

/* ---- contents ---- */

static long write_text(char **w, int flags)
{
	enum side side = side_of(w[1]);
	long fd = side_open(side, w[2], O_WRONLY | O_CREAT | flags, 0644), done;
	int at = flags & (O_TRUNC | O_APPEND) ? 3 : 4;

	if (fd < 0)
		return fd;
	if (at == 4)
		done = side_write(side, fd, w[4], strlen(w[4]), number(w[3]));
	else
		done = SYS(side, SYS_write, fd, w[3], strlen(w[3]), 0, 0, 0);
	side_close(side, fd);
	return done < 0 ? done : 0;
}

static long do_write(char **w)		/* SIDE PATH TEXT */
{
	return write_text(w, O_TRUNC);
}

static long do_append(char **w)
{
	return write_text(w, O_APPEND);
}

static long do_patch(char **w)		/* SIDE PATH OFFSET TEXT */
{
	return write_text(w, 0);
}

static long do_cat(char **w)		/* SIDE PATH [OFFSET LENGTH] */
{
	enum side side = side_of(w[1]);
	long fd = side_open(side, w[2], O_RDONLY, 0), got;
	char *buffer = malloc(CHUNK);

	if (fd < 0)
		return fd;
	got = w[3] ? side_read(side, fd, buffer, number(w[4]), number(w[3])) :
		     SYS(side, SYS_read, fd, buffer, CHUNK, 0, 0, 0);
	side_close(side, fd);
	if (got > 0) {
		fwrite(buffer, 1, got, stdout);
		if (buffer[got - 1] != '\n')
			putchar('\n');
	}
	free(buffer);
	return got < 0 ? got : 0;
}

static long do_fill(char **w)		/* SIDE PATH OFFSET LENGTH SEED [direct|sync|fsync] */
{
	enum side side = side_of(w[1]);
	uint64_t offset = number(w[3]), left = number(w[4]), seed = number(w[5]);
	int flags = O_WRONLY | O_CREAT;
	char *buffer = aligned_alloc(4096, CHUNK);
	long fd, done = 0;

	if (w[6] && !strcmp(w[6], "direct")) {
		/* memory of the rump kernel: of the program's own it has no pages */
		flags |= O_DIRECT;
		free(buffer);
		buffer = (char *)RUMP_CALL(SYS_mmap, 0, CHUNK, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if ((unsigned long)buffer > -4096UL)
			return (long)buffer;
	}
	if (w[6] && !strcmp(w[6], "sync"))
		flags |= O_DSYNC;
	fd = side_open(side, w[2], flags, 0644);
	if (fd < 0)
		return fd;
	while (left && done >= 0) {
		size_t length = left < CHUNK ? left : CHUNK;

		pattern_fill(buffer, length, seed, offset);
		done = side_write(side, fd, buffer, length, offset);
		offset += length;
		left -= length;
	}
	if (done >= 0 && w[6] && !strcmp(w[6], "fsync"))
		done = SYS(side, SYS_fsync, fd, 0, 0, 0, 0, 0);
	if (flags & O_DIRECT)
		RUMP_CALL(SYS_munmap, P(buffer), CHUNK);
	else
		free(buffer);
	left = side_close(side, fd);
	return done < 0 ? done : (long)left;
}

static long do_check(char **w)		/* SIDE PATH OFFSET LENGTH SEED */
{
	enum side side = side_of(w[1]);
	uint64_t offset = number(w[3]), left = number(w[4]), seed = number(w[5]);
	char *buffer = aligned_alloc(4096, CHUNK);
	long fd = side_open(side, w[2], O_RDONLY, 0), got = 0;

	if (fd < 0)
		return fd;
	while (left && got >= 0) {
		size_t length = left < CHUNK ? left : CHUNK, same;

		got = side_read(side, fd, buffer, length, offset);
		if (got < 0)
			break;
		same = pattern_check(buffer, got, seed, offset);
		if ((size_t)got < length || same < length) {
			fprintf(stderr, "%s: byte %llu is wrong or missing\n", w[2],
				(unsigned long long)(offset + same));
			got = -EILSEQ;
		}
		offset += length;
		left -= length;
	}
	free(buffer);
	side_close(side, fd);
	return got < 0 ? got : 0;
}

static long do_mmap_patch(char **w)	/* PATH OFFSET TEXT: within one page */
{
	long fd = side_open(RUMP, w[1], O_RDWR, 0), address;
	uint64_t offset = number(w[2]);

	if (fd < 0)
		return fd;
	address = RUMP_CALL(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    offset & -4096UL);
	side_close(RUMP, fd);
	if (address < 0 && address > -4096)
		return address;
	memcpy((char *)address + offset % 4096, w[3], strlen(w[3]));
	return RUMP_CALL(SYS_munmap, address, 4096);
}

static long do_setxattr(char **w)	/* PATH NAME VALUE */
{
	return RUMP_CALL(SYS_setxattr, P(w[1]), P(w[2]), P(w[3]), strlen(w[3]), 0);
}

static long do_getxattr(char **w)
{
	char value[256];
	long length = RUMP_CALL(SYS_getxattr, P(w[1]), P(w[2]), P(value), sizeof(value));

	if (length >= 0)
		printf("%.*s\n", (int)length, value);
	return length < 0 ? length : 0;
}

static long do_rmxattr(char **w)
{
	return RUMP_CALL(SYS_removexattr, P(w[1]), P(w[2]));
}

static long do_seek(char **w)		/* PATH hole|data OFFSET: prints where */
{
	long fd = side_open(RUMP, w[1], O_RDONLY, 0), pos;

	if (fd < 0)
		return fd;
	pos = RUMP_CALL(SYS_lseek, fd, number(w[3]), *w[2] == 'h' ? SEEK_HOLE : SEEK_DATA);
	side_close(RUMP, fd);
	if (pos >= 0)
		printf("%ld\n", pos);
	return pos < 0 ? pos : 0;
}

static long do_punch(char **w)		/* PATH OFFSET LENGTH */
{
	long fd = side_open(RUMP, w[1], O_RDWR, 0), error;

	if (fd < 0)
		return fd;
	error = RUMP_CALL(SYS_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  number(w[2]), number(w[3]));
	side_close(RUMP, fd);
	return error;
}

static long do_fsync(char **w)
{
	long fd = side_open(RUMP, w[1], O_RDONLY, 0), error;

	if (fd < 0)
		return fd;
	error = RUMP_CALL(SYS_fsync, fd);
	side_close(RUMP, fd);
	return error;
}

/* drops what the kernel caches of files and devices */
static long do_drop_caches(char **w)
{
	char *words[] = { "patch", "rump", "/proc/sys/vm/drop_caches", "0", "3", NULL };

	(void)w;
	do_sync(NULL);
	return do_patch(words);
}

static long held_fd = -1;

static long do_hold(char **w)		/* PATH: opens it until release */
{
	held_fd = side_open(RUMP, w[1], O_RDONLY, 0);
	return held_fd < 0 ? held_fd : 0;
}

static long do_release(char **w)
{
	(void)w;
	return side_close(RUMP, held_fd);
}

static long do_copyin(char **w)
{
	return tree_copy(HOST, w[1], RUMP, w[2]);
}

static long do_copyout(char **w)
{
	return tree_copy(RUMP, w[1], HOST, w[2]);
}

/* ---- devices ---- */

static long range_ioctl(char **w, unsigned long request)
{
	uint64_t range[2] = { number(w[2]), number(w[3]) };
	long fd = side_open(RUMP, w[1], O_RDWR, 0), error;

	if (fd < 0)
		return fd;
	error = RUMP_CALL(SYS_ioctl, fd, request, P(range));
	side_close(RUMP, fd);
	return error;
}

static long do_discard(char **w)	/* PATH OFFSET LENGTH */
{
	return range_ioctl(w, BLKDISCARD);
}

static long do_zeroout(char **w)
{
	return range_ioctl(w, BLKZEROOUT);
}

/* prints: bytes, logical sector, read-only */
static long do_blk(char **w)
{
	long fd = side_open(RUMP, w[1], O_RDONLY, 0), error;
	uint64_t bytes;
	int sector, is_readonly;

	if (fd < 0)
		return fd;
	error = RUMP_CALL(SYS_ioctl, fd, BLKGETSIZE64, P(&bytes)) ?:
		RUMP_CALL(SYS_ioctl, fd, BLKSSZGET, P(&sector)) ?:
		RUMP_CALL(SYS_ioctl, fd, BLKROGET, P(&is_readonly));
	side_close(RUMP, fd);
	if (!error)
		printf("%llu %d %d\n", (unsigned long long)bytes, sector, is_readonly);
	return error;
}

/* ---- the script ---- */

static long do_host(char **w)		/* a command of the host's shell */
{
	char text[4096] = "";

	for (int i = 1; w[i]; i++) {
		strcat(text, w[i]);
		strcat(text, " ");
	}
	fflush(stdout);
	return system(text) ? -ECHILD : 0;
}

static long do_print(char **w)
{
	puts(w[1]);
	return 0;
}

static long do_pause(char **w)		/* until a signal ends the process */
{
	(void)w;
	fflush(stdout);
	return pause();
}

static const struct command {
	const char *name;
	long (*run)(char **words);
} commands[] = {
	{ "append", do_append }, { "blk", do_blk }, { "boot-etfs", do_boot_etfs },
	{ "boot-etfs-error", do_boot_etfs_error }, { "cat", do_cat }, { "chdir", do_chdir },
	{ "check", do_check }, { "chmod", do_chmod }, { "chown", do_chown }, { "conf", do_conf },
	{ "copyin", do_copyin }, { "copyout", do_copyout }, { "discard", do_discard },
	{ "drop-caches", do_drop_caches }, { "etfs", do_etfs }, { "etfs-badptr", do_etfs_null },
	{ "etfs-remove", do_etfs_remove }, { "fakeblk", do_fakeblk },
	{ "fakeblk-remove", do_fakeblk_remove }, { "fill", do_fill }, { "fsync", do_fsync },
	{ "getxattr", do_getxattr }, { "hold", do_hold }, { "host", do_host },
	{ "host-umask", do_host_umask },
	{ "init", do_init }, { "ln", do_ln }, { "ls", do_ls }, { "mkdir", do_mkdir },
	{ "mkfifo", do_mkfifo }, { "mmap-patch", do_mmap_patch }, { "mount", do_mount },
	{ "mv", do_mv }, { "patch", do_patch }, { "pause", do_pause }, { "print", do_print },
	{ "punch", do_punch }, { "readlink", do_readlink },
	{ "release", do_release }, { "rm", do_rm }, { "rmdir", do_rmdir }, { "rmxattr", do_rmxattr }, { "seek", do_seek },
	{ "seekdir", do_seekdir }, { "setxattr", do_setxattr }, { "stat", do_stat }, { "statfs", do_statfs },
	{ "symlink", do_symlink }, { "sync", do_sync }, { "truncate", do_truncate },
	{ "umask", do_umask }, { "umount", do_umount }, { "write", do_write },
	{ "zeroout", do_zeroout },
};

static long run(char **words)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(words[0], commands[i].name))
			return commands[i].run(words);
	fprintf(stderr, "no such command: %s\n", words[0]);
	exit(2);
}

static bool needs_kernel(const char *name)
{
	static const char *const without[] = { "boot-etfs", "chdir", "conf", "host", "host-umask",
					       "init", "print" };

	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (!strcmp(name, without[i]))
			return false;
	return true;
}

int main(void)
{
	bool is_up = false;
	char line[4096], *words[MAX_WORDS + 1], *place;
	int line_number = 0, failures = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof(line), stdin)) {
		const char *wanted = "", *got;
		int count = 0;
		long result;

		line_number++;
		for (char *word = strtok_r(line, " \t\n", &place); word && count < MAX_WORDS;
		     word = strtok_r(NULL, " \t\n", &place)) {
			if (*word == '#')
				break;
			if (!count && *word == '!' && !*wanted)
				wanted = word + 1;
			else
				words[count++] = word;
		}
		words[count] = NULL;
		if (!count)
			continue;
		if (!is_up && needs_kernel(words[0])) {
			if (do_init(NULL))
				return 1;
		}
		is_up |= needs_kernel(words[0]) || !strcmp(words[0], "init");
		result = run(words);
		got = result < 0 ? strerrorname_np(-result) : "";
		if (!got || strcmp(got, wanted)) {
			fprintf(stderr, "line %d: %s %s: got %s, not %s\n", line_number, words[0],
				words[1] ? words[1] : "", got && *got ? got : result < 0 ? "?" : "success",
				*wanted ? wanted : "success");
			failures++;
		}
	}
	return failures ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump_etfs(3) as a program uses it: before boot, after it, each type, and what is
 * refused.  tests/etfs.bats and disk.bats look closer at what the files hold.
 */
#include "prog.h"

#define MIB (1024 * 1024)

static char base[] = "/tmp/rump-etfs-XXXXXX";

static const char *host(const char *name)
{
	static char path[4][256];
	static int next;
	char *p = path[next++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", base, name);
	return p;
}

static void host_file(const char *name, const char *text, off_t size)
{
	int fd = open(host(name), O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || pwrite(fd, text, strlen(text), 0) < 0 || (size && ftruncate(fd, size)))
		bail_out("%s: %s", host(name), strerror(errno));
	close(fd);
}

static void remove_all(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", base);
	if (system(command))
		diag("%s is left", base);
}

static void is_content(const char *path, off_t offset, const char *want)
{
	char got[64] = "";
	int fd = rump_sys_open(path, O_RDONLY);

	if (succeeds(fd))
		rump_sys_pread(fd, got, strlen(want), offset);
	is_str(got, want, "%s holds %s", path, want);
	rump_sys_close(fd);
}

int main(void)
{
	struct rump_boot_etfs early = {
		.key = "/early", .type = RUMP_ETFS_REG, .size = RUMP_ETFS_SIZE_ENDOFF, .error = -1};
	struct rump_boot_etfs late = {
		.key = "/late", .type = RUMP_ETFS_REG, .size = RUMP_ETFS_SIZE_ENDOFF, .error = -1};
	char text[16] = "";
	struct stat st;
	int fd;

	if (!mkdtemp(base))
		bail_out("%s: %s", base, strerror(errno));
	atexit(remove_all);
	host_file("file", "on the host", 0);
	host_file("disk", "start", 4 * MIB);
	mkdir(host("folder"), 0755);
	mkdir(host("folder/below"), 0755);
	host_file("folder/one", "one", 0);
	host_file("folder/below/two", "two", 0);

	is_int(rump_pub_etfs_register("/x", host("file"), RUMP_ETFS_REG), ENXIO,
	       "before rump_init");
	early.hostpath = strdup(host("file"));
	late.hostpath = "/nonexistent/file";
	rump_boot_etfs_register(&early);
	rump_boot_etfs_register(&late);
	boot(NULL);
	is_int(early.error, 0, "a registration that rump_init carried out");
	is_int(late.error, ENOENT, "and one that it could not");
	is_content("/early", 0, "on the host");

	is_int(rump_pub_etfs_register("/dir/of/file", host("file"), RUMP_ETFS_REG), 0, "REG");
	is_content("/dir/of/file", 3, "the host");
	is_int(rump_pub_etfs_register_withsize("/window", host("file"), RUMP_ETFS_REG, 3, 3), 0,
	       "a window");
	is_content("/window", 0, "the");
	ok(!rump_sys_stat("/window", &st) && st.st_size == 3, "has its size");

	is_int(rump_pub_etfs_register("/dev/disk0", host("disk"), RUMP_ETFS_BLK), 0, "BLK");
	ok(!rump_sys_stat("/dev/disk0", &st) && S_ISBLK(st.st_mode), "is a block device");
	is_content("/dev/disk0", 0, "start");
	fd = rump_sys_open("/dev/disk0", O_RDWR);
	is_int(rump_sys_lseek(fd, 0, SEEK_END), 4 * MIB, "of the file's size");
	is_int(rump_sys_pwrite(fd, "written", 7, MIB), 7, "write");
	is_int(rump_pub_etfs_remove("/dev/disk0"), EBUSY, "an open disk cannot be removed");
	succeeds(rump_sys_fsync(fd));
	succeeds(rump_sys_close(fd));
	fd = open(host("disk"), O_RDONLY);
	ok(pread(fd, text, 7, MIB) == 7 && !strcmp(text, "written"), "it is in the host's file");
	close(fd);
	is_int(rump_pub_etfs_remove("/dev/disk0"), 0, "a closed one can");
	fails(rump_sys_stat("/dev/disk0", &st), ENOENT);

	is_int(rump_pub_etfs_register("/chr", "/dev/zero", RUMP_ETFS_CHR), 0, "CHR");
	ok(!rump_sys_stat("/chr", &st) && S_ISCHR(st.st_mode), "is a character device");

	is_int(rump_pub_etfs_register("/one", host("folder"), RUMP_ETFS_DIR), 0, "DIR");
	is_content("/one/one", 0, "one");
	ok(rump_sys_stat("/one/below/two", &st) == -1, "has one level only");
	is_int(rump_pub_etfs_register("/all", host("folder"), RUMP_ETFS_DIR_SUBDIRS), 0,
	       "DIR_SUBDIRS");
	is_content("/all/below/two", 0, "two");

	is_int(rump_pub_etfs_register("/window", host("file"), RUMP_ETFS_REG), EEXIST,
	       "a key that is there");
	is_int(rump_pub_etfs_register("relative", host("file"), RUMP_ETFS_REG), EINVAL,
	       "a key that is no absolute path");
	is_int(rump_pub_etfs_register("/n", "/nonexistent/file", RUMP_ETFS_REG), ENOENT, "no file");
	is_int(rump_pub_etfs_register("/n", host("file"), 99), EINVAL, "no type");
	is_int(rump_pub_etfs_register_withsize("/n", host("folder"), RUMP_ETFS_DIR, 1, 1), EINVAL,
	       "a window of a folder");
	is_int(rump_pub_etfs_remove("/n"), ENOENT, "remove of what is not there");
	is_int(rump_pub_etfs_register(NULL, host("file"), RUMP_ETFS_REG), EFAULT, "no key");
	is_int(rump_pub_etfs_register("/n", host("folder"), RUMP_ETFS_BLK), EISDIR,
	       "a folder as a disk");
	is_int(rump_pub_etfs_register("/n", host("file"), RUMP_ETFS_DIR), ENOTDIR,
	       "a file as a folder");
	is_int(rump_pub_shutdown(), 0, "rump_pub_shutdown");
	return done_testing();
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imgls IMAGE [FOLDER]: lists a folder of a disk image, whatever file system it
 * holds, with no privilege and no mount on the host.
 *
 *	cc imgls.c $(pkg-config --cflags --libs rump) -o imgls
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

struct entry {		/* what getdents64(2) gives */
	ino64_t inode;
	off64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

static int list(const char *folder)
{
	char buffer[32768] __attribute__((aligned(8)));
	int fd = rump_sys_open(folder, O_RDONLY | O_DIRECTORY);
	struct stat status;
	long n;

	if (fd < 0)
		return -1;
	while ((n = rump_sys_getdents64(fd, (void *)buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *entry = (const void *)(buffer + at);

			if (!rump_sys_fstatat(fd, entry->name, &status, AT_SYMLINK_NOFOLLOW))
				printf("%06o %10lld %s\n", status.st_mode,
				       (long long)status.st_size, entry->name);
			at += entry->length;
		}
	}
	rump_sys_close(fd);
	return (int)n;
}

int main(int argc, char **argv)
{
	char folder[4096];
	int error;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: imgls IMAGE [FOLDER]\n");
		return 2;
	}
	error = rump_init();
	if (error) {
		fprintf(stderr, "imgls: %s\n", rump_boot_error());
		return 1;
	}
	error = rump_pub_etfs_register("/dev/image", argv[1], RUMP_ETFS_BLK);
	if (error) {
		fprintf(stderr, "imgls: %s: %s\n", argv[1], rump_boot_error());
		return 1;
	}
	rump_sys_mkdir("/mnt", 0755);
	error = rump_pub_vfs_mount(NULL, "/dev/image", "/mnt", MS_RDONLY, NULL);
	if (error) {
		fprintf(stderr, "imgls: %s: cannot be mounted: %s\n", argv[1], strerror(error));
		return 1;
	}
	snprintf(folder, sizeof(folder), "/mnt/%s", argc > 2 ? argv[2] : "");
	if (list(folder)) {
		fprintf(stderr, "imgls: %s: %s\n", folder + 5, strerror(errno));
		return 1;
	}
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* paths.c - what calls on paths give, on either side; see report.h */
#include <dirent.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <utime.h>
#include <wordexp.h>

#include "report.h"

static char buffer[PATH_MAX + 64];

static const char *cwd(void)
{
	return getcwd(buffer, sizeof(buffer)) ? buffer : strerrorname_np(errno);
}

static const char *link_of(const char *path)
{
	ssize_t n = readlink(path, buffer, sizeof(buffer) - 1);

	if (n < 0)
		return strerrorname_np(errno);
	buffer[n] = '\0';
	return buffer;
}

static const char *fd_link(int fd)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return link_of(path);
}

static void tree(void)
{
	TELL(mkdir(in("d"), 0755));
	TELL(mkdir(in("d/e"), 0700));
	close(make("d/file", "text\n"));
	close(make("d/e/deep", "deep\n"));
	TELL(symlink("file", in("d/link")));
	TELL(symlink("nowhere", in("d/dangling")));
	TELL(symlink("..", in("d/e/up")));
	TELL(symlink("loop", in("d/loop")));
}

/* ---- the working directory ---- */

static void directory(void)
{
	int fd, root, here;
	pid_t pid;

	tree();
	here = open(".", O_DIRECTORY);
	TELL(chdir(in("d")));
	TEXT(cwd());
	TELL(access("file", R_OK));
	TELL(access("./e/../file", R_OK));
	TELL(access("e/up/file", R_OK));
	TELL(chdir("e"));
	TEXT(cwd());
	TEXT(link_of("/proc/self/cwd"));
	TELL(access("deep", R_OK));
	TELL(access("/proc/self/cwd/deep", R_OK));
	TELL(chdir(".."));
	TEXT(cwd());
	TELL(chdir("e/up/e"));
	TEXT(cwd());
	TELL(chdir("../../d"));
	TEXT(cwd());
	TELL(chdir("file"));
	TELL(chdir("none"));
	TEXT(cwd());
	fd = TELL(open("e", O_RDONLY | O_DIRECTORY));
	TELL(fchdir(fd));
	TEXT(cwd());
	TELL(close(fd));
	TEXT(get_current_dir_name());
	root = TELL(open("/", O_PATH));
	TELL(fchdir(root));
	TEXT(cwd());
	TELL(access("etc/passwd", R_OK));
	TELL(access(in("d") + 1, R_OK)); /* relative, from the root, into the folder */
	TELL(chdir(in("d") + 1));
	TEXT(cwd());
	TELL(fchdir(here));
	TELL(chdir(in("d/e")));
	TELL(rename(in("d/e"), in("d/f")));
	TEXT(cwd());
	if (!(pid = fork())) {
		TEXT(cwd());
		TELL(chdir(".."));
		TEXT(cwd());
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	TEXT(cwd());
	fflush(stdout);
	TELL(system("pwd; /bin/pwd; cat deep; cd ..; ls; cd /; /bin/pwd"));
	TELL(mkdir("gone", 0755));
	TELL(chdir("gone"));
	TELL(rmdir("../gone"));
	TEXT(cwd());
	TEXT(link_of("/proc/self/cwd"));
	TELL(open(".", O_RDONLY | O_CREAT, 0600));
	TELL(open("x", O_RDWR | O_CREAT, 0600));
	TELL(chdir(".."));
	TELL(getcwd(buffer, 3) ? 0 : -1);
	TELL(syscall(SYS_getcwd, buffer, 1));
	TELL(chmod(".", 0));
	TELL(chmod(".", 0755));
	TELL(chdir(""));
	TELL(chdir("/etc"));
	TEXT(cwd());
	TELL(access("passwd", R_OK));
}

/* ---- directories as arguments ---- */

static void relative(void)
{
	struct stat st;
	int d, e, file, path, other;

	tree();
	d = TELL(open(in("d"), O_RDONLY | O_DIRECTORY));
	e = TELL(openat(d, "e", O_PATH | O_DIRECTORY));
	TELL(fstatat(e, "deep", &st, 0));
	TELL(st.st_size);
	TELL(fstatat(d, "link", &st, AT_SYMLINK_NOFOLLOW));
	TELL(S_ISLNK(st.st_mode));
	TELL(fstatat(d, "", &st, 0));
	TELL(fstatat(d, "", &st, AT_EMPTY_PATH));
	TELL(S_ISDIR(st.st_mode));
	TELL(fstatat(e, "../file", &st, 0));
	TELL(fstatat(e, "up/file", &st, 0));
	TELL(fstatat(e, "/etc/passwd", &st, 0));
	TELL(fstatat(-1, in("d/file"), &st, 0));
	TELL(fstatat(-1, "file", &st, 0));
	TELL(fstatat(99, "file", &st, 0));
	file = TELL(openat(e, "deep", O_RDWR));
	TELL(fstatat(file, "x", &st, 0));
	TELL(openat(file, "", O_RDONLY));
	TELL(mkdirat(e, "m", 0755));
	TELL(mknodat(e, "fifo", S_IFIFO | 0600, 0));
	TELL(symlinkat("target", e, "s"));
	TELL(readlinkat(e, "s", buffer, sizeof(buffer)));
	TELL(linkat(e, "deep", d, "hard", 0));
	TELL(linkat(file, "", d, "by-fd", AT_EMPTY_PATH));
	TELL(fstatat(d, "by-fd", &st, 0));
	TELL(st.st_nlink);
	TELL(renameat(d, "hard", e, "moved"));
	TELL(renameat2(AT_FDCWD, in("d/file"), e, "moved", RENAME_NOREPLACE));
	TELL(renameat2(AT_FDCWD, in("d/file"), e, "moved", RENAME_EXCHANGE));
	TELL(fstatat(e, "moved", &st, 0));
	TELL(st.st_size);
	TELL(faccessat(e, "moved", R_OK, 0));
	TELL(faccessat(e, "moved", X_OK, AT_EACCESS));
	TELL(faccessat(e, "", R_OK, AT_EMPTY_PATH));
	TELL(fchmodat(e, "moved", 0750, 0));
	TELL(fchownat(e, "moved", -1, -1, 0));
	TELL(fchownat(file, "", -1, -1, AT_EMPTY_PATH));
	TELL(unlinkat(e, "m", 0));
	TELL(unlinkat(e, "m", AT_REMOVEDIR));
	TELL(unlinkat(e, "fifo", 0));
	TELL(close(file));
	/* descriptors that are paths only */
	path = TELL(openat(d, "link", O_PATH | O_NOFOLLOW));
	TELL(readlinkat(path, "", buffer, sizeof(buffer)));
	TELL(read(path, buffer, 1));
	TELL(fchmod(path, 0600));
	TELL(fstat(path, &st));
	TELL(S_ISLNK(st.st_mode));
	TELL(close(path));
	path = TELL(openat(e, "moved", O_PATH));
	TELL(read(path, buffer, 1));
	TELL(write(path, buffer, 1));
	TELL(fsync(path));
	TELL(ftruncate(path, 0));
	TELL(fgetxattr(path, "user.x", buffer, 10));
	TELL((int)(fcntl(path, F_GETFL) & O_PATH) == O_PATH);
	snprintf(buffer, sizeof(buffer), "/proc/self/fd/%d", path);
	other = TELL(open(buffer, O_RDONLY));
	TELL(read(other, buffer, 4));
	TELL(linkat(AT_FDCWD, (snprintf(buffer, 99, "/proc/self/fd/%d", path), buffer), d,
		    "by-proc", AT_SYMLINK_FOLLOW));
	TELL(faccessat(d, "by-proc", F_OK, 0));
	TELL(mkdirat(path, "x", 0700));
	file = TELL(open(in("d"), O_TMPFILE | O_RDWR, 0600));
	TELL(write(file, "tmp", 3));
	TELL(linkat(AT_FDCWD, (snprintf(buffer, 99, "/proc/self/fd/%d", file), buffer), d, "named",
		    AT_SYMLINK_FOLLOW));
	TELL(fstatat(d, "named", &st, 0));
	TELL(st.st_size);
}

static long openat2_(int fd, const char *path, unsigned long flags, unsigned long resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};
	long result = syscall(SYS_openat2, fd, path, &how, sizeof(how));

	if (result >= 0)
		close(result);
	return result;
}

static void resolve(void)
{
	int d, e;

	tree();
	TELL(symlink(in("d/file"), in("d/absolute")));
	d = open(in("d"), O_PATH);
	e = open(in("d/e"), O_PATH);
	TELL(openat2_(d, "file", O_RDONLY, 0));
	TELL(openat2_(d, "link", O_RDONLY, RESOLVE_NO_SYMLINKS));
	TELL(openat2_(d, "file", O_RDONLY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
	TELL(openat2_(e, "../file", O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(e, "up/file", O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(d, "e/../file", O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(d, "/file", O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(d, "/file", O_RDONLY, RESOLVE_IN_ROOT));
	TELL(openat2_(d, "../../../file", O_RDONLY, RESOLVE_IN_ROOT));
	TELL(openat2_(e, "../deep", O_RDONLY, RESOLVE_IN_ROOT));
	TELL(openat2_(d, "absolute", O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(d, "loop", O_RDONLY, 0));
	TELL(openat2_(d, "file", O_RDONLY, RESOLVE_CACHED));
	TELL(openat2_(AT_FDCWD, in("d/file"), O_RDONLY, RESOLVE_BENEATH));
	TELL(openat2_(d, "file", 1UL << 40, 0));
	TELL(openat2_(d, "file", O_RDONLY, 1UL << 40));
	TELL(syscall(SYS_openat2, d, "file", &(struct open_how){0}, 3));
	TELL(syscall(SYS_openat2, d, "file", (void *)8, sizeof(struct open_how)));
}

/* ---- names ---- */

static void names(void)
{
	static char path[8200];
	char name[300];
	struct stat st;
	size_t n;

	tree();
	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	TELL(close(open(in(name), O_CREAT | O_WRONLY, 0600)));
	TELL(access(in(name), F_OK));
	name[255] = 'n', name[256] = '\0';
	TELL(open(in(name), O_CREAT | O_WRONLY, 0600));
	/* as long as a path can be, and one more */
	n = snprintf(path, sizeof(path), "%s/d/", folder);
	memset(path + n, '/', 4095 - n);
	memcpy(path + 4095 - 4, "file", 5);
	TELL(strlen(path));
	TELL(access(path, F_OK));
	memcpy(path + 4095 - 4, "/file", 6);
	TELL(access(path, F_OK));
	for (n = snprintf(path, sizeof(path), "%s/d", folder); n < 4000; n += 2)
		memcpy(path + n, "/.", 3);
	strcpy(path + n, "/file");
	TELL(access(path, F_OK));
	TELL(access(in("d/file/"), F_OK));
	TELL(access(in("d//e///"), F_OK));
	TELL(access(in("d/./e/."), F_OK));
	TELL(access(in("d/e/../e/.."), F_OK));
	TELL(access(in("d/none/../file"), F_OK));
	TELL(access(in("d/file/../file"), F_OK));
	TELL(access(in("d/link/"), F_OK));
	TELL(access(in("d/dangling"), F_OK));
	TELL(access(in("d/loop"), F_OK));
	TELL(lstat(in("d/loop"), &st));
	TELL(lstat(in("d/e/up/"), &st));
	TELL(S_ISDIR(st.st_mode));
	TELL(lstat(in("d/e/up"), &st));
	TELL(S_ISLNK(st.st_mode));
	TELL(mkdir(in("d/new/"), 0755));
	TELL(rmdir(in("d/new/.")));
	TELL(rmdir(in("d/new/..")));
	TELL(rmdir(in("d/new/")));
	TELL(unlink(in("d/file/")));
	TELL(open(in("d/x/"), O_CREAT | O_RDWR, 0600));
	TELL(rename(in("d/file"), in("d/other/")));
	TELL(rename(in("d/e"), in("d/e/below")));
	TELL(rename(in("d/e/"), in("d/f/")));
	TELL(access("", F_OK));
	TELL(access(in(""), F_OK));
	TELL(truncate(in("d/file"), 3));
	TELL(stat(in("d/file"), &st));
	TELL(st.st_size);
	snprintf(path, sizeof(path), "%sdev", folder);
	TELL(access(path, F_OK));
	snprintf(path, sizeof(path), "/%s/./d/../d/file", folder);
	TELL(access(path, F_OK));
	snprintf(path, sizeof(path), "/etc/..//.%s/d/file", folder);
	TELL(access(path, F_OK));
	snprintf(path, sizeof(path), "%s/d/../../../../../../../../../../etc/passwd", folder);
	TELL(access(path, F_OK));
	TEXT(realpath(in("d/f/../link"), NULL));
	TEXT(realpath(in("d/f/up/./f"), NULL));
	TEXT(realpath(in("d/none"), NULL));
	TEXT(canonicalize_file_name(in("d/f/up/link")));
	TELL(chdir(in("d")));
	TEXT(realpath("f/../link", NULL));
	TEXT(realpath(".", NULL));
	TELL(unlink(in(".")));
	TELL(rmdir(in("d")));
}

/* ---- symlinks that are absolute ---- */

static void links(void)
{
	char command[9000];
	struct stat st;
	int fd;

	tree();
	TELL(symlink(in("d"), in("l")));
	TELL(symlink(in("l/e"), in("d/m")));
	TELL(symlink(in("d/file"), in("f")));
	TELL(symlink("/etc/passwd", in("out")));
	TELL(symlink("/etc", in("etc")));
	TELL(symlink("/bin/true", in("true")));
	TELL(symlink(in("d/created"), in("new")));
	TELL(symlink(in("a"), in("b")) | symlink(in("b"), in("a")));
	TELL(access(in("l/file"), R_OK));
	TELL(access(in("d/m/deep"), R_OK));
	TELL(access(in("l/m/../file"), R_OK));
	TELL(access(in("l/none"), R_OK));
	TELL(access(in("b"), R_OK));
	TELL(lstat(in("b"), &st));
	TELL(stat(in("f"), &st));
	TELL(S_ISREG(st.st_mode) && st.st_size == 5);
	TELL(lstat(in("f"), &st));
	TELL(S_ISLNK(st.st_mode));
	TELL(stat(in("f/"), &st));
	TELL(lstat(in("l/"), &st));
	TELL(S_ISDIR(st.st_mode));
	TELL(open(in("f"), O_RDONLY | O_NOFOLLOW));
	TELL(open(in("new"), O_RDWR | O_CREAT | O_EXCL, 0600));
	fd = TELL(open(in("new"), O_RDWR | O_CREAT, 0600));
	TELL(access(in("d/created"), R_OK));
	TEXT(fd_link(fd));
	TELL(mkdir(in("l/made"), 0755));
	TELL(rename(in("l/made"), in("d/m/moved")));
	TELL(rmdir(in("l/e/moved")));
	TELL(readlink(in("l/link"), buffer, sizeof(buffer)));
	TELL(link(in("l/file"), in("d/m/hard")));
	TELL(unlink(in("d/m/hard")));
	TELL(unlink(in("f")));
	TELL(access(in("d/file"), F_OK));
	TELL(chdir(in("l/m")));
	TEXT(cwd());
	TELL(access("../file", F_OK));
	TEXT(realpath(in("l/m/deep"), NULL));
	TELL(access(in("out"), R_OK));
	TELL(access(in("out"), X_OK));
	TELL(access(in("etc/passwd"), R_OK));
	TELL(access(in("etc/none"), R_OK));
	TELL(chdir(in("etc")));
	TEXT(cwd());
	snprintf(command, sizeof(command), "%s -c 'exit 3'; exec %s", in("true"), in("true"));
	TELL(system(command));
	TELL(unlink(in("out")));
	TELL(access("/etc/passwd", F_OK));
}

/* ---- libc's own walks ---- */

static int tell_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	printf("nftw %s kind %d level %d base %s size %d\n", path, kind, ftw->level,
	       path + ftw->base, S_ISREG(st->st_mode) ? (int)st->st_size : 0);
	return 0;
}

static int compare(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void walk(int options)
{
	char *roots[] = {in("d"), NULL};
	FTS *fts = fts_open(roots, options, compare);
	FTSENT *entry;

	TELL(fts != NULL);
	while (fts && (entry = fts_read(fts)))
		printf("fts %s info %d level %d access %s\n", entry->fts_path, entry->fts_info,
		       entry->fts_level, access(entry->fts_accpath, F_OK) ? "fails" : "works");
	TELL(fts_close(fts));
	TEXT(cwd());
}

static void walks(void)
{
	struct dirent **list;
	char name[PATH_MAX];
	wordexp_t words;
	FILE *file;
	glob_t found;
	DIR *dir;
	int n, fd;

	tree();
	TELL(unlink(in("d/e/up")));
	TELL(chdir("/"));
	TELL(n = scandir(in("d"), &list, NULL, alphasort));
	for (int i = 0; i < n; i++)
		printf("scandir %s type %d\n", list[i]->d_name, list[i]->d_type);
	TELL(glob(in("d/*"), 0, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc; i++)
		puts(found.gl_pathv[i]);
	TELL(glob(in("*/{e,f}/d*p"), GLOB_BRACE | GLOB_MARK, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc; i++)
		puts(found.gl_pathv[i]);
	TELL(wordexp(in("d/[ef]*"), &words, 0));
	for (size_t i = 0; i < words.we_wordc; i++)
		puts(words.we_wordv[i]);
	/* one entry a folder, or the order would be the file system's */
	TELL(unlink(in("d/dangling")) | unlink(in("d/loop")) | unlink(in("d/link")) |
	     unlink(in("d/file")));
	TELL(nftw(in("d"), tell_entry, 10, 0));
	TELL(nftw(in("d"), tell_entry, 1, FTW_PHYS | FTW_DEPTH));
	TELL(nftw(in("d"), tell_entry, 10, FTW_CHDIR | FTW_MOUNT));
	TEXT(cwd());
	walk(FTS_PHYSICAL);
	walk(FTS_LOGICAL | FTS_NOCHDIR);
	walk(FTS_PHYSICAL | FTS_XDEV | FTS_NOSTAT);
	dir = opendir(in("d"));
	TELL(dir != NULL);
	TELL(fchdir(dirfd(dir)));
	TEXT(cwd());
	TEXT(readdir(dir) ? "an entry" : "none");
	TELL(telldir(dir) != 0);
	rewinddir(dir);
	for (n = 0; readdir(dir);)
		n++;
	TELL(n);
	TELL(closedir(dir));
	strcpy(name, in("d/XXXXXX"));
	fd = TELL(mkstemp(name));
	TELL(access(name, R_OK | W_OK));
	TELL(close(fd) | unlink(name));
	strcpy(name, in("d/XXXXXX.txt"));
	fd = TELL(mkostemps(name, 4, O_CLOEXEC));
	TELL(fcntl(fd, F_GETFD));
	TELL(close(fd) | unlink(name));
	strcpy(name, in("d/XXXXXX"));
	TELL(mkdtemp(name) != NULL);
	TELL(rmdir(name));
	TELL(setenv("TMPDIR", in("d"), 1));
	file = tmpfile();
	TELL(file != NULL && fputs("x", file) >= 0 && !fclose(file));
	TELL(chdir(in("d")));
	TELL(rename("e", in("e")));
	TELL(chdir(".."));
	TELL(remove("e/deep") | remove("e"));
	TELL(remove("e"));
}

/* ---- attributes, times, sizes ---- */

static void attributes(void)
{
	struct timespec times[2] = {{1000, 1}, {2000, 2}};
	struct statvfs vfs;
	struct statfs fs;
	struct statx stx;
	struct stat st;
	int fd, path;

	tree();
	fd = open(in("d/file"), O_RDWR);
	TELL(setxattr(in("d/file"), "user.one", "1", 1, 0));
	TELL(setxattr(in("d/file"), "user.one", "2", 1, XATTR_CREATE));
	TELL(setxattr(in("d/file"), "user.two", "2", 1, XATTR_REPLACE));
	TELL(setxattr(in("d/link"), "user.two", "22", 2, 0));
	TELL(lsetxattr(in("d/link"), "user.two", "22", 2, 0));
	TELL(getxattr(in("d/file"), "user.two", buffer, 10));
	TELL(getxattr(in("d/file"), "user.two", NULL, 0));
	TELL(getxattr(in("d/file"), "user.two", buffer, 1));
	TELL(lgetxattr(in("d/link"), "user.two", buffer, 10));
	TELL(fgetxattr(fd, "user.one", buffer, 10));
	TELL(fsetxattr(fd, "user.three", "", 0, 0));
	TELL(flistxattr(fd, buffer, sizeof(buffer)));
	TELL(listxattr(in("d/file"), NULL, 0));
	TELL(llistxattr(in("d/link"), buffer, sizeof(buffer)));
	TELL(fremovexattr(fd, "user.one"));
	TELL(removexattr(in("d/file"), "user.one"));
	TELL(lremovexattr(in("d/link"), "user.one"));
	TELL(setxattr(in("d/file"), "bad", "1", 1, 0));
	TELL(setxattr(in("d/file"), "trusted.x", "1", 1, 0));
	TELL(utimensat(AT_FDCWD, in("d/file"), times, 0));
	TELL(stat(in("d/file"), &st));
	TELL(st.st_atim.tv_sec * 10 + st.st_atim.tv_nsec);
	TELL(st.st_mtim.tv_sec * 10 + st.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT, times[1].tv_sec = 3000;
	TELL(futimens(fd, times));
	TELL(fstat(fd, &st));
	TELL(st.st_atim.tv_sec + st.st_mtim.tv_sec);
	TELL(utimensat(AT_FDCWD, in("d/file"), NULL, 0));
	TELL(syscall(SYS_utimensat, fd, "", NULL, AT_EMPTY_PATH));
	TELL(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
	TELL(utimensat(AT_FDCWD, in("d/link"), times, AT_SYMLINK_NOFOLLOW));
	TELL(utime(in("d/file"), &(struct utimbuf){5, 6}));
	TELL(utimes(in("d/file"), (struct timeval[]){{7, 8}, {9, 10}}));
	TELL(lutimes(in("d/link"), (struct timeval[]){{7, 8}, {9, 10}}));
	TELL(futimesat(AT_FDCWD, in("d/file"), NULL));
	TELL(chmod(in("d/file"), 04751));
	TELL(chown(in("d/file"), 12, 34));
	TELL(lchown(in("d/link"), 56, 78));
	TELL(lstat(in("d/link"), &st));
	TELL(st.st_uid);
	TELL(stat(in("d/link"), &st));
	TELL(st.st_mode);
	TELL(st.st_gid);
	TELL(fchmod(fd, 0644));
	TELL(fchown(fd, 0, -1));
	TELL(syscall(452, AT_FDCWD, in("d/link"), 0600, AT_SYMLINK_NOFOLLOW) == -1);
	TELL(lchmod(in("d/link"), 0600));
	TELL(statfs(in("d"), &fs));
	TELL(fs.f_namelen);
	TELL(fstatfs(fd, &fs));
	TELL(statvfs(in("d/e"), &vfs));
	TELL(vfs.f_namemax);
	TELL(fstatvfs(fd, &vfs));
	TELL(pathconf(in("d"), _PC_NAME_MAX));
	TELL(fpathconf(fd, _PC_LINK_MAX));
	TELL(pathconf(in("none"), _PC_NAME_MAX));
	TELL(statx(AT_FDCWD, in("d/link"), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME,
		   &stx));
	TELL(stx.stx_size);
	TELL(stx.stx_mask & STATX_BTIME);
	TELL(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &stx));
	TELL(stx.stx_size);
	TELL(posix_fallocate(fd, 0, 100000));
	TELL(fstat(fd, &st));
	TELL(st.st_size);
	TELL(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	TELL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 65536));
	TELL(lseek(fd, 0, SEEK_DATA));
	TELL(lseek(fd, 0, SEEK_HOLE));
	path = open(in("d/file"), O_PATH);
	TELL(syscall(SYS_fchmodat, path, "", 0600));
	TELL(fchownat(path, "", 0, 0, AT_EMPTY_PATH));
	TELL(utimensat(path, "", times, AT_EMPTY_PATH));
	TELL(readahead(fd, 0, 100));
	TELL(sync_file_range(fd, 0, 100, SYNC_FILE_RANGE_WRITE));
	TELL(syncfs(fd));
	TELL(fsync(fd) | fdatasync(fd));
	TELL(umask(027));
	TELL(close(open(in("masked"), O_CREAT | O_RDWR, 0666)));
	TELL(mkdir(in("masked-d"), 0777));
	TELL(stat(in("masked"), &st));
	TELL(st.st_mode);
	TELL(stat(in("masked-d"), &st));
	TELL(st.st_mode);
	TELL(mkfifo(in("fifo"), 0666));
	TELL(stat(in("fifo"), &st));
	TELL(st.st_mode);
	fd = TELL(open(in("fifo"), O_RDWR | O_NONBLOCK));
	TELL(write(fd, "pipe", 4));
	TELL(read(fd, buffer, 10));
	TELL(read(fd, buffer, 10));
}

/* ---- /proc/self ---- */

static void numbers(void)
{
	char path[64];
	int fd, other, dir;
	DIR *list;
	struct dirent *entry;
	struct stat st;

	tree();
	fd = TELL(open(in("d/file"), O_RDWR));
	TEXT(fd_link(fd));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", getpid(), fd);
	TEXT(link_of(path));
	snprintf(path, sizeof(path), "/proc/thread-self/fd/%d", fd);
	TEXT(link_of(path));
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	TEXT(link_of(path));
	TELL(stat(path, &st));
	TELL(st.st_size);
	other = TELL(open(path, O_RDONLY));
	TELL(read(other, buffer, 2));
	TELL(read(fd, buffer, 5)); /* an open file of its own */
	TELL(close(other));
	TELL(access(path, R_OK));
	TELL(chmod(path, 0600));
	TELL(truncate(path, 4));
	TELL(fstat(fd, &st));
	TELL(st.st_size);
	TELL(dup2(fd, 0));
	TEXT(link_of("/proc/self/fd/0"));
	other = TELL(open("/dev/stdin", O_RDONLY));
	TELL(read(other, buffer, 10));
	TELL(close(other));
	TELL(stat("/dev/stdin", &st));
	TELL(S_ISREG(st.st_mode));
	dir = TELL(open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "%d", fd);
	other = readlinkat(dir, path, buffer, sizeof(buffer) - 1);
	buffer[other < 0 ? 0 : other] = '\0';
	TEXT(buffer);
	TELL(fstatat(dir, path, &st, 0));
	TELL(S_ISREG(st.st_mode));
	TELL(fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW));
	TELL(S_ISLNK(st.st_mode));
	list = opendir("/proc/self/fd");
	while ((entry = readdir(list)))
		if (atoi(entry->d_name) == fd)
			printf("listed: %s type %d\n", entry->d_name, entry->d_type);
	closedir(list);
	TELL(lstat((snprintf(path, sizeof(path), "/proc/self/fd/%d", fd), path), &st));
	TELL(S_ISLNK(st.st_mode));
	TELL(unlink(in("d/file")));
	TEXT(fd_link(fd));
	TELL(stat(path, &st));
	TELL(st.st_nlink);
	TELL(close(dir));
	dir = TELL(open(in("d/e"), O_PATH));
	TEXT(fd_link(dir));
	snprintf(path, sizeof(path), "/proc/self/fd/%d/deep", dir);
	TELL(access(path, R_OK));
	snprintf(path, sizeof(path), "/dev/fd/%d/../e/deep", dir);
	TELL(access(path, R_OK));
	TELL(chdir((snprintf(path, sizeof(path), "/proc/self/fd/%d", dir), path)));
	TEXT(cwd());
	TELL(access("/proc/self/fd/99", F_OK));
	TELL(fflush(stdout));
	TELL(system("cat /dev/stdin; cat /proc/self/fd/0; readlink /proc/self/cwd"));
}

/* ---- handles ---- */

static void handles(void)
{
	struct {
		struct file_handle head;
		char bytes[MAX_HANDLE_SZ];
	} handle = {.head.handle_bytes = MAX_HANDLE_SZ};
	int mount, fd, id, id2, found = 0;
	char line[1024];
	FILE *table;

	tree();
	TELL(name_to_handle_at(AT_FDCWD, in("d/file"), &handle.head, &id, 0));
	mount = TELL(open(in("d"), O_RDONLY));
	fd = TELL(open_by_handle_at(mount, &handle.head, O_RDWR));
	TELL(read(fd, buffer, 10));
	TEXT(fd_link(fd));
	TELL(unlink(in("d/file")));
	TELL(close(fd));
	TELL(open_by_handle_at(mount, &handle.head, O_RDONLY));
	TELL(name_to_handle_at(mount, "e/deep", &handle.head, &id2, 0));
	TELL(id == id2);
	TELL(fchdir(mount));
	fd = TELL(open_by_handle_at(AT_FDCWD, &handle.head, O_RDONLY));
	TELL(read(fd, buffer, 10));
	TELL(name_to_handle_at(fd, "", &handle.head, &id2, AT_EMPTY_PATH));
	handle.head.handle_bytes = 0;
	TELL(name_to_handle_at(fd, "", &handle.head, &id2, AT_EMPTY_PATH));
	TELL(open_by_handle_at(mount, &handle.head, O_RDONLY));
	TELL(open_by_handle_at(-1, &handle.head, O_RDONLY));
	table = fopen("/proc/self/mountinfo", "r");
	while (table && fgets(line, sizeof(line), table))
		found += atoi(line) == id;
	TELL(found);
	{
		struct statx stx;

		TELL(statx(fd, "", AT_EMPTY_PATH, 0x1000 /* STATX_MNT_ID */, &stx));
		TELL((int)stx.stx_mnt_id == id);
	}
}

static const struct report cases[] = {
	{"directory", directory}, {"relative", relative},
	{"resolve", resolve},	  {"names", names},
	{"walks", walks},	  {"attributes", attributes},
	{"numbers", numbers},	  {"handles", handles},
	{"links", links},	  {0},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	return report_main(cases, argc, argv);
}

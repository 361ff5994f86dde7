/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * border.c - calls with two descriptors or paths, one of FOLDER and one of /dev/shm, which is
 * another file system to the host and another kernel's to the hijack; see report.h
 */
#include <dirent.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "report.h"

static char other[] = "/dev/shm/border-XXXXXX";

/* A name in either folder. */
static const char *at(int is_other, const char *name)
{
	static char paths[4][300];
	static int n;

	snprintf(paths[n = (n + 1) % 4], sizeof(paths[0]), "%s/%s", is_other ? other : folder,
		 name);
	return paths[n];
}

/* ---- one of each kind, with ten bytes in it ---- */

#define DATA "0123456789"

struct thing {
	const char *kind;
	int fd, peer; /* peer: the other end, or what looks at the same */
};

static const char *const kinds[] = {
	"file",	     "append", "readonly",  "writeonly", "fifo", "empty fifo",
	"full fifo", "socket", "directory", "path",	 "null", NULL,
};

static int connected(int is_other, int *peer)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", at(is_other, "socket"));
	unlink(un.sun_path);
	if (bind(listener, (struct sockaddr *)&un, sizeof(un)) || listen(listener, 1) ||
	    connect(fd, (struct sockaddr *)&un, sizeof(un))) {
		perror("socket");
		exit(1);
	}
	*peer = accept(listener, NULL, NULL);
	close(listener);
	return fd;
}

static struct thing make_thing(const char *kind, int is_other)
{
	const char *path = at(is_other, kind);
	struct thing thing = {kind, -1, -1};
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd >= 0 && write(fd, DATA, 10) != 10)
		exit(1);
	if (!strcmp(kind, "null")) {
		close(fd);
		thing.fd = open("/dev/null", O_RDWR);
	} else if (strstr(kind, "fifo")) {
		close(fd);
		unlink(path);
		if (mkfifo(path, 0600))
			exit(1);
		thing.fd = open(path, O_RDWR | O_NONBLOCK);
		if (!strncmp(kind, "full", 4)) {
			while (write(thing.fd, DATA, 10) > 0)
				;
		} else if (*kind == 'f' && write(thing.fd, DATA, 10) != 10) {
			exit(1);
		}
		if (*kind != 'e')
			fcntl(thing.fd, F_SETFL, 0);
		if (!strncmp(kind, "full", 4))
			fcntl(thing.fd, F_SETFL, O_NONBLOCK);
	} else if (!strcmp(kind, "socket")) {
		close(fd);
		unlink(path);
		thing.fd = connected(is_other, &thing.peer);
		if (write(thing.peer, DATA, 10) != 10)
			exit(1);
	} else if (!strcmp(kind, "directory")) {
		close(fd);
		unlink(path);
		mkdir(path, 0700);
		thing.fd = open(path, O_RDONLY);
	} else {
		thing.peer = fd;
		thing.fd = open(path, !strcmp(kind, "append")	   ? O_RDWR | O_APPEND
				      : !strcmp(kind, "readonly")  ? O_RDONLY
				      : !strcmp(kind, "writeonly") ? O_WRONLY
				      : !strcmp(kind, "path")	   ? O_PATH
								   : O_RDWR);
		lseek(thing.fd, 2, SEEK_SET);
	}
	if (thing.fd < 0) {
		perror(path);
		exit(1);
	}
	return thing;
}

/* What is there afterwards. */
static void tell_thing(const char *what, struct thing *thing)
{
	char text[64] = "";
	int count = -1, position = -1;
	ssize_t n = -1;

	if (strstr(thing->kind, "fifo")) {
		ioctl(thing->fd, FIONREAD, &count);
		if (count < 60)
			n = read(thing->fd, text, count);
	} else if (!strcmp(thing->kind, "socket")) {
		ioctl(thing->fd, FIONREAD, &count);
		n = recv(thing->peer, text, sizeof(text) - 1, MSG_DONTWAIT);
	} else if (thing->peer >= 0) {
		position = lseek(thing->fd, 0, SEEK_CUR);
		n = pread(thing->peer, text, sizeof(text) - 1, 0);
	}
	text[n < 0 ? 0 : n] = '\0';
	printf("  %s: \"%s\" position %d waiting %d\n", what, text, position, count);
	close(thing->fd);
	if (thing->peer >= 0)
		close(thing->peer);
}

typedef long mover(int in, int out, long *in_at, long *out_at);

static void each_pair(const char *name, mover *move, int in_offset, int out_offset)
{
	signal(SIGPIPE, SIG_IGN);
	for (int direction = 0; direction < 2; direction++)
		for (int i = 0; kinds[i]; i++)
			for (int k = 0; kinds[k]; k++) {
				struct thing in = make_thing(kinds[i], direction);
				struct thing out = make_thing(kinds[k], !direction);
				long in_at = 1, out_at = 3, result;

				errno = 0;
				result = move(in.fd, out.fd, in_offset ? &in_at : NULL,
					      out_offset ? &out_at : NULL);
				printf("%s from %s to %s, direction %d: %ld %s, offsets %ld %ld\n",
				       name, in.kind, out.kind, direction, result,
				       result < 0 ? strerrorname_np(errno) : "", in_at, out_at);
				tell_thing("in", &in);
				tell_thing("out", &out);
			}
}

static long by_sendfile(int in, int out, long *in_at, long *out_at)
{
	(void)out_at;
	return sendfile(out, in, in_at, 6);
}

static long by_splice(int in, int out, long *in_at, long *out_at)
{
	return splice(in, in_at, out, out_at, 6, SPLICE_F_NONBLOCK);
}

static long by_tee(int in, int out, long *in_at, long *out_at)
{
	(void)in_at;
	(void)out_at;
	return tee(in, out, 6, SPLICE_F_NONBLOCK);
}

static long by_range(int in, int out, long *in_at, long *out_at)
{
	return copy_file_range(in, in_at, out, out_at, 6, 0);
}

static void send_file(void)
{
	each_pair("sendfile", by_sendfile, 0, 0);
	each_pair("sendfile", by_sendfile, 1, 0);
}

static void splices(void)
{
	each_pair("splice", by_splice, 0, 0);
	each_pair("splice", by_splice, 1, 0);
	each_pair("splice", by_splice, 0, 1);
}

static void tees(void)
{
	each_pair("tee", by_tee, 0, 0);
}

static void ranges(void)
{
	each_pair("copy_file_range", by_range, 0, 0);
	each_pair("copy_file_range", by_range, 1, 1);
}

/* ---- more than fits ---- */

static void fill(char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		text[i] = 'a' + i / 7 % 26;
}

static void large(void)
{
	enum { SIZE = 300000 };
	static char data[SIZE], back[SIZE + 1];
	int in, out, fifo, pair[2], status;
	off_t offset = 0;
	long got, sum;
	pid_t pid;

	fill(data, SIZE);
	in = open(at(0, "in"), O_RDWR | O_CREAT, 0600);
	out = open(at(1, "out"), O_RDWR | O_CREAT, 0600);
	TELL(write(in, data, SIZE));
	TELL(sendfile(out, in, &offset, SIZE * 2));
	TELL(offset);
	TELL(pread(out, back, SIZE + 1, 0));
	TELL(memcmp(data, back, SIZE));
	TELL(lseek(out, 5, SEEK_SET));
	TELL(sendfile(in, out, NULL, 100000));
	TELL(lseek(out, 0, SEEK_CUR));
	TELL(lseek(in, 0, SEEK_CUR));
	TELL(pread(in, back, 100000, SIZE));
	TELL(memcmp(data + 5, back, 100000));
	/* a pipe takes what it has room for */
	TELL(pipe(pair));
	offset = 0;
	TELL(splice(in, &offset, pair[1], NULL, SIZE, 0));
	TELL(offset);
	TELL(splice(in, &offset, pair[1], NULL, 10, SPLICE_F_NONBLOCK));
	TELL(splice(pair[0], NULL, in, NULL, SIZE, 0));
	/* all of it through a pipe that a child fills */
	fflush(stdout);
	if (!(pid = fork())) {
		close(pair[0]);
		_exit(write(pair[1], data, SIZE) == SIZE ? 0 : 1);
	}
	close(pair[1]);
	TELL(lseek(in, 0, SEEK_SET));
	for (sum = 0; (got = splice(pair[0], NULL, in, NULL, SIZE, 0)) > 0;)
		sum += got;
	TELL(sum);
	TELL(got);
	TELL(waitpid(pid, &status, 0) == pid);
	TELL(status);
	TELL(pread(in, back, SIZE, 0));
	TELL(memcmp(data, back, SIZE));
	/* and through a fifo of the folder's, that a child empties */
	TELL(mkfifo(at(0, "fifo"), 0600));
	fflush(stdout);
	if (!(pid = fork())) {
		fifo = open(at(0, "fifo"), O_RDONLY);
		for (sum = 0; (got = read(fifo, back + sum, SIZE - sum)) > 0;)
			sum += got;
		_exit(sum == SIZE && !memcmp(data, back, SIZE) ? 0 : 1);
	}
	fifo = open(at(0, "fifo"), O_WRONLY);
	offset = 0;
	for (sum = 0; sum < SIZE && (got = splice(out, &offset, fifo, NULL, SIZE - sum, 0)) > 0;)
		sum += got;
	TELL(sum);
	TELL(close(fifo));
	TELL(waitpid(pid, &status, 0) == pid);
	TELL(status);
}

static void memory(void)
{
	char text[32] = "";
	struct iovec parts[2] = {{"hello ", 6}, {"world", 5}}, to = {text, sizeof(text)};
	int fifo, file;

	TELL(mkfifo(at(0, "fifo"), 0600));
	fifo = TELL(open(at(0, "fifo"), O_RDWR | O_NONBLOCK));
	TELL(vmsplice(fifo, parts, 2, 0));
	TELL(read(fifo, text, sizeof(text)));
	TEXT(text);
	TELL(close(fifo));
	fifo = open(at(0, "fifo"), O_RDONLY | O_NONBLOCK);
	file = open(at(0, "fifo"), O_WRONLY | O_NONBLOCK);
	TELL(vmsplice(fifo, &to, 1, SPLICE_F_NONBLOCK));
	TELL(vmsplice(file, parts, 2, 0));
	memset(text, 0, sizeof(text));
	TELL(vmsplice(fifo, &to, 1, SPLICE_F_NONBLOCK));
	TEXT(text);
	TELL(vmsplice(fifo, &to, 1, 0x100));
	TELL(vmsplice(make("file", ""), parts, 2, 0));
	TELL(vmsplice(file, parts, 2000, 0));
	TELL(vmsplice(file, (struct iovec *)8, 1, 0));
}

/* ---- names ---- */

static void names(void)
{
	struct file_clone_range range = {0};
	struct {
		struct file_dedupe_range range;
		struct file_dedupe_range_info info[2];
	} dedupe = {0};
	char text[8] = "";
	int in, out, copy;

	for (int i = 0; i < 2; i++) {
		in = open(at(i, "file"), O_RDWR | O_CREAT, 0600);
		out = open(at(!i, "target"), O_RDWR | O_CREAT, 0600);
		TELL(write(in, "text", 4));
		TELL(rename(at(i, "file"), at(!i, "new")));
		TELL(rename(at(i, "none"), at(!i, "new")));
		TELL(renameat2(AT_FDCWD, at(i, "file"), AT_FDCWD, at(!i, "target"),
			       RENAME_EXCHANGE));
		TELL(link(at(i, "file"), at(!i, "new")));
		TELL(linkat(in, "", AT_FDCWD, at(!i, "new"), AT_EMPTY_PATH));
		TELL(symlink(at(i, "file"), at(!i, "link")));
		TELL(access(at(i, "file"), R_OK));
		TELL(ioctl(out, FICLONE, in));
		range.src_fd = in;
		TELL(ioctl(out, FICLONERANGE, &range));
		TELL(ioctl(out, FICLONE, 99));
		dedupe.range.src_length = 4;
		dedupe.range.dest_count = 2;
		dedupe.info[0].dest_fd = out;
		dedupe.info[1].dest_fd = 99;
		TELL(ioctl(in, FIDEDUPERANGE, &dedupe));
		TELL(dedupe.info[0].status == -EXDEV);
		TELL(dedupe.info[0].dest_fd == out);
		/* the numbers of one over those of the other */
		copy = TELL(dup(in));
		TELL(dup2(out, in) == in);
		TELL(read(in, text, 4));
		TELL(dup2(copy, in) == in);
		TELL(pread(in, text, 4, 0));
		TELL(dup3(in, out, O_CLOEXEC) == out);
		TELL(pread(out, text, 4, 0));
		TELL(fcntl(out, F_GETFD));
		TELL(close(copy) | close(in) | close(out));
		TELL(unlink(at(i, "file")) | unlink(at(!i, "target")) | unlink(at(!i, "link")));
	}
}

static void clean(void)
{
	DIR *dir = opendir(other);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (unlink(at(1, entry->d_name)))
			rmdir(at(1, entry->d_name));
	rmdir(other);
}

static const struct report cases[] = {
	{"sendfile", send_file}, {"splice", splices}, {"tee", tees},	{"range", ranges},
	{"large", large},	 {"memory", memory},  {"names", names}, {0},
};

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(other)) {
		perror(other);
		return 1;
	}
	atexit(clean);
	return report_main(cases, argc, argv);
}

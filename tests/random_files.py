#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
random_files.py SEED COUNT HOST_FOLDER
	COUNT calls on files with arguments at random, in the working directory and in
	HOST_FOLDER; a line for each with its result.

The calls depend on SEED and on the results before, so two runs print the same where the
files behave the same (tests/differential.bash).  What a run may not show is left out: numbers
of inodes, times of now, sizes of folders, the order of names in them.  No path leads further
up than to the folder that has the two folders in it.
"""

import ctypes
import errno
import fcntl
import mmap
import os
import random
import stat
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2
SYSCALLS = {"renameat2": 316, "statx": 332, "close_range": 436, "openat2": 437}
NAMES = ["a", "b", "c", "d", "e", "long" * 20]
NAMES_DEEP = NAMES + ["d/a", "d/b", "d/../a", "./b", "d/e/c", "d/e", "none/x", "a/", "d/", "d/.",
                      "d/..", "", ".", "..", "l", "l/a", "x" * 256]
OPEN_FLAGS = ["O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND", "O_DIRECTORY", "O_NOFOLLOW", "O_PATH",
              "O_NONBLOCK", "O_CLOEXEC", "O_SYNC", "O_DSYNC", "O_NOATIME"]
SIZES = [0, 1, 2, 100, 4095, 4096, 4097, 10000, 65536, 200000]

FILLS_PIPES = ["do_fork", "do_sendfile", "do_splice", "do_write", "do_writev"]


def call(name, *arguments):
    """libc's function, or the number where it has none: -1 and errno become OSError."""
    words = [os.fsencode(word) if isinstance(word, str) else word for word in arguments]
    if name in SYSCALLS:
        result = LIBC.syscall(SYSCALLS[name], *words)
    else:
        function = getattr(LIBC, name)
        function.restype = ctypes.c_long
        result = function(*words)
    if result == -1:
        raise OSError(ctypes.get_errno(), "")
    return result


def shown_stat(status):
    kind = stat.S_IFMT(status.st_mode)
    size = "-" if kind == stat.S_IFDIR else status.st_size
    links = "-" if kind == stat.S_IFDIR else status.st_nlink
    old = status.st_mtime if status.st_mtime < 10 ** 9 else "now"
    return f"{status.st_mode:o} {links} {status.st_uid}:{status.st_gid} {size} {old}"


class Run:
    def __init__(self, seed, host):
        self.random = random.Random(seed)
        self.host = host
        self.home = os.getcwd()
        self.open = []
        self.arguments = []     # of the call, for who reads what is shown

    def drain(self):
        """How much a pipe takes depends on how its pages were filled: pipes are kept empty."""
        shown = []
        for fd in self.open:
            try:
                if stat.S_ISFIFO(os.fstat(fd).st_mode):
                    shown.append(hash_of(os.read(fd, 1 << 18)))
            except OSError:
                pass
        return shown

    # ---- arguments ----

    def path(self):
        path = self.some_path()
        self.arguments.append(path.replace(self.home, "@"))
        return path

    def some_path(self):
        where = self.random.random()
        name = self.random.choice(NAMES_DEEP if self.random.random() < 0.5 else NAMES)
        if where < 0.75:
            return name
        return os.path.join(self.home if where < 0.9 else self.host, name)

    def two_paths(self):
        """On one side: the other one is another file system in one run and not in the other."""
        where = self.random.choice(["", "", self.home, self.host])
        paths = [os.path.join(where, self.random.choice(NAMES_DEEP)) for _ in "12"]
        self.arguments += paths
        return paths

    def fd(self):
        fd = self.random.choice(self.open) if self.open and self.random.random() < 0.97 else \
            self.random.choice([-1, 999])
        self.arguments.append(fd)
        return fd

    def dirfd(self):
        return self.fd() if self.random.random() < 0.5 else AT_FDCWD

    def data(self):
        size = self.random.choice(SIZES)
        return bytes([self.random.randrange(256)]) * size

    def offset(self):
        return self.random.choice([0, 1, 5, 4096, 5000, 100000, 1 << 20])

    def is_of_host(self, fd):
        return os.readlink(f"/proc/self/fd/{fd}").startswith(os.path.dirname(self.host))

    def kept(self, fd):
        """At most so many stay open; their numbers are the lowest free ones in both runs."""
        self.open.append(fd)
        if len(self.open) > 12:
            os.close(self.open.pop(0))
        return fd

    # ---- calls: a method do_NAME makes one and returns what is shown ----

    def do_open(self):
        flags = self.random.choice([os.O_RDONLY, os.O_WRONLY, os.O_RDWR])
        for name in self.random.sample(OPEN_FLAGS, self.random.randrange(4)):
            flags |= getattr(os, name)
        if self.random.random() < 0.5:
            flags = os.O_RDWR | os.O_CREAT
        # a fifo would wait for its other end
        flags |= os.O_NONBLOCK
        path, mode = self.path(), self.random.choice([0o644, 0o600, 0o4755, 0])
        dirfd = self.dirfd()
        return path, oct(flags), dirfd, self.kept(
            os.open(path, flags, mode, dir_fd=None if dirfd == AT_FDCWD else dirfd))

    def do_tmpfile(self):
        return self.kept(os.open(self.random.choice([".", "d", self.host]),
                                 os.O_TMPFILE | os.O_RDWR, 0o600))

    def do_openat2(self):
        path, resolve = self.path(), self.random.choice([0, 1, 2, 4, 8, 16])
        how = struct.pack("QQQ", os.O_RDONLY | os.O_NONBLOCK, 0, resolve)
        return path, resolve, self.kept(call("openat2", self.dirfd(), path, how, len(how)))

    def do_close(self):
        fd = self.fd()
        if fd in self.open:
            self.open.remove(fd)
        return os.close(fd)

    def do_dup(self):
        return self.kept(os.dup(self.fd()))

    def do_dup2(self):
        old, new = self.fd(), self.random.randrange(3, 40)
        result = os.dup2(old, new, inheritable=bool(self.random.randrange(2)))
        if new not in self.open:
            self.kept(new)
        return old, new, result

    def do_read(self):
        fd = self.fd()
        data = os.read(fd, self.random.choice(SIZES))
        return len(data), hash_of(data)

    def do_pread(self):
        data = os.pread(self.fd(), self.random.choice(SIZES), self.offset())
        return len(data), hash_of(data)

    def do_readv(self):
        buffers = [bytearray(self.random.choice(SIZES[:6])) for _ in range(3)]
        return os.readv(self.fd(), buffers), hash_of(b"".join(buffers))

    def do_write(self):
        fd = self.fd()
        return os.write(fd, self.data())

    def do_pwrite(self):
        return os.pwrite(self.fd(), self.data(), self.offset())

    def do_writev(self):
        return os.writev(self.fd(), [self.data()[:5000], b"x", b""])

    def do_lseek(self):
        whence = self.random.choice([os.SEEK_SET, os.SEEK_CUR, os.SEEK_END, os.SEEK_DATA,
                                     os.SEEK_HOLE])
        fd, offset = self.fd(), self.random.choice([0, 1, -1, 4096, 100000])
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            return "folder"
        return whence, offset, os.lseek(fd, offset, whence)

    def do_ftruncate(self):
        return os.ftruncate(self.fd(), self.offset())

    def do_truncate(self):
        return os.truncate(self.path(), self.offset())

    def do_fallocate(self):
        mode = self.random.choice([0, 1, 3, 0x10, 0x8, 0x20])
        offset, length = self.random.choice([0, 4096, 100]), self.random.choice([4096, 8192, 10])
        return mode, call("fallocate", self.fd(), mode, ctypes.c_long(offset),
                          ctypes.c_long(length))

    def do_fsync(self):
        return self.random.choice([os.fsync, os.fdatasync])(self.fd())

    def do_fstat(self):
        return shown_stat(os.fstat(self.fd()))

    def do_stat(self):
        path = self.path()
        return shown_stat(self.random.choice([os.stat, os.lstat])(path))

    def do_statx(self):
        buffer = ctypes.create_string_buffer(256)
        path, flags = self.path(), self.random.choice([0, 0x100, 0x1000, 0x6000])
        call("statx", self.dirfd(), path, flags, 0x7ff, buffer)
        mode, = struct.unpack_from("H", buffer, 28)
        return path, flags, oct(mode)

    def do_access(self):
        path = self.path()
        return os.access(path, self.random.choice([os.R_OK, os.W_OK, os.X_OK, os.F_OK]),
                               follow_symlinks=bool(self.random.randrange(2)))

    def do_mkdir(self):
        path = self.random.choice(["d", "d/e", self.path()])
        return os.mkdir(path, self.random.choice([0o755, 0o700]))

    def do_rmdir(self):
        path = self.path()
        return os.rmdir(path)

    def do_unlink(self):
        path = self.path()
        return os.unlink(path)

    def do_rename(self):
        old, new = self.two_paths()
        return os.rename(old, new)

    def do_renameat2(self):
        flags = self.random.choice([0, RENAME_NOREPLACE, RENAME_EXCHANGE, 3])
        old, new = self.two_paths()
        return old, new, flags, call("renameat2", AT_FDCWD, old, AT_FDCWD, new, flags)

    def do_link(self):
        old, new = self.two_paths()
        return os.link(old, new, follow_symlinks=bool(self.random.randrange(2)))

    def do_symlink(self):
        target = self.random.choice(["a", "d", "d/a", "none", "l", "../a", ".", "x" * 100])
        path = self.random.choice(["l", "l2", self.path()])
        return target, path, os.symlink(target, path)

    def do_readlink(self):
        path = self.random.choice(["l", "l2", self.path()])
        return os.readlink(path)

    def do_mknod(self):
        kind = self.random.choice([stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK])
        path = self.path()
        return path, kind, os.mknod(path, kind | 0o640)

    def do_chmod(self):
        path, mode = self.path(), self.random.choice([0o644, 0o777, 0o4711, 0, 0o2755])
        return os.chmod(path, mode)

    def do_fchmod(self):
        return os.fchmod(self.fd(), self.random.choice([0o600, 0o755]))

    def do_chown(self):
        path, uid, gid = self.path(), self.random.choice([-1, 0, 7]), self.random.choice([-1, 0, 8])
        return os.chown(path, uid, gid, follow_symlinks=bool(self.random.randrange(2)))

    def do_utime(self):
        path = self.path()
        return os.utime(path, (1, self.random.randrange(1000)),
                              follow_symlinks=bool(self.random.randrange(2)))

    def do_futime(self):
        return os.utime(self.fd(), (5, self.random.randrange(1000)))

    def do_listdir(self):
        path = self.random.choice([".", "d", self.path()])
        return sorted(os.listdir(path))

    def do_listfd(self):
        return sorted(os.listdir(self.fd()))

    def do_xattr(self):
        path, name = self.path(), "user." + self.random.choice("ab")
        return self.random.choice([
            lambda: os.setxattr(path, name, self.data()[:1000], self.random.choice([0, 1, 2])),
            lambda: hash_of(os.getxattr(path, name)),
            lambda: sorted(os.listxattr(path)),
            lambda: os.removexattr(path, name)])()

    def do_fcntl(self):
        fd = self.fd()
        return self.random.choice([
            lambda: fcntl.fcntl(fd, fcntl.F_GETFL),
            lambda: fcntl.fcntl(fd, fcntl.F_SETFL, os.O_APPEND | os.O_NONBLOCK),
            lambda: fcntl.fcntl(fd, fcntl.F_GETFD),
            lambda: fcntl.fcntl(fd, fcntl.F_SETFD, 1),
            lambda: self.kept(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20)),
            lambda: fcntl.fcntl(fd, 1032),      # F_GETPIPE_SZ
            lambda: fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, 5),
            lambda: fcntl.lockf(fd, fcntl.LOCK_UN),
            lambda: fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB),
            lambda: fcntl.flock(fd, fcntl.LOCK_UN)])()

    def do_ioctl(self):
        buffer = bytearray(8)
        return self.random.choice([
            lambda: fcntl.ioctl(self.fd(), 0x80086601, buffer) and 0,      # FS_IOC_GETFLAGS
            lambda: (fcntl.ioctl(self.fd(), 0x541b, buffer), bytes(buffer[:4])),  # FIONREAD
            lambda: fcntl.ioctl(self.fd(), 0x5401, bytes(60)),      # TCGETS
            lambda: fcntl.ioctl(self.fd(), 0xdead, 0)])()

    def do_sendfile(self):
        out, source = self.fd(), self.fd()
        # pages that are read while they are written
        if os.path.sameopenfile(out, source):
            return "itself"
        offset = self.random.choice([None, 0, 100])
        return os.sendfile(out, source, offset, self.random.choice(SIZES[:8]))

    def do_copy_file_range(self):
        source, out = self.fd(), self.fd()
        if self.is_of_host(source) != self.is_of_host(out):
            return "EXDEV, or one file system"
        return os.copy_file_range(source, out, self.random.choice(SIZES),
                                               self.random.choice([None, 0]))

    def do_pipe(self):
        for fd in os.pipe2(os.O_NONBLOCK):
            self.kept(fd)

    def do_splice(self):
        source, out = self.fd(), self.fd()
        return os.splice(source, out, self.random.choice(SIZES[:8]), flags=2)

    def do_mmap(self):
        fd = self.fd()
        size = os.fstat(fd).st_size
        with mmap.mmap(fd, min(size, 100000) or 1, mmap.MAP_PRIVATE,
                       self.random.choice([mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE])) as m:
            return hash_of(m[:])

    def do_chdir(self):
        path = self.random.choice(["d", "..", ".", self.home, self.path(), self.host])
        os.chdir(path)
        where = os.getcwd()
        if not where.startswith((self.home, self.host)) or self.random.random() < 0.5:
            os.chdir(self.home)
        return where

    def do_fchdir(self):
        os.fchdir(self.fd())
        where = os.getcwd()
        os.chdir(self.home)
        return where

    def do_realpath(self):
        path = self.path()
        return os.path.realpath(path)

    def do_statvfs(self):
        status = os.statvfs(self.path())
        return status.f_bsize, status.f_namemax

    def do_close_range(self):
        low = self.random.randrange(20, 40)
        self.open = [fd for fd in self.open if not low <= fd <= low + 3]
        return low, call("close_range", low, low + 3, 0)

    def do_umask(self):
        return os.umask(self.random.choice([0o22, 0o77, 0]))

    def do_fork(self):
        """A child has the descriptors and the folder, with common offsets."""
        fd = self.fd()
        sys.stdout.flush()
        child = os.fork()
        if not child:
            try:
                os.write(fd, b"child")
                os.mkdir("by child")
                os._exit(0)
            except OSError as error:
                os._exit(error.errno)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def go(self, count):
        for name in NAMES[:3]:
            self.kept(os.open(name, os.O_RDWR | os.O_CREAT))
        os.mkdir("d")
        os.symlink("a", "l")
        names = sorted(name for name in dir(self) if name.startswith("do_"))
        often = ["do_open"] * 6 + ["do_write"] * 3 + ["do_mkdir"] * 2
        for step in range(count):
            self.arguments.clear()
            name = self.random.choice(names + often)
            try:
                result = getattr(self, name)()
            except OSError as error:
                result = errno.errorcode.get(error.errno, error.errno)
            except (ValueError, OverflowError) as error:
                result = type(error).__name__
            print(step, name[3:], *self.arguments, "=", result)
            if name in FILLS_PIPES:
                print(*self.drain())
            if name == "do_fork":
                self.forget("by child")

    @staticmethod
    def forget(path):
        try:
            os.rmdir(path)
        except OSError:
            pass


def hash_of(data):
    return f"{len(data)}:{sum(data) & 0xffff:x}:{data[:4].hex()}"


if __name__ == "__main__":
    Run(int(sys.argv[1]), sys.argv[3]).go(int(sys.argv[2]))

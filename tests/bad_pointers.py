#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
bad_pointers.py FOLDER: reads from sockets, pipes and a file below FOLDER into memory that is not
there, or only the first bytes of it; then what is left to be read.  Prints the same on the host.
"""

import ctypes
import errno
import os
import socket
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
PAGE = 4096
PROT_NONE, PROT_READ, PROT_WRITE, MAP_PRIVATE_ANONYMOUS = 0, 1, 2, 0x22
LENGTH = 20
LARGE = 60000

for _name in "read", "recv", "recvfrom", "recvmsg", "readv", "mmap":
    getattr(LIBC, _name).restype = ctypes.c_long
LIBC.mmap.restype = ctypes.c_void_p


def pages(count, protection):
    """One page after them that is not there."""
    start = LIBC.mmap(None, ctypes.c_size_t((count + 1) * PAGE), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE_ANONYMOUS, -1, ctypes.c_long(0))
    LIBC.mprotect(ctypes.c_void_p(start), ctypes.c_size_t(count * PAGE), protection)
    LIBC.munmap(ctypes.c_void_p(start + count * PAGE), ctypes.c_size_t(PAGE))
    return start


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32),
                ("iov", ctypes.POINTER(Iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


def by_read(fd, address, length):
    return LIBC.read(fd, ctypes.c_void_p(address), ctypes.c_size_t(length))


def by_recv(fd, address, length):
    return LIBC.recv(fd, ctypes.c_void_p(address), ctypes.c_size_t(length), 0)


def by_readv(fd, address, length):
    """The first piece is good."""
    good = ctypes.create_string_buffer(4)
    vector = (Iovec * 2)(Iovec(ctypes.addressof(good), 4), Iovec(address, length - 4))
    return LIBC.readv(fd, vector, 2)


def by_recvmsg(fd, address, length):
    vector = (Iovec * 1)(Iovec(address, length))
    return LIBC.recvmsg(fd, ctypes.byref(Msghdr(iov=vector, iovlen=1)), 0)


def told(call, *args):
    ctypes.set_errno(0)
    result = call(*args)
    return result if result >= 0 else errno.errorcode[ctypes.get_errno()]


def what_is_left(fd):
    os.set_blocking(fd, False)
    data = b""
    try:
        while piece := os.read(fd, LARGE):
            data += piece
    except BlockingIOError:
        pass
    return len(data), data[:8]


def tcp():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]


def udp():
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    far.bind(("127.0.0.1", 0))
    near.connect(far.getsockname())
    return near, far


def fifo():
    path = f"{sys.argv[1]}/fifo.{os.getpid()}"
    os.mkfifo(path)
    far = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    near = os.open(path, os.O_WRONLY)
    os.set_blocking(far, True)
    os.unlink(path)
    return open(near, "wb", 0), open(far, "rb", 0)


def file():
    path = f"{sys.argv[1]}/file.{os.getpid()}"
    near, far = open(path, "wb", 0), open(path, "rb", 0)
    os.unlink(path)
    return near, far


# where the address is: bytes of it that are there, the protection of those
TARGETS = {"nowhere": (0, PROT_NONE), "half": (LENGTH // 2, PROT_READ | PROT_WRITE),
           "not to be written": (PAGE, PROT_READ), "whole": (PAGE, PROT_READ | PROT_WRITE)}

for kind in tcp, udp, fifo, file:
    calls = [by_read, by_readv] + ([by_recv, by_recvmsg] if kind in (tcp, udp) else [])
    for by in calls:
        for target, (there, protection) in TARGETS.items():
            near, far = kind()
            with near, far:
                os.write(near.fileno(), bytes(range(65, 65 + LENGTH)))
                begin = pages(1, protection) + PAGE - there
                print(kind.__name__, by.__name__, target, told(by, far.fileno(), begin, LENGTH),
                      *what_is_left(far.fileno()))
    # a page of many is missing
    near, far = kind()
    with near, far:
        os.write(near.fileno(), bytes(n % 251 for n in range(LARGE)))
        begin = pages(3, PROT_READ | PROT_WRITE) + 100
        print(kind.__name__, "large", told(by_read, far.fileno(), begin, LARGE),
              *what_is_left(far.fileno()))

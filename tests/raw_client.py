#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
raw_client.py SOCKET COMMAND [PID]: a client of a server, by the messages of rump_sp.h themselves.

hold      says hello and "pid N"; stays until its stdin ends
restart   asks for a restart; a second connection comes when the answer is there, and
          has to be welcome; prints "next life"
leave     as the last process of a private server's family, whose secret is of 32 times
          the letter "y": prints "others live", or, when the server has ended, "ended".
          PID, the other one that holds the lifeline, is killed before; a client stays.
mute      says nothing; prints "connected" and, when the server has closed the connection,
          the last line of its log, PID
"""

import errno
import os
import re
import select
import signal
import socket
import struct
import sys

HELLO, HALT, LEAVE = 1, 6, 9
HEADER = os.path.join(os.path.dirname(__file__), "../include/rump/rump_sp.h")
with open(HEADER, encoding="ascii") as _file:
    VERSION = int(re.search(r"#define RUMP_SP_VERSION\s+(\d+)", _file.read())[1])
MAGIC = 0x706D7572
RESTART = 1
SECONDS = 90


def connect(path):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(SECONDS)
    connection.connect(path)
    return connection


def ask(connection, kind, content):
    """The content of the answer, which has no error."""
    connection.send(struct.pack("=IHHIi", 16 + len(content), kind, 0, 1, 0) + content)
    answer = connection.recv(65536)
    if len(answer) < 16:
        sys.exit("the server has closed the connection")
    _, answered, is_answer, number, error = struct.unpack_from("=IHHIi", answer)
    assert (answered, is_answer, number) == (kind, 1, 1), answer
    if error:
        sys.exit(os.strerror(error))
    return answer[16:]


def introduction(secret):
    return struct.pack("=IIiIQQ16s32s", MAGIC, VERSION, os.getpid(), 0, 0, 0, b"raw", secret)


def hello(connection, secret=bytes(32)):
    content = introduction(secret)
    magic, version, pid = struct.unpack_from("=IIi", ask(connection, HELLO, content))
    assert (magic, version) == (MAGIC, VERSION)
    return pid


def hold(path):
    connection = connect(path)
    print("pid", hello(connection), flush=True)
    sys.stdin.read()


def restart(path):
    first = connect(path)
    hello(first)
    ask(first, HALT, struct.pack("=II", RESTART, 0))
    second = connect(path)
    hello(second)
    print("next life")


def end_process(pid):
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([process], [], [], SECONDS)


def leave(path):
    connection, client = connect(path), connect(path)
    content = introduction(b"y" * 32)
    if len(sys.argv) > 3:
        hello(client, b"y" * 32)
        end_process(int(sys.argv[3]))
    connection.send(struct.pack("=IHHIi", 16 + len(content), LEAVE, 0, 1, 0) + content)
    answer = connection.recv(65536)
    if not answer:
        print("ended")
    elif struct.unpack_from("=i", answer, 12)[0] == errno.EBUSY:
        print("others live")
    else:
        sys.exit(f"answer {answer}")


def mute(path):
    connection = connect(path)
    print("connected", flush=True)
    try:
        connection.recv(1)
    except ConnectionResetError:
        pass
    with open(sys.argv[3], encoding="utf-8") as log:
        print(log.readlines()[-1], end="", flush=True)


{"hold": hold, "mute": mute, "restart": restart, "leave": leave}[sys.argv[2]](sys.argv[1])

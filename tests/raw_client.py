#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
raw_client.py SOCKET COMMAND: a client of a server, by the messages of rump_sp.h themselves.

hold      says hello and "pid N"; stays until its stdin ends
restart   asks for a restart; a second connection comes when the answer is there, and
          has to be welcome; prints "next life"
"""

import os
import socket
import struct
import sys

HELLO, HALT = 1, 6
MAGIC, VERSION = 0x706D7572, 1
RESTART = 1
SECONDS = 30


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


def hello(connection):
    name, secret = b"raw", bytes(32)
    content = struct.pack("=IIiIQQ16s32s", MAGIC, VERSION, os.getpid(), 0, 0, 0, name, secret)
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


{"hold": hold, "restart": restart}[sys.argv[2]](sys.argv[1])

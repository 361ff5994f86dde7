#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
service_manager.py [OPTION...] -- COMMAND...: what systemd does for a service.

Prints "PID N", of the process that was started; what the service says on NOTIFY_SOCKET,
a line for each word; "status N" when that process has ended; and "end" when the process
that MAINPID has named, if it is another one, has ended too.

--abstract        NOTIFY_SOCKET is an abstract one
--listen PATH     a listening socket is handed over (several)
--type NAME       of these: seqpacket (default), stream
--foreign         LISTEN_PID is another process
"""

import argparse
import os
import select
import socket
import subprocess
import sys

FIRST_FD = 3
SECONDS = 60

parser = argparse.ArgumentParser()
parser.add_argument("--abstract", action="store_true")
parser.add_argument("--listen", action="append", default=[])
parser.add_argument("--type", default="seqpacket")
parser.add_argument("--foreign", action="store_true")
parser.add_argument("command", nargs="+")
options = parser.parse_args()


def listen(path):
    kind = socket.SOCK_SEQPACKET if options.type == "seqpacket" else socket.SOCK_STREAM
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(path)
    listener.listen()
    return listener


def say(*words):
    print(*words, flush=True)


def hand_over(listeners):
    """In the child: they become descriptors 3, 4 ..."""
    copies = [os.dup(listener.fileno()) for listener in listeners]
    for n, copy in enumerate(copies):
        os.dup2(copy, FIRST_FD + n, inheritable=True)


def start():
    # opened first, these two keep the numbers from 3 on free of what subprocess needs
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listeners = [listen(path) for path in options.listen]
    name = f"{os.getcwd()}/notify"
    notices.bind("\0" + name if options.abstract else name)
    os.environ["NOTIFY_SOCKET"] = "@" + name if options.abstract else name
    command = options.command
    if listeners:
        pid = "1" if options.foreign else "$$"
        os.environ["LISTEN_FDS"] = str(len(listeners))
        command = ["sh", "-c", f'export LISTEN_PID={pid}; exec "$0" "$@"', *command]
    process = subprocess.Popen(command, close_fds=False, stdin=subprocess.DEVNULL,
                               preexec_fn=lambda: hand_over(listeners))
    return notices, process


def watch(notices, pid):
    """Prints notices until the process has ended; returns the last MAINPID or None."""
    main_pid = None
    ended = os.pidfd_open(pid)
    while True:
        ready, _, _ = select.select([notices, ended], [], [], SECONDS)
        if not ready:
            sys.exit("nothing happens")
        if notices not in ready:
            os.close(ended)
            return main_pid
        for line in notices.recv(4096).decode().splitlines():
            say(line)
            if line.startswith("MAINPID="):
                main_pid = int(line.removeprefix("MAINPID="))


def main():
    notices, process = start()
    say("PID", process.pid)
    main_pid = watch(notices, process.pid)
    say("status", process.wait())
    if main_pid not in (None, process.pid):
        watch(notices, main_pid)
        say("end")


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
clients.py CASE [ARGUMENT...]: clients of one server, each a program of its own that a test
starts; they meet at host sockets and files.
"""

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time


def say(*words):
    print(*words, flush=True)


def listen(address):
    """The first to come to a host socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address + ".new")
        listener.listen()
        os.rename(address + ".new", address)
        listener.settimeout(90)
        return listener.accept()[0]


def connect(address):
    wait_for(address)
    one = socket.socket(socket.AF_UNIX)
    one.connect(address)
    return one


def wait_for(path):
    for _ in range(9000):
        if os.path.exists(path):
            return
        time.sleep(0.01)
    raise TimeoutError(path)


# ---- descriptors that travel ----

def case_give(address, folder):
    """Descriptors of a file, a fifo and a socket to take(); one comes back."""
    other = listen(address)
    with open(f"{folder}/file", "w+", encoding="utf-8") as file:
        file.write("0123456789")
        file.flush()
        file.seek(3)
        os.mkfifo(f"{folder}/fifo")
        fifo = os.open(f"{folder}/fifo", os.O_RDWR)
        near, far = inet_pair()
        host_read, host_write = os.pipe()
        socket.send_fds(other, [b"x"], [file.fileno(), fifo, far.fileno(), host_write])
        far.close()
        os.close(host_write)
        say("fifo", os.read(fifo, 10))
        say("socket", near.recv(10))
        near.sendall(b"answer")
        say("pipe of the host", os.read(host_read, 10))
        # the offset is of the open file, which both have
        say("file", other.recv(4), os.lseek(file.fileno(), 0, os.SEEK_CUR))
        _, fds, _, _ = socket.recv_fds(other, 10, 4)
        say("back", os.read(fds[0], 100), os.fstat(fds[0]).st_size)
        os.close(fds[0])
        other.sendall(b"end")


def inet_pair():
    """Two connected sockets of the rump kernel."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]


def case_take(address, folder):
    other = connect(address)
    _, fds, _, _ = socket.recv_fds(other, 10, 4)
    say("fds", len(fds), [os.get_inheritable(fd) for fd in fds])
    file, fifo, far, pipe = fds
    data = os.read(file, 4)
    # my descriptors are mine, the offset is ours
    os.write(fifo, b"to fifo")
    stream = socket.socket(fileno=far)
    stream.sendall(b"to socket")
    say("answer", stream.recv(10))
    os.write(pipe, b"to pipe")
    other.sendall(data)
    with open(f"{folder}/other", "w+b") as mine:
        mine.write(b"from the taker")
        mine.flush()
        mine.seek(0)
        socket.send_fds(other, [b"y"], [mine.fileno()])
        subprocess.run(["cat"], stdin=file, check=True)
        other.recv(1)


def case_abandon(folder, rounds):
    """Queued, never received: nothing of it stays."""
    for n in range(int(rounds)):
        left, right = socket.socketpair()
        with open(f"{folder}/abandoned", "w", encoding="utf-8") as file:
            for _ in range(4):
                socket.send_fds(left, [b"x"], [file.fileno(), file.fileno()])
        if n % 2:
            # partly received
            _, fds, _, _ = socket.recv_fds(right, 1, 2)
            for fd in fds:
                os.close(fd)
        left.close()
        right.close()


def case_truncated(folder):
    """Room for fewer than were sent: the rest is closed, the flag says so."""
    left, right = socket.socketpair()
    files = [open(f"{folder}/t{n}", "w+", encoding="utf-8") for n in range(4)]
    socket.send_fds(left, [b"x"], [file.fileno() for file in files])
    _, fds, flags, _ = socket.recv_fds(right, 1, 2)
    say(len(fds), bool(flags & socket.MSG_CTRUNC), [os.fstat(fd).st_size for fd in fds])


# ---- what others must not feel ----

def case_hold(path, ready):
    """Holds a file open and waits in a call of the kernel for ever."""
    fifo = os.open(path, os.O_RDWR)
    with open(ready, "w", encoding="utf-8"):
        pass
    os.read(fifo, 1)


def case_work(folder):
    """Calls of all kinds without end, for whoever stops or kills it."""
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{os.getpid()}"
    near, far = inet_pair()

    def busy(n):
        while True:
            with open(f"{path}.{n}", "w+b") as file:
                file.write(b"x" * 100000)
                file.seek(0)
                file.read()
            os.rename(f"{path}.{n}", f"{path}.{n}.new")
            os.unlink(f"{path}.{n}.new")

    def talk():
        while True:
            near.sendall(b"y" * 5000)
            far.recv(5000, socket.MSG_WAITALL)

    def lock():
        with open(f"{folder}/lock", "w", encoding="utf-8") as file:
            while True:
                fcntl.flock(file, fcntl.LOCK_EX)
                fcntl.lockf(file, fcntl.LOCK_EX)
                fcntl.lockf(file, fcntl.LOCK_UN)
                fcntl.flock(file, fcntl.LOCK_UN)

    for target, args in (busy, (1,)), (busy, (2,)), (talk, ()), (lock, ()):
        threading.Thread(target=target, args=args, daemon=True).start()
    while True:
        child = os.fork()
        if child == 0:
            try:
                with open(f"{path}.child", "w", encoding="utf-8") as file:
                    file.write("x")
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(child, 0)[1]:
            sys.exit("the child failed: not connected")


def case_quick(folder, seconds):
    """The longest of many calls, while others are stopped or die."""
    worst, end = 0, time.monotonic() + float(seconds)
    path = f"{folder}/quick"
    while time.monotonic() < end:
        start = time.monotonic()
        with open(path, "w", encoding="utf-8") as file:
            file.write("x" * 1000)
        os.stat(path)
        worst = max(worst, time.monotonic() - start)
    say(f"{worst:.3f}")
    # a busy machine is no stall, which would last
    sys.exit(worst > 15)


def case_threads(folder):
    """Blocked calls of seven threads; the eighth has 2,000 others answered."""
    fifos = []
    for n in range(7):
        os.mkfifo(f"{folder}/block{n}")
        fifos.append(os.open(f"{folder}/block{n}", os.O_RDWR))
    got = []
    threads = [threading.Thread(target=lambda fd=fd: got.append(os.read(fd, 1))) for fd in fifos]
    for thread in threads:
        thread.start()
    for n in range(2000):
        os.stat(folder)
    say(len(got))
    for fd in fifos:
        os.write(fd, b"x")
    for thread in threads:
        thread.join(60)
    say(len(got))


# ---- signals ----

def case_signals(folder):
    got = []
    signal.signal(signal.SIGALRM, lambda *_: got.append("ALRM"))
    signal.signal(signal.SIGIO, lambda *_: got.append("IO"))
    os.mkfifo(f"{folder}/signals")
    both = os.open(f"{folder}/signals", os.O_RDWR)
    # EINTR, seen as such by select(), which Python repeats with the time that is left
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    start = time.monotonic()
    say(select.select([both], [], [], 0.6), 0.5 < time.monotonic() - start < 30, got)
    del got[:]

    class Stop(Exception):
        pass

    def stop(*_):
        raise Stop

    # a blocked read that a handler leaves
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        os.read(both, 1)
    except Stop:
        say("left the read")
    os.write(both, b"z")
    say(os.read(both, 1))
    # SIGPIPE as the signal that it is
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        near, far = inet_pair()
        far.close()
        for _ in range(100):
            near.send(b"x" * 1000)
            time.sleep(0.01)
        os._exit(0)
    say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    # SIGIO
    near, far = inet_pair()
    fcntl.fcntl(near, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(near, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    far.sendall(b"x")
    for _ in range(3000):
        if got:
            break
        time.sleep(0.01)
    say(got[:1])


# ---- a server that goes ----

def case_loop(folder, log):
    """A line in log for each second turn: what became of a file that is written and read."""
    n = 0
    while True:
        try:
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/loop", "w+", encoding="utf-8") as file:
                file.write(str(n))
                file.seek(0)
                result = "ok" if file.read() == str(n) else "wrong"
        except OSError as error:
            result = f"errno {error.errno}"
        with open(log, "a", encoding="utf-8") as out:
            out.write(f"{result}\n")
        n += 1
        time.sleep(0.02)


def case_lost(folder, ready, go):
    """What a client loses with its server: descriptors and directory."""
    old = os.open(f"{folder}/old", os.O_RDWR | os.O_CREAT, 0o600)
    os.chdir(folder)
    with open(ready, "w", encoding="utf-8"):
        pass
    wait_for(go)

    def attempt(what, call):
        try:
            say(what, call())
        except OSError as error:
            say(what, "errno", error.errno)

    attempt("descriptor", lambda: os.read(old, 1))
    attempt("descriptor", lambda: os.write(old, b"x"))
    attempt("new file", lambda: os.close(os.open(f"{folder}-new", os.O_WRONLY | os.O_CREAT)))
    attempt("descriptor", lambda: os.fstat(old).st_size)
    attempt("close", lambda: os.close(old))
    attempt("directory", lambda: os.listdir("."))
    attempt("root", lambda: os.chdir(os.path.dirname(folder)))
    attempt("directory", os.getcwd)
    fd = os.open(f"{folder}-new", os.O_RDWR)
    attempt("reuse", lambda: os.write(fd, b"again"))


def main():
    cases = {name[5:]: value for name, value in globals().items() if name.startswith("case_")}
    if len(sys.argv) < 2 or sys.argv[1] not in cases:
        print(f"usage: clients.py {'|'.join(cases)} [ARGUMENT...]", file=sys.stderr)
        return 2
    cases[sys.argv[1]](*sys.argv[2:])
    return 0


if __name__ == "__main__":
    sys.exit(main())

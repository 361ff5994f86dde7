#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
children.py CASE FOLDER: processes made in Python's ways that share files of FOLDER, which
lies in a rump kernel or on the host: what is printed and the exit status are the same.
"""

import errno
import fcntl
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

FOLDER = None


def at(name):
    return os.path.join(FOLDER, name)


def write(name, text, mode="w"):
    with open(at(name), mode, encoding="utf-8") as file:
        file.write(text)


def read(name):
    with open(at(name), encoding="utf-8") as file:
        return file.read()


def status_of(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# ---- subprocess ----

def case_subprocess():
    write("f", "text\n")
    print(subprocess.run(["cat", at("f")], capture_output=True, check=True).stdout)
    with open(at("f"), "rb") as stdin, open(at("out"), "wb") as stdout:
        done = subprocess.run(["sh", "-c", "cat; echo error >&2; exit 3"], stdin=stdin,
                              stdout=stdout, stderr=subprocess.STDOUT, check=False)
    print(done.returncode, repr(read("out")))
    print(subprocess.check_output(["sh", "-c", "cat f; /bin/pwd; ls"], cwd=FOLDER, text=True)
          .replace(FOLDER, "@"))
    print(subprocess.getoutput(f"cat {at('f')}; exit 1"))
    two = subprocess.Popen(["sort", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    print(two.communicate(b"".join(b"%d\n" % n for n in range(20000)))[0][-20:])
    try:
        subprocess.run(["cat"], cwd=at("none"), check=False)
    except FileNotFoundError as error:
        print("not found", error.filename.replace(FOLDER, "@"))
    try:
        subprocess.run([at("none")], check=False)
    except FileNotFoundError:
        print("no program")
    done = subprocess.run(["sh", "-c", "cat f; kill -9 $$"], cwd=FOLDER, check=False,
                          preexec_fn=lambda: os.chdir("/"), stderr=subprocess.DEVNULL)
    print(done.returncode)
    child = subprocess.Popen(["sleep", "30"], stdout=open(at("sleep"), "w", encoding="utf-8"))
    child.terminate()
    print(child.wait(10))


def case_passed_fds():
    """pass_fds, close_fds, close-on-exec: who has which descriptor."""
    write("f", "0123456789")
    fd = os.open(at("f"), os.O_RDONLY)
    other = os.open(at("f"), os.O_RDONLY)
    code = ("import os, sys\nfor fd in map(int, sys.argv[1:]):\n"
            "    try: print(os.read(fd, 2))\n    except OSError as e: print(e.errno)")

    def child(**how):
        words = [sys.executable, "-c", code, str(fd), str(other)]
        print(subprocess.check_output(words, text=True, **how).split())

    child(pass_fds=[fd])
    child(pass_fds=[fd, other])
    child()
    child(close_fds=False)
    os.set_inheritable(other, True)
    child(close_fds=False)
    child(close_fds=True)
    # one offset for all
    print(os.read(fd, 1))
    os.set_inheritable(fd, True)
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", code, str(fd), str(other)])
    os.wait()
    sys.stdout.flush()


def case_close_on_exec():
    """Who waits for the end of a pipe sees it when the last holder executes a program."""
    for kind in "pipe", "socket":
        if kind == "pipe":
            # a fifo, as it lies in the kernel for sure
            os.mkfifo(at("fifo"))
            near = os.open(at("fifo"), os.O_RDONLY | os.O_NONBLOCK)
            far = os.open(at("fifo"), os.O_WRONLY)
            os.set_blocking(near, True)
        else:
            left, right = socket.socketpair()
            near, far = left.detach(), right.detach()
        child = os.fork()
        if child == 0:
            os.close(near)
            # touches no file of the kernel
            os.execvp("sleep", ["sleep", "100"])
        os.close(far)
        start = time.monotonic()
        end = os.read(near, 1)
        quick = time.monotonic() - start < 50
        os.kill(child, signal.SIGKILL)
        print(kind, end, quick, status_of(child))
        os.close(near)


# ---- multiprocessing ----

def _square(n):
    with open(at("log"), "a", encoding="utf-8") as file:
        file.write(f"{n}\n")
    return n * n


def _init(folder):
    globals()["FOLDER"] = folder


def _fill(queue, lock, counter, name):
    for _ in range(50):
        with lock:
            with open(name, "r+", encoding="utf-8") as file:
                n = int(file.read())
                file.seek(0)
                file.write(str(n + 1))
            counter.value += 1
    queue.put(os.path.basename(name))


def _processes(method):
    context = multiprocessing.get_context(method)
    write("log", "")
    write("n", "0")
    with context.Pool(4, _init, (FOLDER,)) as pool:
        print(sum(pool.map(_square, range(200))))
    print(len(read("log").split()), sum(map(int, read("log").split())))
    queue, lock, counter = context.Queue(), context.Lock(), context.Value("i", 0)
    children = [context.Process(target=_fill, args=(queue, lock, counter, at("n")))
                for _ in range(4)]
    for child in children:
        child.start()
    print([queue.get(timeout=90) for _ in children])
    for child in children:
        child.join(90)
    print([child.exitcode for child in children], counter.value, read("n"))


def case_multiprocessing_fork():
    _processes("fork")


def case_multiprocessing_spawn():
    _processes("spawn")


def case_multiprocessing_forkserver():
    _processes("forkserver")


# ---- the calls ----

def case_fork():
    write("f", "abcdefgh")
    fd = os.open(at("f"), os.O_RDWR)
    print(os.read(fd, 2))
    child = os.fork()
    if child == 0:
        # the same open file, a table of its own
        assert os.read(fd, 2) == b"cd"
        os.close(fd)
        os.chdir(FOLDER)
        os.umask(0o077)
        with open("made", "w", encoding="utf-8") as file:
            file.write("x")
        os._exit(5)
    # the child's directory and umask were its own
    print(status_of(child), os.read(fd, 2), os.path.exists("made"), oct(os.umask(0o022)))
    print(oct(os.stat(at("made")).st_mode))
    # a child's descriptors are its own
    child = os.fork()
    if child == 0:
        new = os.open(at("made"), os.O_RDONLY)
        os.dup2(new, fd)
        os._exit(0 if os.read(fd, 1) == b"x" else 1)
    print(status_of(child), os.read(fd, 1))
    # grandchildren, and one whose parent is gone
    reader, writer = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(0.3)
            write("grandchild", "here")
            os.write(writer, b"done")
        os._exit(0)
    os.wait()
    print(os.read(reader, 4), read("grandchild"))
    # records' locks are a process' own
    fcntl.lockf(fd, fcntl.LOCK_EX)
    child = os.fork()
    if child == 0:
        try:
            fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os._exit(11)
        os._exit(0)
    print(status_of(child))


def case_posix_spawn():
    write("in", "to read\n")
    write("old", "old text\n")
    keep = os.open(at("old"), os.O_RDONLY)
    cases = {
        "open": [(os.POSIX_SPAWN_OPEN, 0, at("in"), os.O_RDONLY, 0),
                 (os.POSIX_SPAWN_OPEN, 1, at("out"), os.O_WRONLY | os.O_CREAT, 0o600)],
        "dup2": [(os.POSIX_SPAWN_DUP2, keep, 0),
                 (os.POSIX_SPAWN_OPEN, 1, at("out"), os.O_WRONLY | os.O_APPEND, 0)],
        "close": [(os.POSIX_SPAWN_OPEN, 1, at("out"), os.O_WRONLY | os.O_APPEND, 0),
                  (os.POSIX_SPAWN_CLOSE, 0)],
        "missing": [(os.POSIX_SPAWN_OPEN, 0, at("none"), os.O_RDONLY, 0)],
    }
    for name, actions in cases.items():
        try:
            pid = os.posix_spawn("/bin/cat", ["cat"], os.environ, file_actions=actions)
        except OSError as error:
            print(name, error.errno)
            continue
        print(name, status_of(pid) if name != "close" else status_of(pid) != 0)
    print(repr(read("out")), oct(os.stat(at("out")).st_mode))
    print(os.read(keep, 10))
    pids = [os.posix_spawnp("sh", ["sh", "-c", f"echo {n} >{at('spawned')}-{n}; exit {n}"], os.environ)
            for n in range(20)]
    print([status_of(pid) for pid in pids], sorted(os.listdir(FOLDER)))
    print(os.system(f"cat {at('old')} >{at('system')}"), os.popen(f"cat {at('system')}").read())


def case_fork_of_threads():
    """Children of several threads at once, while others are in calls."""
    stop = threading.Event()
    failures = []

    def call(number):
        name = f"t{number}"
        while not stop.is_set():
            write(name, "x" * 1000)
            if read(name) != "x" * 1000:
                failures.append(name)

    def fork(number):
        for turn in range(15):
            child = os.fork()
            if child == 0:
                try:
                    write(f"c{number}-{turn}", f"{number} {turn}")
                    os._exit(0 if read(f"c{number}-{turn}") == f"{number} {turn}" else 1)
                except BaseException:
                    os._exit(2)
            if status_of(child):
                failures.append((number, turn))

    callers = [threading.Thread(target=call, args=(n,)) for n in range(3)]
    forkers = [threading.Thread(target=fork, args=(n,)) for n in range(3)]
    for thread in callers + forkers:
        thread.start()
    for thread in forkers:
        thread.join()
    stop.set()
    for thread in callers:
        thread.join()
    print(failures, len(os.listdir(FOLDER)))


def case_many():
    """200 children at once, each with a file of its own and one of all."""
    log = os.open(at("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    children = []
    for n in range(200):
        child = os.fork()
        if child == 0:
            write(str(n), "x" * n)
            os.write(log, b"%d\n" % n)
            os._exit(n % 7)
        children.append(child)
    print([status_of(child) for child in children])
    print(sum(os.path.getsize(at(str(n))) for n in range(200)), len(read("log").split()))


def case_ends():
    """What a child held is free when it has been waited for."""
    taken = 0
    for _ in range(200):
        child = os.fork()
        if child == 0:
            held = open(at("lock"), "w")
            fcntl.flock(held, fcntl.LOCK_EX)
            os._exit(0)
        os.waitpid(child, 0)
        with open(at("lock"), "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                taken += 1
    print(taken)


def case_signals():
    """Signals between the processes, with one of them in a call of the kernel."""
    os.mkfifo(at("fifo"))
    both = os.open(at("fifo"), os.O_RDWR)
    for number in signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGUSR1, lambda *_: os._exit(9))
            os.write(writer, b"x")
            os.read(both, 1)
            os._exit(0)
        os.read(reader, 1)
        os.close(reader)
        os.close(writer)
        time.sleep(0.2)
        os.kill(child, number)
        print(number, status_of(child))
    # EINTR is Python's to repeat: the handler runs, then the read goes on
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, lambda *_: os.write(writer, b"x"))
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        os._exit(0 if os.read(both, 1) == b"x" else 1)
    # the first one may come before the read
    for _ in range(3):
        os.read(reader, 1)
    os.write(both, b"x")
    print(status_of(child))
    os.close(both)
    # SIGPIPE
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        reader = os.open(at("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(at("fifo"), os.O_WRONLY)
        os.close(reader)
        os.write(writer, b"x")
        os._exit(0)
    print(status_of(child))
    # stopped in a call, continued
    child = os.fork()
    if child == 0:
        for n in range(150):
            write("alive", str(n))
            time.sleep(0.02)
        os._exit(0)
    time.sleep(0.1)
    os.kill(child, signal.SIGSTOP)
    print(os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]))
    os.kill(child, signal.SIGCONT)
    print(status_of(child), read("alive"))


def case_temporary():
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x" * 100000)
            file.flush()
            print(subprocess.check_output(["wc", "-c", file.name], text=True).split()[0])
        with tempfile.TemporaryFile(dir=folder) as file:
            subprocess.run(["seq", "1000"], stdout=file, check=True)
            file.seek(0)
            print(len(file.read()), os.listdir(folder))
    print(os.listdir(FOLDER))


# ---- a server with workers ----

def case_prefork():
    """Four workers accept on one listening socket that their parent made."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    address = listener.getsockname()
    workers = []
    for number in range(4):
        pid = os.fork()
        if pid == 0:
            while True:
                connection, _ = listener.accept()
                with connection:
                    data = connection.recv(100)
                    with open(at(f"worker{number}"), "ab") as log:
                        log.write(data + b"\n")
                    connection.sendall(b"%d:" % number + data)
        workers.append(pid)

    def ask(n):
        with socket.create_connection(address, timeout=90) as connection:
            connection.sendall(b"%d" % n)
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(100):
                answer += part
            return answer.split(b":")[1] == b"%d" % n

    print(all(ask(n) for n in range(100)))
    # from processes, at once
    askers = []
    for n in range(8):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if all(ask(100 * n + k) for k in range(25)) else 1)
        askers.append(pid)
    print([status_of(pid) for pid in askers])

    def ask_until_heard(n):
        """A worker that is dead already, but not for the kernel, may have the connection."""
        for _ in range(200):
            try:
                return ask(n)
            except OSError as error:
                if error.errno not in (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE):
                    raise
                time.sleep(0.02)
        return False

    os.kill(workers[0], signal.SIGKILL)
    print(status_of(workers[0]), all(ask_until_heard(n) for n in range(20)))
    for pid in workers[1:]:
        os.kill(pid, signal.SIGTERM)
        print(status_of(pid))
    lines = sum(len(read(name).split()) for name in os.listdir(FOLDER) if name.startswith("worker"))
    print(lines)
    listener.close()
    # a worker's copy of the socket is closed when its server hears of its end
    try:
        ask_until_heard(1)
    except ConnectionRefusedError:
        print("refused")


def main():
    global FOLDER
    cases = {name[5:]: value for name, value in globals().items() if name.startswith("case_")}
    if len(sys.argv) != 3 or sys.argv[1] not in cases:
        print(f"usage: children.py {'|'.join(cases)} FOLDER", file=sys.stderr)
        return 2
    FOLDER = sys.argv[2]
    sys.stdout.reconfigure(line_buffering=True)
    cases[sys.argv[1]]()
    return 0


if __name__ == "__main__":
    sys.exit(main())

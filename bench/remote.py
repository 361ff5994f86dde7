# SPDX-License-Identifier: BSD-2-Clause
"""
Calls to a kernel in another process: rows of bench/run.

s: the two sides on different CPUs, wherever the scheduler has them; c: both on one CPU.
The host's figure of a null call is a ping-pong of one byte through a unix socket.
"""

import os
import signal
import subprocess
import tempfile
import time

from measure import (BUILD, KIB64, LIB, LIMIT, NotHere, bench_program, by_turns, command,
                     environment, figures, median, program)

SERVER = os.path.join(LIB, "rump_server")
IDLE_CLIENTS = 1000
IDLE_SECONDS = 10
FORKS = 1000
STOP_SECONDS = 20


class Server:
    """A rump_server with a socket below work."""

    def __init__(self, work, *options, cpu=None):
        # short, as addresses of sockets are
        self.folder = tempfile.mkdtemp(prefix="server.", dir=work)
        self.url = f"unix://{self.folder}/socket"
        self.options = options
        self.prefix = ["taskset", "-c", str(cpu)] if cpu is not None else []
        self.pid = None

    def __enter__(self):
        if not os.path.exists(SERVER):
            raise NotHere(f"{SERVER} is missing")
        pidfile = os.path.join(self.folder, "pid")
        command([*self.prefix, SERVER, "--pidfile", pidfile,
                 "--log", os.path.join(self.folder, "log"), *self.options, self.url],
                {"LD_LIBRARY_PATH": LIB})
        with open(pidfile, encoding="ascii") as file:
            self.pid = int(file.read())
        return self

    def __exit__(self, *_):
        os.kill(self.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while os.path.exists(f"/proc/{self.pid}"):
            if time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                raise NotHere("the server does not end")
            time.sleep(0.01)

    def client(self, *words):
        """Figures of bench-client."""
        return figures([*self.prefix, bench_program("client"), *words],
                       {"LD_LIBRARY_PATH": LIB, "RUMP_SERVER": self.url})

    def memory_kib(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise NotHere("no VmRSS")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def null_rows(table, count, work):
    cpus = sorted(os.sched_getaffinity(0))
    rounds = count(15)
    host = figures(["taskset", "-c", str(cpus[0]), bench_program("host"), "pingpong", rounds])
    with Server(work, cpu=cpus[0]) as server:
        rump = server.client("turns", rounds)
    table.row("remote null call, c; host: unix socket, there and back", "us",
              rump["turn_us"], host["turn_us"], "<= 1.30")
    if len(cpus) < 2:
        table.skip("remote null call, s", "only one CPU")
        return
    host = program("host", "pingpong", rounds)
    with Server(work) as server:
        rump = server.client("turns", rounds)
    table.row("remote null call, s; host: unix socket, there and back", "us",
              rump["turn_us"], host["turn_us"], "rump <= 1.5")


def data_rows(table, count, work):
    if not os.path.isdir("/dev/shm"):
        raise NotHere("no tmpfs of the host at /dev/shm")
    rounds = count(7)
    with tempfile.TemporaryDirectory(prefix="rump-bench.", dir="/dev/shm") as folder:
        host = program("host", "data", folder, KIB64, rounds)
    with Server(work, "-r", "768m") as server:
        rump = server.client("data", "/tmp", KIB64, rounds)
    for figure, what, goal in (("read_gb_s", "read", ">= 4.29 or 0.7"),
                               ("write_gb_s", "write", ">= 2.15 or 0.6")):
        table.row(f"remote tmpfs 256 MiB, pieces of 64 KiB: {what}", "GB/s", rump[figure],
                  host[figure], goal)


def idle_rows(table, work, is_quick):
    clients = 50 if is_quick else IDLE_CLIENTS
    seconds = 1 if is_quick else IDLE_SECONDS
    with Server(work, "-r", "512m") as server:
        server.client("connects", 3)
        before = server.memory_kib()
        process = subprocess.Popen(
            ["timeout", "-k", "5", str(LIMIT), bench_program("client"), "idle", str(clients)],
            env=environment({"LD_LIBRARY_PATH": LIB, "RUMP_SERVER": server.url}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process:
            if not process.stdout.readline().startswith("ready"):
                raise NotHere(f"clients: {process.stderr.read().strip()}")
            # what comes after the last connect is over
            time.sleep(seconds / 5)
            memory = server.memory_kib() - before
            cpu = server.cpu_seconds()
            time.sleep(seconds)
            cpu = server.cpu_seconds() - cpu
            process.stdin.close()
            if process.wait(LIMIT):
                raise NotHere(f"clients: {process.stderr.read().strip()}")
        after = server.memory_kib() - before
    table.row(f"{clients} idle clients: memory of the server, each", "KiB",
              [memory / clients], None, "< 60")
    table.row("... when they are gone", "KiB", [after / clients], None)
    table.row("... CPU of the server", "%", [100 * cpu / seconds], None, "< 0.5")


def rate_rows(table, count, work):
    if len(os.sched_getaffinity(0)) < 2:
        raise NotHere("4 clients on 2 vCPUs: only one CPU")
    rounds = count(5)
    with Server(work, "-c", "2") as server:
        one = server.client("rate", 1, rounds)["calls_ms"]
        four = server.client("rate", 4, rounds)["calls_ms"]
    table.row("access() of one client, 2 vCPUs", "1/ms", one, None)
    table.row("... of 4 clients", "1/ms", four, None)
    table.row("... 4 clients to one", "x", [calls / median(one) for calls in four], None, ">= 1.60")


def fork_rows(table, count, work):
    preload = [f"LD_PRELOAD={os.path.join(LIB, 'librumphijack.so')}"]
    script = (f"exec 5>%s/forks; for ((i = 0; i < {FORKS}; i++)); do /bin/true; done; "
              "echo end >&5")
    native = ["/bin/bash", "-c", script % work]
    rounds = count(5)
    with Server(work) as server:
        found = by_turns(
            rounds,
            [*preload, "RUMPHIJACK=path=/rump", "/bin/bash", "-c", script % "/rump/tmp"],
            [*preload, "RUMPHIJACK=path=/rump,kernel=spawn", "/bin/bash", "-c",
             script % "/rump/tmp"],
            [*preload, "RUMPHIJACK=path=/rump", f"RUMP_SERVER={server.url}", "/bin/bash", "-c",
             script % "/rump/tmp"],
            native)
    for kernel, rump in zip(("local", "spawn", "server"), found):
        table.row(f"bash, {FORKS} forks of true, a rump file open: {kernel}", "ms", rump.ms,
                  found[3].ms, "<= 1.50")


def connect_rows(table, count, work):
    with Server(work) as server:
        table.row("connect, to the end of the first call", "us",
                  server.client("connects", count(200))["connect_us"], None)


def rows(table, count, work, is_quick):
    if not os.path.exists(os.path.join(BUILD, "lib/rump_server")):
        raise NotHere("no rump_server in this build")
    for name, measure in (("null call", lambda: null_rows(table, count, work)),
                          ("tmpfs", lambda: data_rows(table, count, work)),
                          ("connect", lambda: connect_rows(table, count, work)),
                          ("idle clients", lambda: idle_rows(table, work, is_quick)),
                          ("4 clients", lambda: rate_rows(table, count, work)),
                          ("forks", lambda: fork_rows(table, count, work))):
        try:
            measure()
        except NotHere as why:
            table.skip(f"remote: {name}", why)

# SPDX-License-Identifier: BSD-2-Clause
"""
Servers and their load generators, unmodified, on the loopback of one rump_server, against
the same on the host's loopback: rows of bench/run.

Both sides run by turns, so that a machine that is busy for a while is so for both.  `CPU' is
what a request costs all processes together, the server of the kernel among them.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

from measure import KILL_AFTER, LIB, LIMIT, NotHere, environment
from remote import Server

START_SECONDS = 20
MEMORY = "256m"
IDLE, ACTIVE = 1000, 100
HOLD = ("import resource, socket, sys, time\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
        "all = [socket.create_connection(('127.0.0.1', int(sys.argv[1])))"
        " for _ in range(int(sys.argv[2]))]\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n")


def need(*programs):
    for name in programs:
        if not shutil.which(name, path="/usr/sbin:/usr/bin:/bin"):
            raise NotHere(f"{name} is missing")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def cpu_of(pids):
    """User and system time of processes that live, seconds."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Side:
    """Where programs have their network: on the host, or in a server's kernel."""

    def __init__(self, server=None):
        self.server = server
        self.env = {}
        if server:
            self.env = {"LD_LIBRARY_PATH": LIB, "RUMP_SERVER": server.url,
                        "RUMPHIJACK": "path=/rump,socket=inet:inet6"}

    def environment(self):
        """The preload is env's to set: timeout and its like are not to be ours."""
        return environment(self.env)

    def words(self, *words):
        preload = [f"LD_PRELOAD={LIB}/librumphijack.so"] if self.server else []
        return ["timeout", "-k", str(KILL_AFTER), str(LIMIT), "env", *preload, *map(str, words)]

    def run(self, *words):
        done = subprocess.run(self.words(*words), env=self.environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            raise NotHere(lines[-1] if lines else f"{words[0]}: status {done.returncode}")
        return done.stdout

    def can_connect(self, port):
        """As the programs would: by this side's network."""
        done = subprocess.run(self.words("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"),
                              env=self.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return done.returncode == 0


class Daemon:
    """A program that listens on a port of a side, in the foreground."""

    def __init__(self, side, work, port, *words):
        self.side, self.port = side, port
        self.log = open(f"{work}/{os.path.basename(words[0])}.{port}.log", "w+b")
        self.words = side.words(*words)
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, env=self.side.environment(),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_SECONDS
        while not self.side.can_connect(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise NotHere(f"{self.words[-1]} does not start: {self.last_line()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)    # timeout passes it on
            self.process.wait()

    def last_line(self):
        self.log.seek(0)
        return (self.log.read().decode(errors="replace").strip().splitlines() or ["no word"])[-1]

    def pids(self):
        """All its processes, and the kernel's."""
        found = children_of(self.process.pid)
        for pid in found:
            found += children_of(pid)
        return found + ([self.side.server.pid] if self.side.server else [])


class Load:
    """Rounds of a load on both sides, by turns."""

    def __init__(self, sides):
        self.sides = sides      # name -> (side, daemon)
        self.rates = {name: {} for name in sides}
        self.cpu_us = {name: [] for name in sides}

    def round(self, measure):
        """measure(side, daemon): NAME -> requests a second, and how many there were in all."""
        for name, (side, daemon) in self.sides.items():
            before = cpu_of(daemon.pids()), os.times()
            rates, requests = measure(side, daemon)
            after = cpu_of(daemon.pids()), os.times()
            cpu = after[0] - before[0] + sum(after[1][2:4]) - sum(before[1][2:4])
            for what, rate in rates.items():
                self.rates[name].setdefault(what, []).append(rate)
            self.cpu_us[name].append(1e6 * cpu / requests)

    def row(self, table, what, figure, unit, goal="-"):
        table.row(what, unit, self.rates["rump"][figure], self.rates["host"][figure], goal)

    def cpu_row(self, table):
        table.row("... CPU a request, all processes", "us", self.cpu_us["rump"],
                  self.cpu_us["host"])


# ---- nginx ----

def nginx_words(work, port):
    folder = f"{work}/nginx.{port}"
    os.makedirs(f"{folder}/html")
    with open(f"{folder}/html/small", "wb") as file:
        file.write(os.urandom(1024))
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as file:
        file.write(
            "daemon off; worker_processes 1; worker_rlimit_nofile 8192;\n"
            f"pid {folder}/pid; error_log {folder}/error.log;\n"
            "events { worker_connections 4096; }\n"
            "http { access_log off; sendfile on; tcp_nopush on;\n"
            "keepalive_requests 1000000000; keepalive_timeout 600; client_header_timeout 600;\n" +
            "".join(f"{name}_temp_path {folder}/{name};\n" for name in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")) +
            f"server {{ listen 127.0.0.1:{port} backlog=2048; root {folder}/html; }} }}\n")
    for name in f"{folder}/html", folder, work:
        os.chmod(name, 0o755)       # the workers are another user's
    return ["nginx", "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]


def wrk(connections, seconds, *options):
    def measure(side, daemon):
        text = side.run("wrk", "-t1", f"-c{connections}", f"-d{seconds}", *options,
                        f"http://127.0.0.1:{daemon.port}/small")
        if "Non-2xx" in text or "Socket errors" in text:
            raise NotHere("wrk: " + " ".join(line.strip() for line in text.splitlines()
                                             if "Non-2xx" in line or "errors" in line))
        return ({"rate": float(re.search(r"Requests/sec: +([\d.]+)", text)[1])},
                int(re.search(r"(\d+) requests in", text)[1]))
    return measure


@contextlib.contextmanager
def on_both(table_sides, work, words):
    """words(port): the command of a daemon; one on each side."""
    with contextlib.ExitStack() as stack:
        sides = {}
        for name, side in table_sides.items():
            port = free_port()
            sides[name] = side, stack.enter_context(Daemon(side, work, port, *words(port)))
        yield Load(sides)


@contextlib.contextmanager
def idle_connections(side, port, number):
    with subprocess.Popen(side.words("python3", "-c", HOLD, port, number), env=side.environment(),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        if not process.stdout.readline().startswith("ready"):
            why = process.stderr.read().strip().splitlines()
            raise NotHere(f"idle connections: {why[-1] if why else 'none'}")
        yield
        process.stdin.close()


def nginx_rows(table, count, work, sides, is_quick):
    need("nginx", "wrk")
    seconds = 1 if is_quick else 3
    with on_both(sides, work, lambda port: nginx_words(work, port)) as load:
        for _ in range(count(5)):
            load.round(wrk(ACTIVE, seconds))
        load.row(table, f"nginx, 1 KiB; wrk, {ACTIVE} connections", "rate", "1/s", ">= 0.80")
        load.cpu_row(table)
        closing = Load(load.sides)
        for _ in range(count(3)):
            closing.round(wrk(10, 1, "-H", "Connection: close"))
        closing.row(table, "... a connection for each request", "rate", "1/s")
        idle_rows(table, load, count, seconds, IDLE // 10 if is_quick else IDLE)


def idle_rows(table, load, count, seconds, idle):
    """The ratio of each round: idle ones beside, to none."""
    alone, beside = Load(load.sides), Load(load.sides)
    for _ in range(count(3)):
        alone.round(wrk(ACTIVE, seconds))
        with contextlib.ExitStack() as stack:
            for side, daemon in load.sides.values():
                stack.enter_context(idle_connections(side, daemon.port, idle))
            beside.round(wrk(ACTIVE, seconds))
    share = {name: [one / two for one, two in zip(beside.rates[name]["rate"],
                                                  alone.rates[name]["rate"])]
             for name in load.sides}
    table.row(f"... with {idle} idle ones beside: to none", "x", share["rump"], share["host"],
              "rump >= 0.90")


# ---- redis ----

def redis_rows(table, count, work, sides, is_quick):
    need("redis-server", "redis-benchmark")
    number = 20000 if is_quick else 200000

    def measure(side, daemon):
        text = side.run("redis-benchmark", "-p", daemon.port, "-P", 16, "-n", number, "-t",
                        "set,get", "--csv")
        found = re.findall(r'"(SET|GET)","([\d.]+)"', text)
        if len(found) != 2:
            raise NotHere("redis-benchmark: no figures")
        return {name: float(rate) for name, rate in found}, 2 * number

    def words(port):
        return ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                "--appendonly", "no", "--dir", work, "--enable-debug-command", "no"]

    with on_both(sides, work, words) as load:
        for _ in range(count(5)):
            load.round(measure)
        for name in "SET", "GET":
            load.row(table, f"redis-benchmark -P 16, {name}", name, "1/s", ">= 0.80")
        load.cpu_row(table)


# ---- iperf3 ----

def iperf_rows(table, count, work, sides, is_quick):
    need("iperf3")
    seconds = 1 if is_quick else 3

    def measure(options, figure):
        def run(side, daemon):
            text = side.run("iperf3", "-c", "127.0.0.1", "-p", daemon.port, "-t", seconds, "-J",
                            *options)
            try:
                end = json.loads(text)["end"]
                return figure(end), 1
            except (KeyError, ValueError) as error:
                raise NotHere(f"iperf3: no {error} in its answer") from None
        return run

    def words(port):
        return ["iperf3", "-s", "-p", port]

    def packets(end):
        lost = end["sum"]["lost_packets"]
        return {"udp": (end["sum"]["packets"] - lost) / end["sum"]["seconds"]}

    with on_both(sides, work, words) as load:
        for _ in range(count(3)):
            load.round(measure([], lambda end: {
                "tcp": end["sum_received"]["bits_per_second"] / 8e9}))
            load.round(measure(["-u", "-b", 0, "-l", 64], packets))
        load.row(table, "iperf3, TCP", "tcp", "GB/s")
        load.row(table, "iperf3, UDP of 64 bytes that arrive", "udp", "1/s")


def rows(table, count, work, is_quick):
    for name, measure in ("nginx", nginx_rows), ("redis", redis_rows), ("iperf3", iperf_rows):
        try:
            # a kernel for each: none inherits another's state
            with Server(work, "-c", "2", "-r", MEMORY) as server:
                measure(table, count, work, {"rump": Side(server), "host": Side()}, is_quick)
        except NotHere as why:
            table.skip(name, why)

# SPDX-License-Identifier: BSD-2-Clause
"""
Links between two kernels: rows of bench/run.

shmif: two processes with a kernel in each, on a bus of shared memory.  tap: one of them,
and the host at the other end.  The host's figures are those of a veth pair between two
network namespaces, which are made here, and of programs in them.
"""

import contextlib
import os
import select
import signal
import subprocess
import tempfile

import net_programs
from measure import (KILL_AFTER, LIB, LIMIT, NotHere, bench_program, command, environment, figures)

PORT = 5001
READY_SECONDS = 20
STREAM, TURN = ">= 1.00", "<= 2.50"


def need_root():
    net_programs.need("ip")
    if os.geteuid() != 0:
        raise NotHere("network namespaces of the host want root")


class Namespace:
    """A network namespace of the host, with a name that nothing else has."""

    def __init__(self, number):
        self.name = f"rump-bench-{os.getpid()}-{number}"

    def __enter__(self):
        need_root()
        command(["ip", "netns", "add", self.name])
        self.ip("link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        with contextlib.suppress(NotHere):
            command(["ip", "netns", "del", self.name])

    def ip(self, *words):
        command(["ip", "-n", self.name, *words])

    def words(self, *words):
        return ["ip", "netns", "exec", self.name, *words]


class Serving:
    """A bench program that answers, for as long as the block lasts."""

    def __init__(self, words, env=None):
        self.words = ["timeout", "-k", str(KILL_AFTER), str(LIMIT), *words]
        self.env = environment({"LD_LIBRARY_PATH": LIB, **(env or {})})
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, env=self.env, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        if not ready or not self.process.stdout.readline().startswith("ready"):
            self.process.kill()
            why = self.process.communicate()[1].strip().splitlines()
            raise NotHere(why[-1] if why else "the program that serves does not start")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()


def ask(words, address, rounds, env=None, port=PORT):
    return figures([*words, "link", address, port, rounds], {"LD_LIBRARY_PATH": LIB, **(env or {})})


def veth(rounds):
    with Namespace("a") as here, Namespace("b") as there:
        here.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", there.name)
        for namespace, address in (here, "10.97.0.1/24"), (there, "10.97.0.2/24"):
            namespace.ip("address", "add", address, "dev", "veth0")
            namespace.ip("link", "set", "veth0", "up")
        host = bench_program("host")
        with Serving(there.words(host, "serve", "10.97.0.2", str(PORT))):
            return ask(here.words(host), "10.97.0.2", rounds)


def conf(work, name, *lines):
    path = os.path.join(work, f"{name}.conf")
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return {"RUMP_CONF": path}


def shmif(rounds, work):
    with tempfile.TemporaryDirectory(prefix="bus.", dir=work) as folder:
        rump = bench_program("rump")
        env = [conf(folder, f"member{i}", f'interface shmif0 "{folder}/bus"',
                    f"address shmif0 10.98.0.{i}/24", "up shmif0") for i in (1, 2)]
        with Serving([rump, "serve", "10.98.0.2", str(PORT)], env[1]):
            return ask([rump], "10.98.0.2", rounds, env[0])


def tap(rounds, work):
    """Both directions, and turns: the rump kernel asks, the host answers."""
    if not os.path.exists("/dev/net/tun"):
        raise NotHere("no /dev/net/tun")
    with Namespace("tap") as namespace:
        namespace.ip("tuntap", "add", "tap0", "mode", "tap", "vnet_hdr")
        namespace.ip("address", "add", "10.99.0.1/24", "dev", "tap0")
        namespace.ip("link", "set", "tap0", "up")
        env = conf(work, "tap", "interface virt0 tap0", "address virt0 10.99.0.2/24", "up virt0")
        with Serving(namespace.words(bench_program("host"), "serve", "10.99.0.1", str(PORT))):
            return ask(namespace.words(bench_program("rump")), "10.99.0.1", rounds, env)


def link_rows(table, count, work):
    rounds = count(5)
    need_root()
    host = veth(rounds)
    for name, measure, stream, turn in (("shmif", shmif, STREAM, TURN),
                                        ("tap", tap, ">= 0.60", "-")):
        try:
            rump = measure(rounds, work)
        except NotHere as why:
            table.skip(name, why)
            continue
        for figure, what, unit, goal in (("send_gb_s", "TCP stream, sent", "GB/s", stream),
                                         ("receive_gb_s", "TCP stream, received", "GB/s", stream),
                                         ("turn_us", "1 byte there and back", "us", turn)):
            table.row(f"{name}: {what}; host: veth", unit, rump[figure], host[figure], goal)


def rows(table, count, work, is_quick):
    for name, measure in (("links", lambda: link_rows(table, count, work)),
                          ("programs", lambda: net_programs.rows(table, count, work, is_quick))):
        try:
            measure()
        except NotHere as why:
            table.skip(f"net: {name}", why)

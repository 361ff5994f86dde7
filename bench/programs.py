# SPDX-License-Identifier: BSD-2-Clause
"""
Whole programs under the preload, their files in /rump, against the same on the host's ext4.

local: the kernel is in the first process of the command, its start and its end, which
writes everything to the image, are in the time.  spawn: in a process beside, which starts
and ends with the command, too.  server: in a rump_server that was there before.

`CPU' is what the command's processes used, the kernel in them included, wherever the
clock is of no use because the machine is busy; another process' kernel is not in it.
"""

import os
import pwd
import random
import shutil
import signal
import subprocess
import tempfile
import time

from disk import HostFolder, make_ext4, preloaded
from measure import LIB, NotHere, by_turns, command, environment
from remote import Server

IMAGE_SIZE = 2 << 30
MEMORY = "512m"
UNITS, FUNCTIONS = 40, 15       # of the C project
FILES, FOLDERS = 2000, 50       # of the repository
INSERTS = 200000
SCALE = 5                       # of pgbench: 100,000 accounts each
SECONDS = 4                     # of a run of pgbench
START_SECONDS = 20
ALONE = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}


def need(*programs):
    for name in programs:
        if not shutil.which(name):
            raise NotHere(f"{name} is missing")


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


# ---- what the programs work on ----

def make_project(folder, units):
    names = [f"unit{i}" for i in range(units)]
    write(f"{folder}/all.h", "".join(f"int {name}_{j}(int a, int b);\n" for name in names
                                     for j in range(FUNCTIONS)))
    for number, name in enumerate(names):
        write(f"{folder}/{name}.c",
              '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include "all.h"\n' +
              "".join(f"int {name}_{j}(int a, int b)\n{{\n\tint sum = 0;\n\n"
                      f"\tfor (int i = 0; i < a; i++)\n\t\tsum += (b * i) ^ {j};\n"
                      f'\tif (sum == {number})\n\t\tprintf("%d\\n", sum);\n'
                      "\treturn sum;\n}\n" for j in range(FUNCTIONS)))
    write(f"{folder}/main.c",
          '#include "all.h"\nint main(void)\n{\n\treturn unit0_0(1, 2) == 77;\n}\n')
    write(f"{folder}/Makefile",
          f"objects := main.o {' '.join(name + '.o' for name in names)}\n"
          "program: $(objects)\n\t$(CC) -o $@ $^\n"
          "%.o: %.c all.h\n\t$(CC) -O1 -c -o $@ $<\n"
          "clean:\n\trm -f program *.o\n")


def make_repository(folder):
    numbers = random.Random(1)
    for i in range(FILES):
        write(f"{folder}/folder{i % FOLDERS}/file{i}",
              "".join(numbers.choices("abcdefghij \n", k=numbers.randint(100, 8000))))
    git = ["git", "-C", folder, "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in ["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["gc", "-q"]:
        command([*git, *words], ALONE)


def insert_script(path, inserts):
    write(path, "create table t(a integer primary key, b text, c int);\n"
          "create index tc on t(c);\nbegin;\n" +
          "".join(f"insert into t values({i},'some text {i}',{i * 7919 % 100003});\n"
                  for i in range(inserts)) + "commit;\nselect count(*), sum(c) from t;\n")


# ---- commands that run to their end ----

def command_rows(table, what, rounds, image, host, script, goal):
    """script(folder): words for sh -c.  A row for each kind of kernel."""
    def words(env, folder):
        return [*(f"{name}={value}" for name, value in ALONE.items()), *env, "/bin/sh", "-c",
                script(folder)]

    conf = image + ".conf"
    write(conf, f'drive /dev/bench "{image}"\nmkdir /disk\nmount ext4 /dev/bench /disk\n')
    kernels = ("local", "spawn")
    found = by_turns(rounds, words([], host),
                     *(words(preloaded(image, kernel, MEMORY), "/rump") for kernel in kernels))
    figures = dict(zip(("host", *kernels), found))
    with Server(os.path.dirname(image), "-f", conf, "-r", MEMORY) as server:
        env = [word for word in preloaded(image, "server") if not word.startswith("RUMPHIJACK=")]
        figures["host again"], figures["server"] = by_turns(
            rounds, words([], host),
            words([*env, "RUMPHIJACK=path=/rump", f"RUMP_SERVER={server.url}"], "/rump/disk"))
    for kernel, against in ("local", "host"), ("spawn", "host"), ("server", "host again"):
        table.row(f"{what}: {kernel}", "ms", figures[kernel].ms, figures[against].ms, goal)
        if kernel == "local":
            table.row("... CPU", "ms", figures[kernel].cpu_ms, figures[against].cpu_ms, goal)


def make_rows(table, count, work, is_quick):
    need("make", "cc")
    tree, image = f"{work}/make.tree", f"{work}/make.ext4"
    units = 6 if is_quick else UNITS
    make_project(f"{tree}/project", units)
    make_ext4(image, IMAGE_SIZE, tree)
    copy = f"{work}/make-host.ext4"
    make_ext4(copy, IMAGE_SIZE, tree)
    with HostFolder(copy, work, tree) as host:
        command_rows(table, f"make, {units + 1} files of C", count(7), image, host,
                     lambda folder: f"exec make -s -C {folder}/project clean program", "<= 1.15")


def git_rows(table, count, work, is_quick):
    need("git")
    del is_quick
    tree, image, copy = f"{work}/git.tree", f"{work}/git.ext4", f"{work}/git-host.ext4"
    make_repository(f"{tree}/repository")
    make_ext4(image, IMAGE_SIZE, tree)
    make_ext4(copy, IMAGE_SIZE, tree)
    with HostFolder(copy, work, tree) as host:
        command_rows(table, f"git clone, local, {FILES} files", count(9), image, host,
                     lambda folder: f"exec git clone -q {folder}/repository {folder}/clone.$$",
                     "<= 1.15")


def sqlite_rows(table, count, work, is_quick):
    need("sqlite3")
    image, copy, script = f"{work}/sqlite.ext4", f"{work}/sqlite-host.ext4", f"{work}/insert.sql"
    inserts = INSERTS // 20 if is_quick else INSERTS
    insert_script(script, inserts)
    make_ext4(image, IMAGE_SIZE)
    make_ext4(copy, IMAGE_SIZE)
    with HostFolder(copy, work) as host:
        command_rows(table, f"sqlite3, {inserts} inserts, an index", count(7), image, host,
                     lambda folder: f"exec sqlite3 {folder}/$$.db <{script}", "<= 1.10")


# ---- postgres ----

class Postgres:
    """A server on a data directory, reached by a socket of the host."""

    def __init__(self, folder, work, user, env):
        self.sockets = tempfile.mkdtemp(prefix="pg.", dir=work)
        shutil.chown(self.sockets, user)
        self.user = user
        self.log = open(f"{self.sockets}/log", "wb")
        self.words = [*as_user(user), "env", *env, postgres_program("postgres"), "-D", folder,
                      "-k", self.sockets, "-c", "listen_addresses=", "-c", "fsync=off"]
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, env=environment(), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_SECONDS
        while "ready to accept connections" not in self.last_line():
            if self.process.poll() is not None or time.monotonic() > end:
                self.__exit__()
                raise NotHere(f"postgres does not start: {self.last_line()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)     # clients are sent away
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def last_line(self):
        with open(f"{self.sockets}/log", encoding="utf-8", errors="replace") as file:
            return (file.read().strip().splitlines() or ["no message"])[-1]

    def run(self, *words):
        return command([*as_user(self.user), "pgbench", "-h", self.sockets, *words, "postgres"])

    def select(self, seconds):
        """Transactions a second."""
        for line in self.run("-n", "-S", "-T", seconds).splitlines():
            if line.startswith("tps = ") and "including" not in line:
                return float(line.split()[2])
        raise NotHere("pgbench says no tps")


def postgres_program(name):
    folders = "/usr/lib/postgresql"
    for version in sorted(os.listdir(folders) if os.path.isdir(folders) else [], reverse=True):
        path = f"{folders}/{version}/bin/{name}"
        if os.path.exists(path):
            return path
    raise NotHere(f"{name} is missing")


def as_user(user):
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]


def postgres_rows(table, count, work, is_quick):
    need("pgbench")
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    tree, image, copy = f"{work}/pg.tree", f"{work}/pg.ext4", f"{work}/pg-host.ext4"
    seconds, scale = (1, 1) if is_quick else (SECONDS, SCALE)
    os.makedirs(f"{tree}/data", 0o700)
    shutil.chown(f"{tree}/data", user)
    # where the build is may be closed to the other user, and our folder is
    os.chmod(work, 0o755)
    lib = shutil.copytree(LIB, f"{work}/lib")
    command([*as_user(user), postgres_program("initdb"), "-N", "-A", "trust", "-U", user,
             "-D", f"{tree}/data"])
    with Postgres(f"{tree}/data", work, user, []) as postgres:
        postgres.run("-i", "-q", "-s", scale)
    make_ext4(image, IMAGE_SIZE, tree)
    shutil.chown(image, user)
    make_ext4(copy, IMAGE_SIZE, tree)
    with HostFolder(copy, work, tree) as host, Postgres(f"{host}/data", work, user, []) as plain:
        for kernel in "local", "spawn":
            rump_tps, host_tps = [], []
            env = preloaded(image, kernel, MEMORY, lib)
            with Postgres("/rump/data", work, user, env) as postgres:
                postgres.select(1)
                for _ in range(count(5)):
                    host_tps.append(plain.select(seconds))
                    rump_tps.append(postgres.select(seconds))
            table.row(f"pgbench -S, its data in /rump: {kernel}", "tx/s", rump_tps, host_tps,
                      ">= 0.90")


def rows(table, count, work, is_quick):
    if not os.path.exists(os.path.join(LIB, "rump_server")):
        raise NotHere("no rump_server in this build")
    for name, measure in (("make", make_rows), ("git", git_rows), ("sqlite3", sqlite_rows),
                          ("pgbench", postgres_rows)):
        try:
            measure(table, count, work, is_quick)
        except NotHere as why:
            table.skip(name, why)

# SPDX-License-Identifier: BSD-2-Clause
"""What bench/run's rows are made of: programs that are run, medians, the table."""

import os
import statistics
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.abspath(os.environ.get("RUMP_BUILD") or os.path.join(TOP, "build"))
LIB = os.path.join(BUILD, "lib")
LIMIT = 600                 # seconds, for a program
KILL_AFTER = 10
MIB, KIB64 = 1 << 20, 64 << 10


class NotHere(Exception):
    """This machine, or this user, cannot measure the row."""


def median(values):
    return statistics.median(values)


def environment(env=None):
    """The caller's, without what would route calls, and env."""
    base = {name: value for name, value in os.environ.items()
            if not name.startswith(("RUMP", "LD_PRELOAD"))}
    base.update(LC_ALL="C", RUMP_MODULES=os.path.join(LIB, "rump/modules"))
    return {**base, **(env or {})}


def command(words, env=None):
    """Standard output of a program that must succeed."""
    try:
        return subprocess.run(["timeout", "-k", str(KILL_AFTER), str(LIMIT), *map(str, words)],
                              env=environment(env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines()
        raise NotHere(why[-1] if why else f"{words[0]}: exit status {error.returncode}") from None


def figures(words, env=None):
    """NAME -> values, of a program that prints lines NAME VALUE."""
    found = {}
    for line in command(words, env).splitlines():
        name, value = line.split()
        found.setdefault(name, []).append(float(value))
    return found


def bench_program(side):
    return os.path.join(BUILD, "bench", f"bench-{side}")


def program(side, *words, **env):
    """side: rump, client (of RUMP_SERVER) or host."""
    if side != "host":
        env["LD_LIBRARY_PATH"] = LIB
    return figures([bench_program(side), *words], env)


class Table:
    """Rows as they come: text at once, with --tsv too, so that a long run can be watched."""

    COLUMNS = ("what", "unit", "rump", "host", "ratio", "goal", "runs")
    WIDTHS = (56, 5, 9, 9, 10, 12, 4)

    def __init__(self, as_tsv):
        self.as_tsv = as_tsv
        self._write(self.COLUMNS)

    def _write(self, words):
        if self.as_tsv:
            print("\t".join(words), flush=True)
            return
        parts = [f"{words[0]:<{self.WIDTHS[0]}}"]
        parts += [f"{word:>{width}}" for word, width in zip(words[1:], self.WIDTHS[1:])]
        print(" ".join(parts).rstrip(), flush=True)

    def row(self, what, unit, rump, host, goal="-", kind="ratio"):
        """rump and host: lists of values or None; kind: ratio (rump / host), more (rump - host)."""
        rump, host = rump or None, host or None
        relation = "-"
        if rump and host:
            relation = (f"{median(rump) / median(host):.2f}" if kind == "ratio"
                        else f"{median(rump) - median(host):+.2f} {unit}")
        self._write((what, unit, self._number(rump), self._number(host), relation, goal,
                     str(max(len(rump or []), len(host or [])))))

    def skip(self, what, why):
        if self.as_tsv:
            self._write((what, "-", "-", "-", "-", "-", f"skipped: {why}"))
        else:
            print(f"{what:<56} skipped: {why}", flush=True)

    @staticmethod
    def _number(values):
        return "-" if not values else f"{median(values):.4g}"


class Times:
    """Of the runs of one command: by the clock, and the CPU time of its processes."""

    def __init__(self, ms, cpu_ms):
        self.ms, self.cpu_ms = ms, cpu_ms


def by_turns(rounds, *commands):
    """Times for each command."""
    words = [os.path.join(BUILD, "bench/bench-spawn"), str(rounds)]
    for number, one in enumerate(commands):
        words += ["--", *one] if number else one
    found = figures(words)
    return [Times(found[str(number)], found[f"{number}_cpu"]) for number in range(len(commands))]

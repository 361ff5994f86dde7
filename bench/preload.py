# SPDX-License-Identifier: BSD-2-Clause
"""
Unmodified programs under the preload: what the host's calls cost with it, and
calls that go to a kernel in the same process.  bench-host is the program on both sides.
"""

import os

from disk import HostFolder, make_ext4, preloaded
from measure import LIB, TOP, bench_program, by_turns, command, figures

IMAGE_SIZE = 2 << 30
PAGE = 4096


def only_the_preload():
    """Words for a program that has the preload and no use for it."""
    return [f"LD_PRELOAD={os.path.join(LIB, 'librumphijack.so')}"]


def start_rows(table, count, work):
    tree, image = os.path.join(TOP, "include"), os.path.join(work, "ls.ext4")
    make_ext4(image, 64 << 20, tree)
    rump, host = by_turns(count(20), [*preloaded(image, memory="128m"), "/bin/ls", "/rump"],
                          ["/bin/ls", tree])
    table.row("LD_PRELOAD ls /rump, ext4 image; against plain ls", "ms", rump.ms, host.ms,
              "<= +15 ms", "more")
    rump, host = by_turns(count(50), [*only_the_preload(), "/bin/true"], ["/bin/true"])
    table.row("a program that never touches rump, under the preload", "ms", rump.ms, host.ms,
              "<= +0.5 ms", "more")


def door_rows(table, count):
    """By turns, as the differences are small."""
    rump, host = {}, {}
    for _ in range(count(15)):
        for side, words in (rump, only_the_preload()), (host, []):
            for name, values in figures(["env", *words, bench_program("host"), "doors"]).items():
                side.setdefault(name, []).extend(values)
    for name, what, goal in (
            ("read_symbol_ns", "a host call under the preload: read() of a byte", "<= +10 ns"),
            ("getppid_symbol_ns", "... getppid()", "<= +10 ns"),
            ("fstat_symbol_ns", "... fstat()", "<= +10 ns"),
            ("write_site_ns", "... write() by an instruction in libc", "<= +15 ns")):
        table.row(what, "ns", rump[name], host[name], goal, "more")


def wait_rows(table, count):
    """By turns."""
    kernels, host = ("local", "spawn"), {}
    rump = {kernel: {} for kernel in kernels}
    program = [bench_program("host"), "waits", "3"]
    for _ in range(count(5)):
        for kernel in kernels:
            words = [*only_the_preload(), f"RUMPHIJACK=path=/rump,socket=unix,kernel={kernel}"]
            for name, values in figures(["env", *words, *program]).items():
                rump[kernel].setdefault(name, []).extend(values)
        for name, values in figures(program).items():
            host.setdefault(name, []).extend(values)
    for kernel in kernels:
        goal = "<= 1.3" if kernel == "local" else "-"
        table.row(f"epoll of 100 host and 100 rump descriptors, kernel={kernel}: write, wait, read",
                  "ns", rump[kernel]["mixed_ns"], host["mixed_ns"], goal)
        table.row("... pipes, the host's", "ns", rump[kernel]["pipes_ns"], host["pipes_ns"], "-")
        table.row("... socketpairs, the rump kernel's", "ns", rump[kernel]["sockets_ns"],
                  host["sockets_ns"], "-")


def file_rows(table, count, work):
    image = os.path.join(work, "files.ext4")

    def both(*words):
        make_ext4(image, IMAGE_SIZE)
        rump = figures(["env", *preloaded(image), bench_program("host"), words[0], "/rump",
                        *words[1:]])
        make_ext4(image, IMAGE_SIZE)
        with HostFolder(image, work) as folder:
            # by turns would need two images of that size in the host's cache
            host = figures([bench_program("host"), words[0], folder, *words[1:]])
        return rump, host

    rump, host = both("data", PAGE, count(7))
    for figure, what, goal in (("read_gb_s", "read, cached", "<= 1.00"),
                               ("write_gb_s", "write", "-")):
        # bytes / (GB/s) = ns
        table.row(f"ext4 through the preload, pieces of 4 KiB: {what}", "ns",
                  [PAGE / gb_s for gb_s in rump[figure]], [PAGE / gb_s for gb_s in host[figure]],
                  goal)
    rump, host = both("names", count(5))
    for figure, what, goal in (("stat_us", "stat", "<= 1.20"), ("create_us", "create", "-"),
                               ("unlink_us", "unlink", "-")):
        table.row(f"ext4 through the preload, 20,000 files: {what}", "us", rump[figure],
                  host[figure], goal)


def map_rows(table, count, work):
    """64 MiB of a file in the page cache, by a new mapping each time."""
    image = os.path.join(work, "map.ext4")
    make_ext4(image, IMAGE_SIZE)
    with HostFolder(image, work) as folder:
        host = figures([bench_program("host"), "map", folder, count(15)])
    for kernel in "local", "spawn":
        make_ext4(image, IMAGE_SIZE)
        rump = figures(["env", *preloaded(image, kernel), bench_program("host"), "map", "/rump",
                        count(15)])
        table.row(f"mmap of ext4 through the preload, kernel={kernel}: read of a page", "ns",
                  [PAGE / gb_s for gb_s in rump["map_read_gb_s"]],
                  [PAGE / gb_s for gb_s in host["map_read_gb_s"]], "<= 1.11")
        for figure, what in (("map_random_us", "a page at random"),
                             ("map_write_fault_us", "a page's first write")):
            table.row(f"... {what}", "us", rump[figure], host[figure], "-")


def rows(table, count, work):
    start_rows(table, count, work)
    map_rows(table, count, work)
    door_rows(table, count)
    wait_rows(table, count)
    file_rows(table, count, work)

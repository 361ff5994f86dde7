#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
libc_calls.py LIBC: system call instructions in the exported functions of a C library.

A line each: NAME NUMBER.  NAME is an exported name of a function with the instruction in
its own body; names of one address are all told, but for those that are private to the
library's own parts (version GLIBC_PRIVATE).  NUMBER is the last one that was put
into eax before it, "?" when that was no constant.  What a function reaches by calls of
others is not told.
"""

import bisect
import re
import subprocess
import sys

SYMBOL = re.compile(r"^\s*\d+: ([0-9a-f]+)\s+(\d+|0x[0-9a-f]+) (?:FUNC|IFUNC)\s+(?:GLOBAL|WEAK)\s+"
                    r"\S+\s+\d+ ([^@\s]+)(\S*)")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
CONSTANT = re.compile(r"^\$0x([0-9a-f]+),%[er]ax$")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def functions(path):
    """[(start, end, names)], sorted"""
    found = {}
    for line in run("readelf", "--dyn-syms", "-W", path).splitlines():
        match = SYMBOL.match(line)
        if match and int(match.group(2), 0) and "PRIVATE" not in match.group(4):
            start = int(match.group(1), 16)
            _, names = found.setdefault(start, (start + int(match.group(2), 0), set()))
            names.add(match.group(3))
    return sorted((start, end, names) for start, (end, names) in found.items())


def calls(path):
    """{(name, number or "?")}"""
    table = functions(path)
    starts = [start for start, _, _ in table]
    found, number = set(), "?"
    for line in run("objdump", "-d", "--no-show-raw-insn", "-j", ".text", path).splitlines():
        match = LINE.match(line)
        if not match:
            number = "?"        # the next symbol
            continue
        address, operation, operands = int(match.group(1), 16), match.group(2), match.group(3)
        constant = CONSTANT.match(operands)
        if operation == "mov" and constant:
            number = int(constant.group(1), 16)
        elif operation == "xor" and operands == "%eax,%eax":
            number = 0
        elif operation == "syscall":
            at = bisect.bisect_right(starts, address) - 1
            if at >= 0 and address < table[at][1]:
                found.update((name, number) for name in table[at][2])
        elif operation == "call" or re.search(r",%[er]?a[xl]$", operands):
            number = "?"
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: libc_calls.py LIBC")
    for name, number in sorted(calls(sys.argv[1]), key=str):
        print(name, number)


if __name__ == "__main__":
    main()

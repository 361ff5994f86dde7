#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A shell on a terminal: ^C and ^Z of a program that is in a call on a file of FOLDER.

terminal.py FOLDER COMMAND...	the command is an interactive shell
"""
import os
import pty
import select
import sys
import time

LIMIT = 60


def read_until(fd, text):
    seen = b""
    end = time.time() + LIMIT
    while text not in seen:
        ready, _, _ = select.select([fd], [], [], max(0, end - time.time()))
        if not ready:
            sys.exit(f"no {text!r} in {seen!r}")
        try:
            seen += os.read(fd, 4096)
        except OSError:
            sys.exit(f"the end, no {text!r} in {seen!r}")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def wait_asleep(shell, count):
    """Until the shell has so many children, and all sleep."""
    end = time.time() + LIMIT
    calm = 0
    while calm < 10 and time.time() < end:
        states = []
        for pid in children(shell):
            with open(f"/proc/{pid}/stat", encoding="latin1") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        calm = calm + 1 if len(states) >= count and set(states) <= {"S"} else 0
        time.sleep(0.03)


def main():
    folder = os.fsencode(sys.argv[1])
    pid, fd = pty.fork()
    if not pid:
        os.execvp(sys.argv[2], sys.argv[2:])

    def say(line):
        os.write(fd, line + b"\n")

    # what is typed does not hold what is waited for
    say(b"PS1=; stty -echo; mkfifo " + folder + b"/f; echo sta''rted $$")
    read_until(fd, b"started ")
    say(b"cat <>" + folder + b"/f")
    wait_asleep(pid, 1)
    os.write(fd, b"\x03")
    say(b"echo interrup''ted $?")
    read_until(fd, b"interrupted 130")
    say(b"cat <>" + folder + b"/f")
    wait_asleep(pid, 1)
    os.write(fd, b"\x1a")
    read_until(fd, b"Stopped")
    say(b"echo stop''ped $?")
    read_until(fd, b"stopped 148")
    say(b"(sleep 0.3; echo conti''nued >" + folder + b"/f) & fg %1")
    read_until(fd, b"continued")
    os.write(fd, b"\x03")
    say(b"echo interrup''ted $?")
    read_until(fd, b"interrupted 130")
    say(b"wait; exit 7")
    end = time.time() + LIMIT
    while time.time() < end:
        try:
            if select.select([fd], [], [], 0.1)[0] and not os.read(fd, 4096):
                break
        except OSError:
            break
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()

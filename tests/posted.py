#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
posted.py CASE: options of TCP sockets that a client of a rump kernel sets without waiting,
looked at from wherever that could be noticed.  Prints the same on the host.
"""

import os
import queue
import socket
import subprocess
import sys
import threading

TCP = socket.IPPROTO_TCP
ROUNDS = 200


def pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]


def cork(one, value):
    one.setsockopt(TCP, socket.TCP_CORK, value)


def is_corked(one):
    return one.getsockopt(TCP, socket.TCP_CORK)


def receive(one, count):
    data = b""
    while len(data) < count:
        piece = one.recv(count - len(data))
        if not piece:
            break
        data += piece
    return data


def case_answers():
    """As web servers do."""
    near, far = pair()
    good = 0
    for n in range(ROUNDS):
        cork(near, 1)
        near.sendall(b"head %4d" % n)
        near.sendall(b"body %4d" % n)
        cork(near, 0)
        good += receive(far, 18) == b"head %4dbody %4d" % (n, n)
    print("answers", good)


def case_own():
    """More than fit, and then a look."""
    near, _far = pair()
    good = 0
    for n in range(ROUNDS):
        for m in range(n % 40):
            cork(near, m & 1)
        cork(near, n & 1)
        good += is_corked(near) == n & 1
    print("own", good)


def case_threads():
    """Another thread looks, and another one sets it back."""
    near, _far = pair()
    there, back = queue.SimpleQueue(), queue.SimpleQueue()

    def look():
        for value in iter(there.get, None):
            good = is_corked(near) == value
            cork(near, 1 - value)
            back.put(good)

    thread = threading.Thread(target=look)
    thread.start()
    good = 0
    for n in range(ROUNDS):
        cork(near, n & 1)
        there.put(n & 1)
        good += back.get() and is_corked(near) == 1 - (n & 1)
    there.put(None)
    thread.join()
    print("threads", good)


def case_processes():
    """Another process that has the socket looks when a pipe of the host tells it to."""
    near, _far = pair()
    there, back = os.pipe(), os.pipe()
    cork(near, 1)
    child = os.fork()
    if not child:
        os.write(back[1], b"%d" % is_corked(near))
        while os.read(there[0], 1) != b"e":
            os.write(back[1], b"%d" % is_corked(near))
        os._exit(0)
    good = os.read(back[0], 1) == b"1"
    for n in range(ROUNDS):
        cork(near, n & 1)
        os.write(there[1], b"n")
        good += os.read(back[0], 1) == b"%d" % (n & 1)
    os.write(there[1], b"e")
    os.waitpid(child, 0)
    print("processes", good)


def case_programs():
    """The next program in this process, and one that is spawned."""
    near, _far = pair()
    near.set_inheritable(True)
    look = (f"import socket; one = socket.socket(fileno={near.fileno()}); "
            "print('programs', one.getsockopt(socket.IPPROTO_TCP, socket.TCP_CORK), flush=True)")
    for value in 1, 0, 1:
        cork(near, value)
        subprocess.run([sys.executable, "-c", look], close_fds=False, check=True)
    cork(near, 0)
    cork(near, 1)
    os.execv(sys.executable, [sys.executable, "-c", look])


def case_numbers():
    """A number that was a TCP socket's is another one's."""
    near, far = pair()
    for value in 1, 0, 1:
        cork(near, value)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    os.dup2(datagrams.fileno(), near.fileno())
    for one in near, datagrams:
        try:
            cork(one, 1)
            print("numbers: a datagram socket was corked")
        except OSError as error:
            print("numbers", error.errno)
    number = far.fileno()
    cork(far, 1)
    cork(far, 0)
    far.close()
    try:
        socket.socket(fileno=number)
        print("numbers: it is still open")
    except OSError as error:
        print("numbers", error.errno)


def case_end():
    """What is posted last is done, however the program ends."""
    for end in os._exit, sys.exit, lambda _: os.kill(os.getpid(), 9):
        near, far = pair()
        child = os.fork()
        if not child:
            far.close()
            cork(near, 1)
            cork(near, 0)
            cork(near, 1)
            near.sendall(b"last words")
            cork(near, 0)
            end(0)
        near.close()
        os.waitpid(child, 0)
        print("end", receive(far, 100))


globals()[f"case_{sys.argv[1]}"]()

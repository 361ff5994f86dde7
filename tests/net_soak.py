#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
net_soak.py serve|traffic|both ADDRESS PORT: what tests/soak runs on rump kernels, a program
that knows nothing of them but the folder FOLDER=/rump, where it reads what its kernel has.

	serve	an echo server for TCP and UDP, and an http server at the next port
	traffic	clients of it
	both	in one process

It obeys lines on standard input and answers each with a line of JSON:

	run SECONDS	connects, transfers, compares, closes; what was done
	measure		memory and sockets of the kernel, once all is quiet
"""

import http.server
import json
import os
import random
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request

ROLE, ADDRESS, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
FOLDER = os.environ.get("FOLDER", "")
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
DATA = bytes(n * 7 % 251 for n in range(400000))
WAIT = 90

SHORT = """use IO::Socket::IP;
my $s = IO::Socket::IP->new(PeerHost => $ARGV[0], PeerPort => $ARGV[1], Type => SOCK_STREAM) or die "short: $@";
print $s "short\\n"; shutdown $s, 1; my $line = <$s>; exit($line eq "short\\n" ? 0 : 1);"""


# ---- the serving side ----

class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            while data := self.request.recv(65536):
                self.request.sendall(data)
        except ConnectionError:
            pass    # clients that reset are part of it


class EchoDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0], self.client_address)


class Pages(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        size = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(DATA[:size])

    def log_message(self, *words):
        pass


def serve():
    for base, handler, port in (
            (socketserver.ThreadingTCPServer, Echo, PORT),
            (socketserver.UDPServer, EchoDatagram, PORT),
            (http.server.ThreadingHTTPServer, Pages, PORT + 1)):
        kind = type("Server", (base,), {
            "address_family": FAMILY, "request_queue_size": 100, "allow_reuse_address": True,
            "daemon_threads": True, "block_on_close": False})
        server = kind((ADDRESS, port), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()


# ---- the asking side: each returns the bytes that were compared ----

def transfer(rng):
    size = rng.randrange(len(DATA))
    with socket.create_connection((ADDRESS, PORT), WAIT) as sock:
        def write():
            sock.sendall(DATA[:size])
            sock.shutdown(socket.SHUT_WR)
        writer = threading.Thread(target=write)
        writer.start()
        got = b""
        while part := sock.recv(65536):
            got += part
        writer.join()
    if got != DATA[:size]:
        raise ValueError(f"tcp: {len(got)} of {size} bytes came back, or others")
    return size


def reset(rng):
    """Closes in the middle of a transfer, half of the time by RST."""
    with socket.create_connection((ADDRESS, PORT), WAIT) as sock:
        if rng.random() < 0.5:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.send(DATA)
    return 0


def page(rng):
    size = rng.randrange(len(DATA))
    host = f"[{ADDRESS}]" if FAMILY == socket.AF_INET6 else ADDRESS
    with urllib.request.urlopen(f"http://{host}:{PORT + 1}/{size}", timeout=WAIT) as answer:
        if answer.read() != DATA[:size]:
            raise ValueError("http: not the page that was asked for")
    return size


def datagrams(rng):
    total = 0
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.connect((ADDRESS, PORT))
        for _ in range(50):
            size = rng.randrange(8000)
            sock.send(DATA[:size])
            if sock.recv(10000) != DATA[:size]:
                raise ValueError("udp: another datagram came back")
            total += size
    return total


def short(_):
    """A program of its own, with the kernel for a moment."""
    subprocess.run(["perl", "-e", SHORT, ADDRESS, str(PORT)], check=True, timeout=WAIT)
    return 6


DEEDS = (transfer, reset, page, datagrams, short)


def run(seconds):
    end = time.monotonic() + seconds
    done = {deed.__name__: 0 for deed in DEEDS}
    result = {"bytes": 0, "errors": []}
    lock = threading.Lock()

    def work(n):
        rng = random.Random(n)
        while time.monotonic() < end and not result["errors"]:
            deed = rng.choices(DEEDS, (4, 4, 4, 4, 1))[0]
            try:
                size = deed(rng)
            except Exception as error:      # whatever it is, the test tells
                result["errors"].append(f"{deed.__name__}: {error!r}")
                return
            with lock:
                done[deed.__name__] += 1
                result["bytes"] += size

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {**result, **done}


# ---- what the kernel has ----

def read_words(path):
    with open(FOLDER + path, encoding="utf-8") as file:
        return [line.split() for line in file]


def kernel_has():
    """KiB and numbers."""
    try:
        with open(FOLDER + "/proc/sys/vm/drop_caches", "w", encoding="utf-8") as file:
            file.write("3")
    except OSError:
        pass    # not root's kernel
    memory = {words[0][:-1]: int(words[1]) for words in read_words("/proc/meminfo")}
    sockets = {words[0][:-1]: dict(zip(words[1::2], map(int, words[2::2])))
               for words in read_words("/proc/net/sockstat")}
    return {
        "kernel_kib": memory["MemTotal"] - memory["MemFree"],
        "slab_kib": memory["SUnreclaim"],
        "kernel_files": int(read_words("/proc/sys/fs/file-nr")[0][0]),
        "tcp": sockets["TCP"]["inuse"] + sockets["TCP"]["orphan"],
        "socket_pages": sockets["TCP"]["mem"] + sockets["UDP"]["mem"],
    }


def measure():
    # ends that are on their way
    for _ in range(100):
        has = kernel_has()
        if has["tcp"] <= 2 and threading.active_count() <= 4:
            break
        time.sleep(0.1)
    return has


def main():
    if ROLE != "traffic":
        serve()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        words = line.split()
        answer = run(float(words[1])) if words[0] == "run" else measure()
        print(json.dumps(answer), flush=True)


main()

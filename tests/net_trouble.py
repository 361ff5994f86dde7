#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
net_trouble.py CASE ADDRESS [ARGUMENT...]: what programs do when a network has trouble: too many
connections, nothing left of something, peers that are gone, floods.  What must hold is asserted;
FOLDER=/rump is where the sysctls of the network are.
"""

import errno
import os
import random
import resource
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

FOLDER = os.environ.get("FOLDER", "/rump")
ADDRESS = sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1"
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
DATA = bytes(n * 7 % 251 for n in range(1 << 20))
WAIT = 90


def say(*words):
    print(*words, flush=True)


def sysctl(name, value=None):
    path = f"{FOLDER}/proc/sys/net/{name}"
    if value is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(str(value))
    with open(path, encoding="ascii") as file:
        return file.read().split()


def counters(path, prefix):
    """Of /proc/net/netstat and its like: lines of names and of values in turn."""
    with open(FOLDER + path, encoding="ascii") as file:
        lines = [line.split() for line in file if line.startswith(prefix + ":")]
    return dict(zip(lines[0][1:], map(int, lines[1][1:])))


def until(what, condition, seconds=WAIT):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not in {seconds} s: {what}"
        time.sleep(0.01)


def name_of(error):
    return errno.errorcode.get(error.errno, str(error)) if isinstance(error, OSError) else repr(error)


def listener(backlog=128):
    sock = socket.create_server((ADDRESS, 0), family=FAMILY, backlog=backlog)
    sock.settimeout(WAIT)
    return sock


def pair(server=None):
    own = server or listener()
    client = socket.create_connection(own.getsockname()[:2], WAIT)
    peer = own.accept()[0]
    if not server:
        own.close()
    return client, peer


def exchange(client, peer, data=DATA):
    """All of it arrives, in order."""
    writer = threading.Thread(target=client.sendall, args=(data,))
    writer.start()
    got = bytearray()
    while len(got) < len(data):
        part = peer.recv(1 << 16)
        assert part, f"the end after {len(got)} bytes"
        got += part
    writer.join()
    assert got == data


def exchange_works():
    client, peer = pair()
    with client, peer:
        exchange(client, peer)


# ---- nothing left ----

def case_descriptors():
    """EMFILE of accept and socket; the connection waits and is served when there is room."""
    server = listener()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    first = socket.create_connection(server.getsockname()[:2], WAIT)
    spare = os.open("/dev/null", os.O_RDONLY)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))
    for call in (server.accept, lambda: socket.socket(FAMILY, socket.SOCK_STREAM),
                 lambda: socket.socketpair()):
        try:
            call()
            raise AssertionError("one more than is allowed")
        except OSError as error:
            say(name_of(error))
    os.close(spare)
    peer = server.accept()[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    exchange(first, peer)
    say("served")


def case_ports():
    """Each of a few ports is used; then EADDRNOTAVAIL; and they come back."""
    sysctl("ipv4/ip_local_port_range", "41000 41019")
    server = socket.create_server((ADDRESS, 8080), family=FAMILY, backlog=200)
    clients = []
    while True:
        try:
            clients.append(socket.create_connection((ADDRESS, 8080), WAIT))
        except OSError as error:
            say(name_of(error))
            break
        assert len(clients) <= 20, "more connections than ports"
    assert len(clients) == 20, len(clients)
    # ends of the client's side first, so the ports are in TIME_WAIT
    for client in clients:
        client.close()
        server.accept()[0].close()
    sysctl("ipv4/tcp_tw_reuse", 1)
    time.sleep(1.1)     # a second must have passed, for its time stamps
    with socket.create_connection((ADDRESS, 8080), WAIT) as client:
        exchange(client, server.accept()[0])
    say("a port in TIME_WAIT is used again")


def case_memory():
    """1,000 connections with full queues in a small kernel: errors, perhaps; then all is well."""
    server = listener(2000)
    server.settimeout(2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    pairs, errors = [], set()
    for _ in range(1000):
        try:
            client = socket.socket(FAMILY, socket.SOCK_STREAM)
            client.settimeout(2)
            client.connect(server.getsockname()[:2])
            peer = server.accept()[0]
        except OSError as error:
            errors.add(name_of(error))
            if len(errors) > 3:
                break
            continue
        client.setblocking(False)
        pairs.append((client, peer))
        try:
            while client.send(DATA[:65536]):
                pass
        except BlockingIOError:
            pass
        except OSError as error:
            errors.add(name_of(error))
    assert len(pairs) >= 100, (len(pairs), errors)
    assert not errors - {"ENOBUFS", "ENOMEM", "EAGAIN", "TimeoutError('timed out')", "timed out"}, errors
    for client, peer in pairs:
        client.close()
        peer.close()
    until("memory of sockets is free", lambda: socket_pages() < free_pages())
    exchange_works()
    say("then all is well")


def socket_pages():
    with open(FOLDER + "/proc/net/sockstat", encoding="ascii") as file:
        for line in file:
            if line.startswith("TCP:"):
                words = line.split()
                return int(words[words.index("mem") + 1])
    raise AssertionError("no TCP in sockstat")


def free_pages():
    """What socket_pages() stays below when no socket has any: each CPU keeps some for the next."""
    with open(FOLDER + "/proc/cpuinfo", encoding="ascii") as file:
        cpus = sum(line.startswith("processor") for line in file)
    return 44 + cpus * int(sysctl("core/mem_pcpu_rsv")[0])


def case_large():
    """A message of 64 MiB by one call, read by pieces."""
    client, peer = pair()
    data = DATA * 64
    client.settimeout(None)
    result = []
    writer = threading.Thread(target=lambda: result.append(client.sendmsg([data[:1], data[1:]])))
    writer.start()
    got = 0
    while got < len(data):
        part = peer.recv(1 << 20)
        assert part == data[got:got + len(part)]
        got += len(part)
    writer.join()
    assert result == [len(data)], result
    say("sent", result[0])


# ---- queues ----

def accept_and_say(server):
    while True:
        try:
            peer = server.accept()[0]
        except OSError:
            return
        peer.sendall(b"!")


def case_backlog():
    """More connections than a listener takes: the others wait for it."""
    server = listener(2)
    clients = []
    for _ in range(12):
        client = socket.socket(FAMILY, socket.SOCK_STREAM)
        client.setblocking(False)
        assert client.connect_ex(server.getsockname()[:2]) == errno.EINPROGRESS
        clients.append(client)
    time.sleep(0.2)
    served = threading.Thread(target=accept_and_say, args=(server,), daemon=True)
    served.start()
    for client in clients:
        # who believes to be connected and is not learns it by writing
        client.settimeout(WAIT)
        until("connected", lambda c=client: select.select([], [c], [], 0)[1])
        client.send(b"?")
        assert client.recv(1) == b"!"
        client.close()
    say("all were served")


def case_nonblocking():
    """A receiver that stops: EAGAIN, then poll tells when there is room, and no byte is lost."""
    client, peer = pair()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 5000)
    client.setblocking(False)
    rng = random.Random(1)
    sent, got, waits = 0, bytearray(), 0
    data = DATA * 4
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    poll.register(peer, 0)
    while sent < len(data):
        try:
            sent += client.send(data[sent:sent + 100000])
        except BlockingIOError:
            waits += 1
            # the reader takes some, until the writer may go on
            while not any(events & select.POLLOUT for _, events in poll.poll(10)):
                if select.select([peer], [], [], 0)[0]:
                    got += peer.recv(rng.randrange(1, 200000))
    client.close()
    while len(got) < len(data) and (part := peer.recv(1 << 20)):
        got += part
    assert got == data and waits > 3, (len(got), waits)
    say("none is lost")


# ---- floods ----

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


def case_flood():
    """SYNs of nobody: cookies let the others in."""
    # what is not ours goes to lo, too, where nobody takes it
    subprocess.run(["ip", "route", "add", "198.51.0.0/16", "dev", "lo"], check=True, timeout=WAIT)
    server = listener(8)
    port = server.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        there = socket.inet_aton(ADDRESS)
        for n in range(3000):
            # answers go to lo and are for nobody
            source = socket.inet_aton(f"198.51.{n // 200 % 100}.{n % 200 + 1}")
            tcp = struct.pack("!HHIIBBHHH", 1024 + n, port, n, 0, 0x50, 2, 1000, 0, 0)
            pseudo = source + there + struct.pack("!BBH", 0, 6, len(tcp))
            tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
            raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, source,
                                   there) + tcp, (ADDRESS, 0))
    for _ in range(20):
        client, peer = pair(server)
        exchange(client, peer, DATA[:1000])
        client.close()
        peer.close()
    count = counters("/proc/net/netstat", "TcpExt")
    assert count["TCPReqQFullDoCookies"] > 100 and count["SyncookiesRecv"] >= 1, count
    say("cookies")


def case_fragments():
    """Datagrams in pieces; and pieces of what never is complete take no memory without bound."""
    subprocess.run(["ip", "link", "set", "lo", "mtu", "1500"], check=True, timeout=WAIT)
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as server, \
            socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
        server.bind((ADDRESS, 0))
        server.settimeout(WAIT)
        for size in (1472, 1473, 9000, 65507):
            client.sendto(DATA[:size], server.getsockname())
            assert server.recv(70000) == DATA[:size]
        before = counters("/proc/net/snmp", "Ip")
        assert before["ReasmOKs"] >= 3, before
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
            for n in range(20000):
                # the first piece of each, some with others that overlap
                here = socket.inet_aton(ADDRESS)
                for offset in (0, 3)[:1 + n % 2]:
                    raw.sendto(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 1020, n, 0x2000 | offset, 64, 17, 0,
                                           here, here) + DATA[:1000], (ADDRESS, 0))
        with open(FOLDER + "/proc/net/sockstat", encoding="ascii") as file:
            memory = int(next(line for line in file if line.startswith("FRAG")).split()[-1])
        assert memory <= int(sysctl("ipv4/ipfrag_high_thresh")[0]) + 100000, memory
        sysctl("ipv4/ipfrag_time", 1)
        client.sendto(DATA[:1000], server.getsockname())
        assert server.recv(70000) == DATA[:1000]
    say("bounded")


# ---- what goes away ----

def case_half_open():
    """The other side is not there any more and says nothing."""
    silent, peer = pair()
    writing, other = pair()
    # on its own system, for nothing comes back from it
    silent.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1), (socket.TCP_KEEPCNT, 2)):
        silent.setsockopt(socket.IPPROTO_TCP, option, value)
    writing.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
    for sock in (silent, writing):
        sock.settimeout(None)
    subprocess.run(["ip", "link", "set", "lo", "down"], check=True, timeout=WAIT)
    start = time.monotonic()
    results = {}

    def wait(name, sock):
        try:
            results[name] = sock.recv(1)
        except OSError as error:
            results[name] = name_of(error)

    try:
        writing.send(b"into the dark")
        threads = [threading.Thread(target=wait, args=one) for one in (("keepalive", silent),
                                                                       ("user timeout", writing))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT)
    finally:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=WAIT)
    took = time.monotonic() - start
    assert took < 80, took
    say(sorted(results.items()))
    del peer, other
    exchange_works()


def case_down_and_up():
    """lo goes and comes under traffic: the transfer waits, then all arrives."""
    client, peer = pair()
    got, done = bytearray(), threading.Event()
    data = DATA * 16

    def read():
        while part := peer.recv(1 << 15):
            got.extend(part)
        done.set()

    reader = threading.Thread(target=read)
    reader.start()

    def write():
        for at in range(0, len(data), 1 << 16):
            client.sendall(data[at:at + (1 << 16)])
            time.sleep(0.001)
        client.shutdown(socket.SHUT_WR)

    client.settimeout(None)
    writer = threading.Thread(target=write)
    writer.start()
    until("traffic", lambda: len(got) > 1 << 20)
    for _ in range(3):
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True, timeout=WAIT)
        time.sleep(0.05)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, timeout=WAIT)
        before = len(got)
        until("traffic again", lambda b=before: len(got) > b or done.is_set())
    writer.join()
    assert done.wait(WAIT) and got == data
    say("all arrived")


def block(name, sock, results):
    calls = {
        "recv": lambda: sock.recv(1),
        "accept": sock.accept,
        "poll": lambda: poll_one(sock),
        "epoll": lambda: epoll_one(sock),
        "send": lambda: [sock.send(DATA) for _ in range(100)],
    }
    try:
        calls[name]()
        results.append((name, "success"))
    except OSError as error:
        results.append((name, name_of(error)))


def poll_one(sock):
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    events = poll.poll()
    # what a program does next
    assert events
    sock.recv(1)


def epoll_one(sock):
    with select.epoll() as epoll:
        epoll.register(sock, select.EPOLLIN)
        assert epoll.poll()
        sock.recv(1)


def case_blocked():
    """Threads in five calls on the kernel of a server, which is killed: each of them comes back."""
    server = listener()
    ours, theirs, results = [], [], []
    for name in ("recv", "accept", "poll", "epoll", "send"):
        client, peer = pair(server)
        for sock in (client, peer):
            sock.settimeout(None)
        ours.append((name, server if name == "accept" else client))
        theirs += [client, peer]
    server.settimeout(None)
    threads = [threading.Thread(target=block, args=(*one, results)) for one in ours]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    say("blocked")
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "still blocked"
    say(*[f"{name}={error}" for name, error in sorted(results)])
    # and with a new server, if one is there
    try:
        exchange_works()
        say("again")
    except OSError as error:
        say("now", name_of(error))


def case_serve():
    """Echoes at PORT until it is ended."""
    server = socket.create_server((ADDRESS, int(sys.argv[3])), family=FAMILY)
    say("ready")
    while True:
        peer = server.accept()[0]
        threading.Thread(target=echo, args=(peer,), daemon=True).start()


def echo(peer):
    try:
        while data := peer.recv(65536):
            peer.sendall(data)
    except OSError:
        pass
    peer.close()


def case_transfer():
    """To and from an echo server at PORT, until the end is told on standard input, or it fails."""
    with socket.create_connection((ADDRESS, int(sys.argv[3])), WAIT) as sock:
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000)
        count = 0
        try:
            while not select.select([sys.stdin], [], [], 0)[0]:
                sock.sendall(DATA[:30000])
                got = b""
                while len(got) < 30000:
                    part = sock.recv(30000)
                    assert part, "the end"
                    got += part
                assert got == DATA[:30000]
                count += 1
                if count == 20:
                    say("busy")
        except OSError as error:
            say("lost:", name_of(error))
            return
    say("right")


def case_hold():
    """Connections to PORT with traffic in both directions until somebody ends it."""
    port = int(sys.argv[3])
    threads = []
    for _ in range(5):
        sock = socket.socket(FAMILY, socket.SOCK_STREAM)
        # 100 with full queues are more than a kernel of 128 MiB has for sockets: Linux drops data
        # then, and a reset behind it is out of the window, so that its connection stays
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        sock.connect((ADDRESS, port))
        threads += [threading.Thread(target=lambda s=sock: [s.sendall(DATA) for _ in range(10000)]),
                    threading.Thread(target=lambda s=sock: [s.recv(4096) for _ in range(10 ** 9)])]
    for thread in threads:
        thread.start()
    say("busy")


def case_outlive():
    """20 programs with 5 connections each are killed: the ends are seen, all is given back."""
    server = listener(200)
    server.settimeout(WAIT)
    port = server.getsockname()[1]
    exchange_works()
    files = lambda: int(open(FOLDER + "/proc/sys/fs/file-nr", encoding="ascii").read().split()[0])
    before = files()
    ends = []

    def serve(peer):
        try:
            while data := peer.recv(65536):
                peer.sendall(data)
            ends.append("end")
        except OSError as error:
            ends.append(name_of(error))
        peer.close()

    children = [subprocess.Popen([sys.executable, __file__, "hold", ADDRESS, str(port)],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for _ in range(20)]
    threads = [threading.Thread(target=serve, args=(server.accept()[0],)) for _ in range(100)]
    for thread in threads:
        thread.start()
    for child in children:
        assert child.stdout.readline() == b"busy\n"
    for child in children:
        child.send_signal(signal.SIGKILL)
    for child in children:
        child.wait(WAIT)
        child.stdout.close()
    for thread in threads:
        thread.join(WAIT)
        assert not thread.is_alive(), "an end is not seen"
    assert len(ends) == 100 and set(ends) <= {"end", "ECONNRESET", "EPIPE"}, set(ends)
    server.close()
    # counted by steps of 32
    until("files are closed", lambda: files() <= before + 96)
    until("memory of sockets is free", lambda: socket_pages() < free_pages())
    again = socket.create_server((ADDRESS, port), family=FAMILY)
    again.close()
    say("100 ends")


if __name__ == "__main__":
    globals()["case_" + sys.argv[1]]()

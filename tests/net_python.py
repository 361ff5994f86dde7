#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
net_python.py CASE ADDRESS: both ends of what python's library does with a network, on the
loopback address.  It prints what arrived, the same in each run, and ends with an exception
when that is not what was sent.  Nothing here knows of rump kernels.
"""

import array
import asyncio
import hashlib
import http.client
import http.server
import multiprocessing
import multiprocessing.connection
import os
import select
import selectors
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.request

ADDRESS = "127.0.0.1"
FAMILY = socket.AF_INET
DATA = bytes(range(256)) * 4096     # 1 MiB
WAIT = 90


def say(*words):
    print(*words, flush=True)


def digest(data):
    return f"{len(data)} {hashlib.sha256(data).hexdigest()[:16]}"


def url(port, path, scheme="http"):
    host = f"[{ADDRESS}]" if ":" in ADDRESS else ADDRESS
    return f"{scheme}://{host}:{port}{path}"


def in_thread(function, *arguments):
    thread = threading.Thread(target=function, args=arguments, daemon=True)
    thread.start()
    return thread


def tcp_listener():
    listener = socket.create_server((ADDRESS, 0), family=FAMILY)
    listener.settimeout(WAIT)
    return listener, listener.getsockname()[1]


def receive_all(sock):
    parts = []
    while part := sock.recv(65536):
        parts.append(part)
    return b"".join(parts)


def receive_exactly(sock, size):
    data = b""
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += part
    return data


def echo_once(listener):
    with listener.accept()[0] as peer:
        while part := peer.recv(65536):
            peer.sendall(part)


# ---- socket ----

def case_tcp():
    listener, port = tcp_listener()
    server = in_thread(echo_once, listener)
    with socket.create_connection((ADDRESS, port), WAIT) as client:
        say("peer", client.getpeername()[0], client.getpeername()[1] == port)
        writer = in_thread(lambda: (client.sendall(DATA), client.shutdown(socket.SHUT_WR)))
        data = receive_all(client)
        writer.join()
    server.join()
    assert data == DATA
    say("echo", digest(data))
    listener.close()
    try:
        socket.create_connection((ADDRESS, port), WAIT)
    except ConnectionRefusedError:
        say("refused")


def case_udp():
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as server, \
            socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
        server.bind((ADDRESS, 0))
        server.settimeout(WAIT)
        client.settimeout(WAIT)
        client.connect(server.getsockname()[:2])
        for size in (0, 1, 1472, 9000, 65507):
            client.send(DATA[:size])
            data, sender = server.recvfrom(70000)
            assert data == DATA[:size] and sender == client.getsockname()
            server.sendto(data[::-1], sender)
            assert client.recv(70000) == DATA[:size][::-1]
            say("datagram", size)
        try:
            client.send(DATA[:65508 + 20])
        except OSError as error:
            say("too large", error.errno)
        # what is cut off is told
        client.send(b"0123456789")
        data, _, flags, _ = server.recvmsg(4)
        say("truncated", data, bool(flags & socket.MSG_TRUNC))
        server.close()
        client.send(b"nobody")
        try:
            client.recv(10)
        except ConnectionRefusedError:
            say("nobody there")


def case_options():
    listener, port = tcp_listener()
    with socket.create_connection((ADDRESS, port), WAIT) as client:
        peer = listener.accept()[0]
        for level, name, value in (
                (socket.SOL_SOCKET, "SO_KEEPALIVE", 1), (socket.SOL_SOCKET, "SO_RCVBUF", 30000),
                (socket.SOL_SOCKET, "SO_REUSEADDR", 1), (socket.SOL_SOCKET, "SO_REUSEPORT", 1),
                (socket.SOL_SOCKET, "SO_PRIORITY", 3), (socket.SOL_SOCKET, "SO_TYPE", None),
                (socket.SOL_SOCKET, "SO_PROTOCOL", None), (socket.SOL_SOCKET, "SO_DOMAIN", None),
                (socket.IPPROTO_TCP, "TCP_NODELAY", 1), (socket.IPPROTO_TCP, "TCP_CORK", 1),
                (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 77), (socket.IPPROTO_TCP, "TCP_KEEPCNT", 5),
                (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 5000),
                (socket.IPPROTO_TCP, "TCP_NOTSENT_LOWAT", 4096)):
            option = getattr(socket, name)
            if value is not None:
                client.setsockopt(level, option, value)
            say(name, client.getsockopt(level, option))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        say("SO_LINGER", struct.unpack("ii", client.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)))
        say("TCP_CONGESTION", bool(client.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)))
        # struct tcp_info: its state is the first byte
        say("TCP_INFO", client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[0])
    try:
        peer.recv(1)
    except ConnectionResetError:
        say("reset by linger")
    peer.close()
    say("out of band")
    with socket.create_connection((ADDRESS, port), WAIT) as client, listener.accept()[0] as peer:
        client.send(b"abc", socket.MSG_OOB)
        say(select.select([], [], [peer], WAIT)[2] == [peer], peer.recv(1, socket.MSG_OOB),
            receive_exactly(peer, 2))


def case_ancillary():
    """What comes beside the data of a datagram."""
    is6 = FAMILY == socket.AF_INET6
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as server, \
            socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
        server.bind((ADDRESS, 0))
        server.settimeout(WAIT)
        if is6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
            control = [(socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT, struct.pack("i", 33)),
                       (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, struct.pack("i", 0x48))]
        else:
            server.setsockopt(socket.IPPROTO_IP, 8, 1)     # IP_PKTINFO
            server.setsockopt(socket.IPPROTO_IP, 12, 1)    # IP_RECVTTL
            server.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
            control = [(socket.IPPROTO_IP, socket.IP_TTL, struct.pack("i", 33)),
                       (socket.IPPROTO_IP, socket.IP_TOS, struct.pack("i", 0x48))]
        server.setsockopt(socket.SOL_SOCKET, 29, 1)     # SO_TIMESTAMP
        client.sendmsg([b"a", b"bc", b"", b"def"], control, 0, server.getsockname())
        data, cmsgs, flags, sender = server.recvmsg(100, 1000)
        say(data, flags, sender == client.getsockname() or sender[0])
        for level, kind, content in cmsgs:
            if (level, kind) == (socket.SOL_SOCKET, 29):
                content = len(content)
            say("cmsg", level, kind, content)
        # too small a buffer for them
        client.sendto(b"x", server.getsockname())
        _, cmsgs, flags, _ = server.recvmsg(100, 20)
        say("cut", len(cmsgs), bool(flags & socket.MSG_CTRUNC))
    with socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
        # the error queue: IP_RECVERR, IPV6_RECVERR
        client.setsockopt(*((socket.IPPROTO_IPV6, 25, 1) if is6 else (socket.IPPROTO_IP, 11, 1)))
        client.sendto(b"x", (ADDRESS, 9))
        poll = select.poll()
        poll.register(client, 0)
        say("poll", poll.poll(WAIT * 1000)[0][1])
        data, cmsgs, flags, sender = client.recvmsg(100, 1000, socket.MSG_ERRQUEUE)
        say("error queue", data, bool(flags & socket.MSG_ERRQUEUE), sender[0],
            struct.unpack("IBBBB", cmsgs[0][2][:8]))
    near, far = socket.socketpair()
    with near, far:
        near.sendmsg([b"fd"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [1, 2]))])
        data, cmsgs, _, _ = far.recvmsg(10, socket.CMSG_SPACE(8))
        fds = array.array("i", cmsgs[0][2])
        say(data, [os.fstat(a).st_ino == os.fstat(b).st_ino for a, b in zip(fds, (1, 2))])


# ---- socketserver ----

class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class UpperDatagram(socketserver.BaseRequestHandler):
    def handle(self):
        self.request[1].sendto(self.request[0].upper(), self.client_address)


def case_socketserver():
    for base in (socketserver.ThreadingTCPServer, socketserver.ForkingTCPServer,
                 socketserver.ThreadingUDPServer, socketserver.ForkingUDPServer):
        is_udp = issubclass(base, socketserver.UDPServer)
        kind = type("Server", (base,), {"address_family": FAMILY, "request_queue_size": 50})
        with kind((ADDRESS, 0), UpperDatagram if is_udp else Upper) as server:
            in_thread(server.serve_forever, 0.05)
            address = server.server_address[:2]
            if is_udp:
                with socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
                    client.settimeout(WAIT)
                    client.sendto(b"datagram", address)
                    say(base.__name__, client.recv(100))
            else:
                clients = [socket.create_connection(address, WAIT) for _ in range(20)]
                for n, client in enumerate(clients):
                    client.sendall(b"line %d\n" % n)
                    client.shutdown(socket.SHUT_WR)
                say(base.__name__, b"".join(receive_all(client) for client in clients))
                for client in clients:
                    client.close()
            server.shutdown()


# ---- asyncio ----

def case_asyncio():
    async def echo(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def one_client(port, n):
        reader, writer = await asyncio.open_connection(ADDRESS, port)
        data = DATA[n * 1000:n * 1000 + 100000]
        writer.write(data)
        writer.write_eof()
        result = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        assert result == data
        return len(result)

    class Datagrams(asyncio.DatagramProtocol):
        def __init__(self, done=None):
            self.done = done

        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            if self.done:
                self.done.set_result(data)
            else:
                self.transport.sendto(data[::-1], addr)

    async def everything():
        server = await asyncio.start_server(echo, ADDRESS, 0, backlog=200)
        port = server.sockets[0].getsockname()[1]
        sizes = await asyncio.gather(*[one_client(port, n) for n in range(100)])
        say("100 streams", sum(sizes))
        server.close()
        await server.wait_closed()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(Datagrams, (ADDRESS, 0))
        there = transport.get_extra_info("sockname")[:2]
        done = loop.create_future()
        other, _ = await loop.create_datagram_endpoint(lambda: Datagrams(done), remote_addr=there)
        other.sendto(b"datagram")
        say("datagram", await asyncio.wait_for(done, WAIT))
        transport.close()
        other.close()
        # a child with pipes beside sockets
        child = await asyncio.create_subprocess_exec("cat", stdin=subprocess.PIPE,
                                                     stdout=subprocess.PIPE)
        say("child", (await child.communicate(b"through cat"))[0])
        # a connection that nobody accepts is cancelled
        try:
            await asyncio.wait_for(loop.sock_recv(idle_socket(), 1), 0.1)
        except asyncio.TimeoutError:
            say("cancelled")

    def idle_socket():
        sock = socket.socket(FAMILY, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((ADDRESS, 0))
        return sock

    asyncio.run(everything())


# ---- selectors ----

def case_selectors():
    for kind in (selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector):
        listener, port = tcp_listener()
        listener.setblocking(False)
        with kind() as selector:
            selector.register(listener, selectors.EVENT_READ)
            clients = [socket.create_connection((ADDRESS, port), WAIT) for _ in range(30)]
            for n, client in enumerate(clients):
                in_thread(lambda c=client, n=n: (c.sendall(DATA[:10000 + n]),
                                                 c.shutdown(socket.SHUT_WR)))
            received, open_peers = {}, 30
            while open_peers:
                events = selector.select(WAIT)
                assert events, "nothing became ready"
                for key, mask in events:
                    if key.fileobj is listener:
                        peer, sender = listener.accept()
                        peer.setblocking(False)
                        received[sender] = []
                        selector.register(peer, selectors.EVENT_READ, sender)
                    elif part := key.fileobj.recv(3000):
                        received[key.data].append(part)
                    else:
                        selector.unregister(key.fileobj)
                        key.fileobj.close()
                        open_peers -= 1
            for n, client in enumerate(clients):
                assert b"".join(received[client.getsockname()]) == DATA[:10000 + n]
                client.close()
        listener.close()
        say(kind.__name__, len(received))


# ---- http, tls ----

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format, *args):
        pass

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        answer = digest(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


class Server(http.server.ThreadingHTTPServer):
    address_family = FAMILY
    request_queue_size = 100


def case_http():
    Server.address_family = FAMILY
    os.chdir(os.environ["D"])
    with open("page", "wb") as file:
        file.write(DATA)
    with Server((ADDRESS, 0), Handler) as server:
        port = server.server_address[1]
        in_thread(server.serve_forever, 0.05)
        with urllib.request.urlopen(url(port, "/page"), timeout=WAIT) as answer:
            data = answer.read()
        assert data == DATA
        say("urllib", answer.status, digest(data))
        try:
            urllib.request.urlopen(url(port, "/none"), timeout=WAIT)
        except urllib.error.HTTPError as error:
            say("urllib", error.code)
        connection = http.client.HTTPConnection(ADDRESS, port, timeout=WAIT)
        for size in (0, 10, len(DATA)):
            connection.request("POST", "/", DATA[:size])
            answer = connection.getresponse().read().decode()
            assert answer == digest(DATA[:size])
            say("one connection", answer)
        connection.close()
        results = []
        threads = [in_thread(lambda: results.append(urllib.request.urlopen(
            url(port, "/page"), timeout=WAIT).read() == DATA)) for _ in range(20)]
        for thread in threads:
            thread.join()
        say("20 at once", results.count(True))
        server.shutdown()


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1", "-keyout", folder + "/key",
         "-out", folder + "/certificate"], check=True, capture_output=True, timeout=WAIT)


def case_ssl():
    with tempfile.TemporaryDirectory(dir=os.environ["D"]) as folder:
        make_certificate(folder)
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(folder + "/certificate", folder + "/key")
        client_side = ssl.create_default_context(cafile=folder + "/certificate")
    listener, port = tcp_listener()

    def serve():
        with server_side.wrap_socket(listener.accept()[0], server_side=True) as peer:
            peer.sendall(receive_exactly(peer, len(DATA))[::-1])
            peer.unwrap()

    server = in_thread(serve)
    with socket.create_connection((ADDRESS, port), WAIT) as plain, \
            client_side.wrap_socket(plain, server_hostname=ADDRESS) as client:
        say(client.version(), client.getpeercert()["subject"])
        client.sendall(DATA)
        data = receive_exactly(client, len(DATA))
        assert data == DATA[::-1]
        say("tls", digest(data))
        client.unwrap()
    server.join()

    async def streams():
        async def answer(reader, writer):
            writer.write((await reader.readexactly(len(DATA)))[::-1])
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, ADDRESS, 0, ssl=server_side)
        port = server.sockets[0].getsockname()[1]

        async def ask():
            reader, writer = await asyncio.open_connection(ADDRESS, port, ssl=client_side)
            writer.write(DATA)
            data = await reader.readexactly(len(DATA))
            writer.close()
            return data == DATA[::-1]

        say("asyncio tls", await asyncio.gather(*[ask() for _ in range(10)]))
        server.close()

    asyncio.run(streams())


# ---- processes ----

def child_connects(address, n):
    with multiprocessing.connection.Client(address, authkey=b"secret") as connection:
        connection.send({"n": n, "data": DATA[:n * 1000]})
        return connection.recv()


def child_serves(listener, count):
    """Accepts on a socket that the parent has opened."""
    listener.settimeout(WAIT)
    for _ in range(count):
        with listener.accept()[0] as peer:
            peer.sendall(receive_exactly(peer, 10).upper())


def child_takes(pipe):
    """A connected socket comes as a message."""
    with pipe.recv() as sock:
        sock.sendall(b"from a child")


def case_multiprocessing():
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        if FAMILY == socket.AF_INET:
            # this class knows no AF_INET6
            with multiprocessing.connection.Listener((ADDRESS, 0), authkey=b"secret",
                                                     backlog=20) as listener, \
                    context.Pool(4) as pool:
                results = pool.starmap_async(child_connects,
                                             [(listener.address, n) for n in range(8)])
                for _ in range(8):
                    with listener.accept() as connection:
                        message = connection.recv()
                        assert message["data"] == DATA[:message["n"] * 1000]
                        connection.send(message["n"] ** 2)
                say(method, "pool", results.get(WAIT))
        listener, port = tcp_listener()
        children = [context.Process(target=child_serves, args=(listener, 5)) for _ in range(3)]
        for child in children:
            child.start()
        answers = []
        for n in range(15):
            with socket.create_connection((ADDRESS, port), WAIT) as client:
                client.sendall(b"request %2d" % n)
                answers.append(receive_all(client))
        for child in children:
            child.join(WAIT)
        say(method, "servers", answers, [child.exitcode for child in children])
        near, far = context.Pipe()
        child = context.Process(target=child_takes, args=(far,))
        child.start()
        client = socket.create_connection((ADDRESS, port), WAIT)
        peer = listener.accept()[0]
        near.send(peer)
        peer.close()
        say(method, "passed", receive_all(client))
        child.join(WAIT)
        client.close()
        listener.close()


def case_sendfile():
    for folder in (os.environ["D"], os.environ.get("TMPDIR", "/tmp")):
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(DATA)
            for use in ("socket.sendfile", "os.sendfile", "splice"):
                listener, port = tcp_listener()
                result = []
                with socket.create_connection((ADDRESS, port), WAIT) as client, \
                        listener.accept()[0] as peer:
                    reader = in_thread(lambda: result.append(receive_all(peer)))
                    send_file(use, client, file)
                    client.shutdown(socket.SHUT_WR)
                    reader.join()
                listener.close()
                assert result[0] == DATA
                say(use, digest(result[0]))


def send_file(use, client, file):
    if use == "socket.sendfile":
        file.seek(0)
        assert client.sendfile(file) == len(DATA)
        return
    offset = 0
    client.settimeout(None)
    if use == "os.sendfile":
        while offset < len(DATA):
            offset += os.sendfile(client.fileno(), file.fileno(), offset, len(DATA))
        return
    pipe = os.pipe()
    while offset < len(DATA):
        size = os.splice(file.fileno(), pipe[1], 65536, offset_src=offset)
        offset += size
        while size:
            size -= os.splice(pipe[0], client.fileno(), size)
    os.close(pipe[0])
    os.close(pipe[1])


# ---- packets: in a network that nobody else uses ----

def case_packet():
    """Frames as a packet crafter writes them, on lo, which has ADDRESS, not one of 127/8:
    those come only from the own kernel."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003)) as raw, \
            socket.socket(FAMILY, socket.SOCK_DGRAM) as server:
        raw.bind(("lo", 0x0800))
        raw.settimeout(WAIT)
        # classic BPF: UDP to port 7777 over IPv4 and nothing else
        program = [(0x28, 0, 0, 12), (0x15, 0, 5, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 3, 17),
                   (0x28, 0, 0, 36), (0x15, 0, 1, 7777), (0x06, 0, 0, 65535), (0x06, 0, 0, 0)]
        code = b"".join(struct.pack("HBBI", *one) for one in program)
        buffer = (array.array("B", code))
        raw.setsockopt(socket.SOL_SOCKET, 26,
                       struct.pack("HL", len(program), buffer.buffer_info()[0]))
        server.bind((ADDRESS, 7777))
        server.settimeout(WAIT)
        payload = b"crafted"
        udp = struct.pack("!HHHH", 1234, 7777, 8 + len(payload), 0) + payload
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                             socket.inet_aton("192.0.2.1"), socket.inet_aton(ADDRESS))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("lo", 0))
            sender.send(bytes(12) + b"\x08\x00" + header + udp)
        say("server got", *server.recvfrom(100))
        frame, where = raw.recvfrom(2000)
        say("seen", frame[14:] == header + udp, where[0], hex(where[1]))
        with socket.socket(FAMILY, socket.SOCK_DGRAM) as client:
            client.sendto(b"to another port", (ADDRESS, 7778))
            client.sendto(b"seen", (ADDRESS, 7777))
        while (frame := raw.recv(2000))[42:] == payload:
            pass
        say("filtered", frame[42:])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.settimeout(WAIT)
        echo = struct.pack("!BBHHH", 8, 0, 0, 4711, 1) + b"ping"
        echo = echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:]
        raw.sendto(echo, (ADDRESS, 0))
        while (answer := raw.recv(1000))[20] != 0:
            pass
        say("icmp", answer[20:22], answer[24:])


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


if __name__ == "__main__":
    if len(sys.argv) > 2:
        ADDRESS = sys.argv[2]
        FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
    globals()["case_" + sys.argv[1]]()

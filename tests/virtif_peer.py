# SPDX-License-Identifier: BSD-2-Clause
"""The other end of an interface, for tests/virtif.bats.

garbage stream PATH SEED     listens there; the connections get garbage, each of another kind
garbage dgram PATH PEER SEED datagrams of all sizes, and more
garbage tap NAME SEED        frames of all kinds from the host's end of a tap
with_tap NAME FD COMMAND...  runs the command with the tap open as descriptor FD
"""

import fcntl
import os
import random
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000


def open_tap(name):
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return fd


def frame(draw):
    """Ethernet to everybody, then something like IPv4, IPv6 or ARP, or not."""
    kind = draw.choice([0x0800, 0x86DD, 0x0806, 0x8100, draw.randrange(65536)])
    body = draw.randbytes(draw.choice([0, 1, 20, 40, 60, 1480, draw.randrange(9000)]))
    if kind == 0x0800 and body:
        body = bytes([0x45]) + body[1:]
    return b"\xff" * 6 + b"\x02" + draw.randbytes(5) + struct.pack(">H", kind) + body


def stream_garbage(draw, kind):
    good = frame(draw)
    ahead = struct.pack(">I", len(good)) + good
    return {
        0: b"\x00\x00\x00\x00" * 1000 + ahead,
        1: b"\x00\x00\x00\x01x" * 1000 + ahead,
        2: struct.pack(">I", 65536 + 9000) + b"y" * 70000,
        3: struct.pack(">I", 1 << 31) + b"z" * 100,
        4: ahead[:-3],
        5: ahead * 50 + ahead[:2],
        6: draw.randbytes(20000),
        7: b"".join(struct.pack(">I", len(f)) + f for f in (frame(draw) for _ in range(300))),
    }[kind]


def garbage_stream(path, seed):
    draw = random.Random(seed)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(1)
    print("ready", flush=True)
    for kind in range(8):
        peer, _ = server.accept()
        data = stream_garbage(draw, kind)
        try:
            for at in range(0, len(data), 1777):
                peer.sendall(data[at : at + 1777])
        except OSError:
            pass  # it was given up
        peer.close()
    print("done", flush=True)
    # the link comes back to one that says nothing
    peer, _ = server.accept()
    while peer.recv(65536):
        pass


def garbage_dgram(path, peer, seed):
    draw = random.Random(seed)
    ours = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    ours.bind(path)
    while True:
        try:
            ours.connect(peer)
            break
        except OSError:
            time.sleep(0.05)
    for n in range(3000):
        data = draw.choice([b"", b"x", draw.randbytes(13), frame(draw), draw.randbytes(draw.randrange(3000))])
        if n % 500 == 0:
            data = draw.randbytes(100000)
        try:
            ours.send(data)
        except OSError:
            pass
    print("done", flush=True)


def garbage_tap(name, seed):
    """What the host's own stack would never send."""
    draw = random.Random(seed)
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    raw.bind((name, 0))
    for _ in range(5000):
        try:
            raw.send(frame(draw))
        except OSError:
            pass
    print("done", flush=True)


def with_tap(name, number, *command):
    fd = open_tap(name)
    os.dup2(fd, int(number), inheritable=True)
    os.close(fd)
    os.execvp(command[0], command)


def main():
    if sys.argv[1] == "garbage":
        {"stream": garbage_stream, "dgram": garbage_dgram, "tap": garbage_tap}[sys.argv[2]](*sys.argv[3:])
    elif sys.argv[1] == "with_tap":
        with_tap(*sys.argv[2:])
    else:
        sys.exit(__doc__)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
net_packet.py CASE: packet sockets on v0 and v1, the two ends of a cable in this program's
network namespace: plain ones, filters, fanout, rings.  It ends with an exception when what
arrives is not what has to; nothing here knows of rump kernels.
"""

import ctypes
import errno
import functools
import mmap
import random
import select
import socket
import struct
import sys

SOL_PACKET = 263
ADD_MEMBERSHIP, RX_RING, STATISTICS, AUXDATA, VERSION, TX_RING, FANOUT = 1, 5, 6, 8, 10, 13, 18
SO_ATTACH_FILTER, SO_DETACH_FILTER, SO_LOCK_FILTER = 26, 27, 44
ETH_P_ALL, ETH_P_IP, ETH_P_TEST = 3, 0x800, 0x88B5
MR_PROMISC = 1
USER, SEND_REQUEST = 1, 1           # of tp_status
FANOUT_HASH, FANOUT_LB = 0, 1
WAIT = 40


@functools.cache
def mac(interface):
    with open_on(interface) as s:
        return s.getsockname()[4]


def open_on(interface, protocol=ETH_P_TEST, kind=socket.SOCK_RAW):
    # protocol 0: nothing arrives before it is bound
    s = socket.socket(socket.AF_PACKET, kind, 0)
    s.bind((interface, protocol))
    s.settimeout(WAIT)
    return s


def frame(payload, to=None, protocol=ETH_P_TEST):
    return (to or mac("v1")) + mac("v0") + struct.pack("!H", protocol) + payload


def payload(n, size=None):
    """That of frame n, which tells n; its size is n's own, too."""
    make = random.Random(n)
    size = size or make.randrange(60, 1400)
    return struct.pack("!I", n) + make.randbytes(size - 4)


def statistics(s):
    """Frames that passed the filter, and how many of them had no room; both begin anew."""
    return struct.unpack("II", s.getsockopt(SOL_PACKET, STATISTICS, 8))


def must(condition, *words):
    if not condition:
        raise AssertionError(" ".join(str(word) for word in words))


def fails_with(number, function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        must(error.errno == number, function, error)
    else:
        raise AssertionError(f"{function} did not fail")


# ---- plain ----


def plain():
    out, into, everything = open_on("v0"), open_on("v1"), open_on("v0", ETH_P_ALL)
    out.send(frame(payload(1)))
    data, (interface, protocol, kind, hardware, address) = into.recvfrom(2000)
    must(data == frame(payload(1)))
    must((interface, protocol, kind, hardware, address) ==
         ("v1", ETH_P_TEST, socket.PACKET_HOST, 1, mac("v0")), interface, kind, hardware, address)
    # the sender's own taps see it leave
    data, address = everything.recvfrom(2000)
    while data[12:14] != frame(b"")[12:14]:
        # IPv6 talks, too
        data, address = everything.recvfrom(2000)
    must(data == frame(payload(1)) and address[2] == socket.PACKET_OUTGOING, address)
    # to all, to somebody else
    for to, kind in (b"\xff" * 6, socket.PACKET_BROADCAST), (b"\x02" * 6, socket.PACKET_OTHERHOST):
        out.send(frame(payload(2), to))
        into.setsockopt(SOL_PACKET, ADD_MEMBERSHIP,
                        struct.pack("iHH8x", socket.if_nametoindex("v1"), MR_PROMISC, 0))
        data, address = into.recvfrom(2000)
        must(data == frame(payload(2), to) and address[2] == kind, address)
    # without the header on either side
    cooked_out = open_on("v0", kind=socket.SOCK_DGRAM)
    cooked_in = open_on("v1", kind=socket.SOCK_DGRAM)
    cooked_out.sendto(payload(3), ("v0", ETH_P_TEST, 0, 0, mac("v1")))
    must(cooked_in.recv(2000) == payload(3))
    must(into.recv(2000) == frame(payload(3)))
    # the length of what was cut off
    into.setsockopt(SOL_PACKET, AUXDATA, 1)
    out.send(frame(payload(4, 500)))
    data, control, flags, _ = into.recvmsg(100, 100)
    status, length, snap = struct.unpack("III", control[0][2][:12])
    must(len(data) == 100 and flags & socket.MSG_TRUNC and length == 514 and snap == 514 and
         status & USER, len(data), flags, length, snap)
    # another protocol is another socket's
    out.send(frame(payload(5), protocol=0x88B6))
    out.send(frame(payload(6)))
    must(into.recv(2000) == frame(payload(6)))
    fails_with(errno.EMSGSIZE, out.send, frame(bytes(1501)))
    fails_with(errno.EINVAL, out.send, b"short")
    fails_with(errno.ENODEV, open_on, "nowhere")


# ---- filters ----


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


def attach(s, *code):
    binary = b"".join(struct.pack("HBBI", *each) for each in code)
    program = Program(len(code), binary)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, bytes(program))


def filters():
    out, into = open_on("v0"), open_on("v1")
    statistics(into)
    # the last byte of n has to be odd; 18 bytes of the frame are kept
    attach(into, (0x30, 0, 0, 17), (0x45, 0, 1, 1), (0x06, 0, 0, 18), (0x06, 0, 0, 0))
    for n in range(100):
        out.send(frame(payload(n)))
    got = [into.recv(2000) for _ in range(50)]
    must(got == [frame(payload(n))[:18] for n in range(1, 100, 2)])
    must(statistics(into) == (50, 0))
    into.setblocking(False)
    fails_with(errno.EAGAIN, into.recv, 1)
    # a program that jumps behind its end
    fails_with(errno.EINVAL, attach, into, (0x05, 0, 0, 7), (0x06, 0, 0, 0))
    into.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    out.send(frame(payload(2)))
    into.settimeout(WAIT)
    must(into.recv(2000) == frame(payload(2)))
    attach(into, (0x06, 0, 0, 0))
    into.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
    fails_with(errno.EPERM, into.setsockopt, socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
    # a socket that nobody reads: what has no room is counted
    full = open_on("v1")
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
    for n in range(200):
        out.send(frame(payload(n, 1000)))
    full.setblocking(False)
    read = 0
    try:
        while full.recv(2000) == frame(payload(read, 1000)):
            read += 1
    except BlockingIOError:
        pass
    seen, dropped = statistics(full)
    must(seen == 200 and 0 < dropped < 200 and read + dropped == 200, seen, dropped, read)


# ---- fanout ----


def datagram(source, n):
    udp = struct.pack("!HHHH", source, 9, 12, 0) + struct.pack("!I", n)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
    return frame(ip + udp, protocol=ETH_P_IP)


def read_all(sockets, count):
    """What each of them got, once there are that many."""
    got = {s: [] for s in sockets}
    while count:
        ready = select.select(sockets, [], [], WAIT)[0]
        must(ready, count, "frames have not come")
        for s in ready:
            got[s].append(s.recv(2000))
            count -= 1
    return list(got.values())


def fanout():
    out = open_on("v0")
    for group, kind in (1, FANOUT_LB), (2, FANOUT_HASH):
        members = [open_on("v1", ETH_P_IP) for _ in range(4)]
        for s in members:
            s.setsockopt(SOL_PACKET, FANOUT, group | kind << 16)
        # one that does not belong to it
        alone = open_on("v1", ETH_P_IP)
        sent = [datagram(1000 + n % 20, n) for n in range(100)]
        for each in sent:
            out.send(each)
        got = read_all(members, len(sent))
        must(sorted(sum(got, [])) == sorted(sent))
        must(read_all([alone], len(sent))[0] == sent)
        if kind == FANOUT_LB:
            must([len(each) for each in got] == [25] * 4, [len(each) for each in got])
        else:
            # a flow stays with one
            flows = [{each[34:36] for each in frames} for frames in got]
            must(sum(len(each) for each in flows) == 20, flows)
            must(sum(bool(each) for each in flows) > 1, flows)
        for s in members + [alone]:
            s.close()


# ---- rings ----

# a block for each frame that is under way: on a slow machine the timer may end one after each
BLOCK, FRAME, BLOCKS = 16384, 2048, 16
FRAMES = BLOCK // FRAME * BLOCKS
# a frame's header: tp_status, tp_len, tp_snaplen, tp_mac
HEADERS = {1: "@LIIH", 2: "@IIIH"}
V3_BLOCK = struct.Struct("IIIIIIQ")     # version, offset, status, packets, first, length, sequence
V3_FRAME = struct.Struct("IIIIIIH")     # next, sec, nsec, snaplen, len, status, mac
ALIGNED_HEADER = {1: 32, 2: 32, 3: 48}  # where the data of a frame to send begins


def ring(s, version, option=RX_RING):
    s.setsockopt(SOL_PACKET, VERSION, version - 1)
    request = struct.pack("IIII", BLOCK, BLOCKS, FRAME, FRAMES)
    if version == 3:
        # a block goes to its reader after 20 ms, full or not
        request += struct.pack("III", 20 if option == RX_RING else 0, 0, 0)
    s.setsockopt(SOL_PACKET, option, request)
    return mmap.mmap(s.fileno(), BLOCK * BLOCKS)


def wait(s, event):
    poll = select.poll()
    poll.register(s, event)
    must(poll.poll(WAIT * 1000), "nothing happens in the ring")


def frames_of(s, area, version):
    """The frames of an older ring as they come."""
    header = struct.Struct(HEADERS[version])
    while True:
        for at in range(0, BLOCK * BLOCKS, FRAME):
            while True:
                status, length, snap, start = header.unpack_from(area, at)
                if status & USER:
                    break
                wait(s, select.POLLIN)
            must(length == snap)
            data = area[at + start:at + start + snap]
            struct.pack_into(HEADERS[version][1], area, at, 0)
            yield data


def blocks_of(s, area):
    """The frames of a ring of version 3, block by block."""
    while True:
        for block in range(0, BLOCK * BLOCKS, BLOCK):
            while True:
                _, _, status, packets, first, _, _ = V3_BLOCK.unpack_from(area, block)
                if status & USER:
                    break
                wait(s, select.POLLIN)
            at = block + first
            for _ in range(packets):
                step, _, _, snap, length, _, start = V3_FRAME.unpack_from(area, at)
                must(length == snap)
                yield area[at + start:at + start + snap]
                at += step
            struct.pack_into("I", area, block + 8, 0)


def rings_in():
    out = open_on("v0")
    for version in 1, 2, 3:
        into = open_on("v1")
        area = ring(into, version)
        fails_with(errno.EBUSY, into.setsockopt, SOL_PACKET, VERSION, 0)
        frames = blocks_of(into, area) if version == 3 else frames_of(into, area, version)
        # many times around, never more than there is room for
        for n in range(0, 800, 8):
            for each in range(n, n + 8):
                out.send(frame(payload(each)))
            for each in range(n, n + 8):
                must(next(frames) == frame(payload(each)), "version", version, "frame", each)
        must(statistics(into) == (800, 0), "version", version)
        into.close()
        area.close()
        # nobody takes them out
        into = open_on("v1")
        area = ring(into, version)
        for n in range(FRAMES * 3):
            out.send(frame(payload(n, 1400)))
        seen, dropped = statistics(into)
        must(seen == FRAMES * 3 and dropped >= FRAMES, "version", version, seen, dropped)
        area.close()
        into.close()


def rings_out():
    into = open_on("v1")
    into.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1000000)
    for version in 1, 2, 3:
        # of protocol 0: it does not receive
        out = open_on("v0", 0)
        area = ring(out, version, TX_RING)
        size = ALIGNED_HEADER[version]
        for lap in range(3):
            for n in range(FRAMES):
                data, at = frame(payload(lap * FRAMES + n)), n * FRAME
                status_at, status, length = {1: (at, "L", (at + 8,)), 2: (at, "I", (at + 4,)),
                                             3: (at + 20, "I", (at + 12, at + 16))}[version]
                while struct.unpack_from("I", area, status_at)[0]:
                    wait(out, select.POLLOUT)
                area[at + size:at + size + len(data)] = data
                for each in length:
                    struct.pack_into("I", area, each, len(data))
                struct.pack_into(status, area, status_at, SEND_REQUEST)
            out.send(b"")
            for n in range(FRAMES):
                must(into.recv(2000) == frame(payload(lap * FRAMES + n)), "version", version, lap, n)
        area.close()
        out.close()


CASES = {each.__name__: each for each in (plain, filters, fanout, rings_in, rings_out)}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        CASES[name]()
        print(name)

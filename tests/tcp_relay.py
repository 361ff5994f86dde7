#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
tcp_relay.py TARGET-PORT [flip CONNECTION DIRECTION OFFSET] [log FILE]

What sits between a client and a server of tests: passes TCP connections on, prints the port
it listens on.  flip: changes one bit of the byte at OFFSET of what goes "up" (to the server)
or "down" in the CONNECTIONth connection (from 0 on: control, the first channel, ...).
log: everything that passes is appended to FILE.
"""

import socket
import sys
import threading


def pump(source, sink, flip_at, log):
    passed = 0
    try:
        while data := source.recv(65536):
            if log:
                log.write(data)
            if flip_at is not None and passed <= flip_at < passed + len(data):
                data = bytearray(data)
                data[flip_at - passed] ^= 0x10
            passed += len(data)
            sink.sendall(data)
    except OSError:
        pass
    for end in (source, sink):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def main(target, words):
    flip, log = None, None
    while words:
        if words[0] == "flip":
            flip = (int(words[1]), words[2], int(words[3]))
            words = words[4:]
        elif words[0] == "log":
            log = open(words[1], "ab", buffering=0)
            words = words[2:]
        else:
            sys.exit(f"tcp_relay.py: {words[0]}?")
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    number = 0
    while True:
        client = listener.accept()[0]
        try:
            server = socket.create_connection(("127.0.0.1", target))
        except OSError:
            client.close()
            continue
        for source, sink, direction in ((client, server, "up"), (server, client, "down")):
            at = flip[2] if flip and flip[:2] == (number, direction) else None
            threading.Thread(target=pump, args=(source, sink, at, log), daemon=True).start()
        number += 1


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])

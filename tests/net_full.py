#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
net_full.py COUNT: connections that nobody reads from, each as full as it gets, all at once;
when they have been closed, another one carries all that is sent.
"""

import resource
import socket
import sys
import threading

COUNT = int(sys.argv[1])

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 2 * COUNT + 100), most))

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
pairs = []
for _ in range(COUNT):
    full = socket.create_connection(listener.getsockname())
    reader, _ = listener.accept()
    full.setblocking(False)
    try:
        while True:
            full.send(b"x" * 65536)
    except BlockingIOError:
        pass
    pairs.append((full, reader))
print("full", flush=True)
for full, reader in pairs:
    reader.close()
    full.close()

DATA = bytes(n * 7 % 251 for n in range(1000000))
sender = socket.create_connection(listener.getsockname())
reader, _ = listener.accept()
thread = threading.Thread(target=lambda: (sender.sendall(DATA), sender.close()))
thread.start()
got = b""
while data := reader.recv(65536):
    got += data
thread.join()
print("whole" if got == DATA else f"{len(got)} bytes, or others")

# SPDX-License-Identifier: BSD-2-Clause
"""
The host's sockets in a rump kernel: rows of bench/run.  A program of the host answers over
its loopback; who asks is a program of the host, or one with a kernel that has sockin.
"""

import socket

from measure import bench_program
from net import Serving, ask, conf


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def rows(table, count, work):
    rounds, port = count(5), free_port()
    env = conf(work, "sockin", "sockin")
    with Serving([bench_program("host"), "serve", "127.0.0.1", str(port)]):
        host = ask([bench_program("host")], "127.0.0.1", rounds, port=port)
        rump = ask([bench_program("rump")], "127.0.0.1", rounds, env, port)
    for figure, what, unit in (("send_gb_s", "TCP stream, sent", "GB/s"),
                               ("receive_gb_s", "TCP stream, received", "GB/s"),
                               ("turn_us", "1 byte there and back", "us")):
        table.row(f"sockin: {what}; host: loopback", unit, rump[figure], host[figure])

# SPDX-License-Identifier: BSD-2-Clause
"""How the kernel build talks to the user: short lines on stdout, one clear error."""

import signal
import subprocess
import sys
import time


class BuildError(Exception):
    """Something the user can act on; its text is all that is printed."""


def say(text):
    print(f"kernel: {text}", flush=True)


class Step:
    """Prints "TEXT ... done in N s"."""

    def __init__(self, text):
        self.text = text

    def __enter__(self):
        self.start = time.monotonic()
        print(f"kernel: {self.text} ...", end="", flush=True)
        return self

    def __exit__(self, kind, value, trace):
        seconds = time.monotonic() - self.start
        print(f" done in {seconds:.0f} s" if kind is None else " failed", flush=True)
        return False


def run(main):
    """Runs main(); an error of the user's becomes one line and status 1."""
    # ends what runs below, too, instead of leaving it behind
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        main()
    except BuildError as error:
        sys.stdout.flush()
        print(f"kernel: error: {error}", file=sys.stderr, flush=True)
        sys.exit(1)
    except subprocess.CalledProcessError as error:
        command = error.cmd if isinstance(error.cmd, str) else " ".join(map(str, error.cmd))
        print(f"kernel: error: {command}: exit status {error.returncode}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

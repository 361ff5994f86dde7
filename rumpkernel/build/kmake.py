# SPDX-License-Identifier: BSD-2-Clause
"""Runs the kernel's make: environment, progress lines, and what to show when it fails."""

import os
import re
import shutil
import subprocess
import time

from report import BuildError, say

OBJECT = re.compile(r"\s*(CC|AS|LD|AR|HOSTCC|LDS|KSYMS)\b.*?\s(\S+)$")
ERROR = re.compile(r"error:|ERROR:|undefined reference|multiple definition|\*\*\*|[Ff]atal|ld: ")
SECONDS_BETWEEN_LINES = 10


class Make:
    """make ARCH=rump O=objects in a tree, with our choice of tools and nothing of the caller's."""

    def __init__(self, tree, objects, work, jobs, compiler):
        self.tree = tree
        self.objects = objects
        self.work = work
        self.jobs = jobs or os.cpu_count() or 1
        self.compiler = compiler
        self.extra = []

    def variables(self):
        """The variables that decide what is made, as NAME=VALUE."""
        prefix = self._compiler_prefix()
        # Paths in debug info that do not tell where this was built; it also lets
        # a compiler cache serve every checkout.  gdb: set substitute-path.
        maps = f"-fdebug-prefix-map={self.tree}=linux -fdebug-prefix-map={self.objects}=linux/obj"
        if self.compiler == "clang":
            # the tree's Makefile.clang knows no arch/rump
            tools = ["LLVM=1", f"CC={prefix}clang", f"HOSTCC={prefix}clang",
                     "CLANG_TARGET_FLAGS_rump=x86_64-linux-gnu"]
        else:
            tools = [f"CC={prefix}gcc", f"HOSTCC={prefix}gcc"]
        return ["ARCH=rump", f"O={self.objects}", f"KCFLAGS={maps}", f"KAFLAGS={maps}",
                *tools, *self.extra]

    def _compiler_prefix(self):
        """ "ccache " if it is there; as it was at first: make compiles all anew on a change."""
        note = os.path.join(self.objects, ".rump-compiler-prefix")
        if not os.path.exists(note):
            with open(note, "w", encoding="utf-8") as file:
                file.write("ccache " if shutil.which("ccache") else "")
        with open(note, encoding="utf-8") as file:
            prefix = file.read()
        if prefix and not shutil.which("ccache"):
            os.unlink(note)
            prefix = ""
        return prefix

    def _environment(self):
        kept = {name: value for name, value in os.environ.items()
                if name in ("PATH", "HOME", "TMPDIR", "USER") or name.startswith("CCACHE_")}
        kept.update(
            LC_ALL="C",
            # the same bytes from the same input
            KBUILD_BUILD_TIMESTAMP="@0", KBUILD_BUILD_USER="rump", KBUILD_BUILD_HOST="rump",
            KBUILD_BUILD_VERSION="1",
            # ld's: the image finds librumpuser.so.0 beside itself, wherever they are put
            LD_RUN_PATH="$ORIGIN",
        )
        kept.setdefault("CCACHE_BASEDIR", self.work)
        kept.setdefault("CCACHE_NOHASHDIR", "1")
        return kept

    def run(self, what, targets, extra=(), log="build.log"):
        """Makes targets.  A BuildError tells the first errors and where the log is."""
        log_path = os.path.join(self.objects, log)
        command = ["make", "-C", self.tree, f"-j{self.jobs}", *self.variables(), *extra, *targets]
        start = time.monotonic()
        next_line = start + SECONDS_BETWEEN_LINES
        count = 0
        warnings, errors = [], []
        with open(log_path, "w", encoding="utf-8", errors="replace") as log_file:
            process = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            )
            try:
                for line in process.stdout:
                    log_file.write(line)
                    match = OBJECT.match(line)
                    if match:
                        count += 1
                    elif ERROR.search(line):
                        errors.append(line.rstrip())
                    elif "arch/rump" in line and "warning:" in line:
                        warnings.append(line.rstrip())
                    now = time.monotonic()
                    if match and now >= next_line:
                        say(f"{what}: {count} files, {now - start:.0f} s, now {match.group(2)}")
                        next_line = now + SECONDS_BETWEEN_LINES
                process.wait()
            finally:
                if process.poll() is None:
                    process.terminate()
                    process.wait()

        for line in warnings[:20]:
            say(line)
        seconds = time.monotonic() - start
        if process.returncode:
            first = [line for line in errors if not line.startswith("make")] or errors
            shown = "\n  ".join(first[:12]) or "(no error line in the log)"
            raise BuildError(f"{what} failed after {seconds:.0f} s; the log is {log_path}\n  {shown}")
        if count:
            say(f"{what}: {count} files in {seconds:.0f} s")

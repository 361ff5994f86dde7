# SPDX-License-Identifier: BSD-2-Clause
"""
Finds the Linux source and makes a tree of it that arch/rump can be added to.

A tarball is unpacked into the work folder.  A directory of the user's is never
written to: the tree is then a farm of symbolic links to its top entries and
to those of its arch/, and all output goes to a folder of its own (O=), so that
nothing is ever written through a link.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile

from report import BuildError, Step

DEFAULT = "/usr/src/linux-source-6.12.tar.xz"
WANTED = ("6", "12")
ADVICE = "take Debian's: apt-get install linux-source-6.12"


def check_version(makefile, where):
    """The tree's release, from the text of its Makefile; an error if it is not a 6.12."""
    found = {}
    for key in ("VERSION", "PATCHLEVEL", "SUBLEVEL"):
        match = re.search(rf"^{key}\s*=\s*(\S*)", makefile, re.M)
        found[key] = match.group(1) if match else ""
    if not found["VERSION"].isdigit() or not found["PATCHLEVEL"].isdigit():
        raise BuildError(f"{where}: not a Linux source tree (no VERSION in its Makefile); {ADVICE}")
    if (found["VERSION"], found["PATCHLEVEL"]) != WANTED:
        raise BuildError(
            f"{where}: this is Linux {found['VERSION']}.{found['PATCHLEVEL']}, "
            f"but 6.12 is needed; {ADVICE}"
        )
    return "{VERSION}.{PATCHLEVEL}.{SUBLEVEL}".format(**found)


class Source:
    """A Linux source as the user named it; lay() makes the tree."""

    def __init__(self, path):
        self.path = os.path.abspath(path or DEFAULT)
        if not os.path.exists(self.path):
            raise BuildError(f"{self.path}: no Linux source there; {ADVICE}")
        self.is_directory = os.path.isdir(self.path)

    def inputs(self):
        """The files whose change means another source."""
        return [os.path.join(self.path, "Makefile") if self.is_directory else self.path]

    def lay(self, work):
        """Makes the tree below work unless it is there; returns (tree, release)."""
        return self._farm(work) if self.is_directory else self._unpack(work)

    def check(self):
        """Fails where lay() would for a missing or wrong source, and writes nothing."""
        if self.is_directory:
            self._check_directory()
        else:
            self._refuse_other_version()

    def _stamp(self):
        status = os.stat(self.inputs()[0])
        return f"{self.path} {status.st_size} {status.st_mtime_ns}\n"

    def _check_directory(self):
        makefile = self.inputs()[0]
        if not os.path.isfile(makefile):
            raise BuildError(f"{self.path}: not a Linux source tree (no Makefile); {ADVICE}")
        with open(makefile, encoding="utf-8", errors="replace") as file:
            release = check_version(file.read(), self.path)
        for left in (".config", "include/config", "include/generated"):
            if os.path.lexists(os.path.join(self.path, left)):
                raise BuildError(
                    f"{self.path}: something was built inside this tree ({left} exists); "
                    "run `make mrproper' in it or name a clean one"
                )
        return release

    def _farm(self, work):
        release = self._check_directory()
        name = hashlib.sha256(self.path.encode()).hexdigest()[:12]
        tree = os.path.join(work, f"farm-{name}")
        os.makedirs(os.path.join(tree, "arch"), exist_ok=True)
        _link_entries(self.path, tree, skip={"arch", ".git"})
        _link_entries(os.path.join(self.path, "arch"), os.path.join(tree, "arch"), skip={"rump"})
        return tree, release

    def _unpack(self, work):
        home = os.path.join(work, "unpacked")
        stamp_file = os.path.join(home, ".stamp")
        stamp = self._stamp()
        tree = _one_folder(home)
        if tree is None or _read(stamp_file) != stamp:
            fresh = home + ".new"
            shutil.rmtree(fresh, ignore_errors=True)
            os.makedirs(fresh)
            with Step(f"unpacking {self.path}"):
                self._extract(fresh)
            tree = _one_folder(fresh)
            if tree is None or not os.path.isfile(os.path.join(tree, "Makefile")):
                shutil.rmtree(fresh)
                raise BuildError(f"{self.path}: holds no Linux source tree; {ADVICE}")
            with open(os.path.join(tree, "Makefile"), encoding="utf-8", errors="replace") as file:
                check_version(file.read(), self.path)
            with open(os.path.join(fresh, ".stamp"), "w", encoding="utf-8") as file:
                file.write(stamp)
            shutil.rmtree(home, ignore_errors=True)
            os.rename(fresh, home)
            tree = _one_folder(home)
        with open(os.path.join(tree, "Makefile"), encoding="utf-8", errors="replace") as file:
            return tree, check_version(file.read(), self.path)

    def _extract(self, into):
        self._refuse_other_version()
        result = subprocess.run(
            ["tar", "-xf", self.path, "-C", into],
            stderr=subprocess.PIPE, text=True, check=False,
        )
        if result.returncode:
            lines = result.stderr.strip().splitlines() or ["tar failed"]
            raise BuildError(f"{self.path}: cannot be unpacked: {lines[0]}")

    def _refuse_other_version(self):
        """Tells a wrong version before a gigabyte is written, where the Makefile comes early."""
        try:
            with tarfile.open(self.path) as archive:
                for count, member in enumerate(archive):
                    if re.fullmatch(r"(\./)?[^/]+/Makefile", member.name):
                        text = archive.extractfile(member).read().decode(errors="replace")
                        check_version(text, self.path)
                        return
                    if count > 1000:
                        return
        except (tarfile.TarError, EOFError, OSError) as error:
            reason = str(error).splitlines()[0].rstrip(":")
            raise BuildError(f"{self.path}: not a tarball that can be read: {reason}") from None


def _link_entries(source, folder, skip):
    wanted = {name for name in os.listdir(source) if name not in skip}
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) and name not in wanted:
            os.unlink(path)
    for name in wanted:
        path = os.path.join(folder, name)
        target = os.path.join(source, name)
        if not os.path.islink(path):
            os.symlink(target, path)


def _one_folder(home):
    """The only folder in home, or None."""
    try:
        found = [entry.path for entry in os.scandir(home) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return None
    return found[0] if len(found) == 1 else None


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None

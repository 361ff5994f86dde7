# SPDX-License-Identifier: BSD-2-Clause
"""The same ext4 for both kernels: an image as it is, and on a loop device of the host."""

import os
import tempfile

from measure import LIB, NotHere, command

MEMORY = "2g"               # of the rump kernel: files and their dirty limits fit


def make_ext4(image, size, tree=None):
    """size in bytes, sparse; tree: a folder whose files it begins with."""
    if os.path.exists(image):
        os.unlink(image)
    command(["/sbin/mke2fs", "-q", "-F", "-t", "ext4",
             "-E", "lazy_itable_init=0,lazy_journal_init=0",
             *(["-d", tree] if tree else []), image, f"{size >> 10}k"])


def preloaded(image, kernel="local", memory=MEMORY, lib=LIB):
    """Words for the environment of a program for which /rump is what is in the image."""
    return [f"LD_PRELOAD={os.path.join(lib, 'librumphijack.so')}", f"RUMP_MEMLIMIT={memory}",
            f"RUMP_MODULES={os.path.join(lib, 'rump/modules')}",
            f"RUMPHIJACK=path=/rump,image={image},kernel={kernel}"]


def about_host(folder):
    """One line for the table: what the host's side of the files is."""
    kind = command(["findmnt", "-n", "-o", "FSTYPE", "-T", folder]).strip()
    return (f"the host's files: ext4 on a loop device, its image on {kind}"
            if os.geteuid() == 0 else f"the host's files: on {kind}")


class LoopMount:
    """The image on a folder of the host, by its loop device."""

    def __init__(self, image, folder):
        self.image, self.folder = image, folder

    def __enter__(self):
        if os.geteuid() != 0:
            raise NotHere("the host's ext4 on a loop device needs root")
        os.makedirs(self.folder, exist_ok=True)
        command(["mount", "-o", "loop", self.image, self.folder])
        return self.folder

    def __exit__(self, *_):
        command(["umount", self.folder])


class HostFolder:
    """
    The host's side of a row: image on a loop device, or, without root, a copy of tree
    on whatever file system work is on.
    """

    def __init__(self, image, work, tree=None):
        self.image, self.work, self.tree = image, work, tree
        self.mount = None

    def __enter__(self):
        if os.geteuid() == 0:
            self.mount = LoopMount(self.image, tempfile.mkdtemp(prefix="mnt.", dir=self.work))
            return self.mount.__enter__()
        folder = tempfile.mkdtemp(prefix="host.", dir=self.work)
        if self.tree:
            command(["cp", "-a", f"{self.tree}/.", folder])
        return folder

    def __exit__(self, *error):
        if self.mount:
            self.mount.__exit__(*error)

# SPDX-License-Identifier: BSD-2-Clause
"""
Lays the overlay into a Linux tree as arch/rump.

A file is written only when its content differs, so that make recompiles what
changed and nothing else; what is not in the overlay any more is removed.
"""

import filecmp
import os
import shutil

# The ABI of rump kernels is x86-64's: these come from the tree itself.
X86_UAPI = ("bitsperlong.h", "byteorder.h", "mman.h", "msgbuf.h", "posix_types_64.h", "sembuf.h",
            "shmbuf.h", "stat.h", "statfs.h", "swab.h")
# What kernel code may know of the project outside the overlay.
PUBLIC = ("rump.h", "rump_bus.h", "rump_calls.h", "rumpuser.h")


def overlay_files(overlay):
    """Relative path -> absolute path of each file of the overlay."""
    found = {}
    for folder, folders, files in os.walk(overlay):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.startswith(".") or name.endswith("~"):
                continue
            path = os.path.join(folder, name)
            found[os.path.relpath(path, overlay)] = path
    return found


def inputs(overlay, headers):
    """All files and folders that lay() looks at; a folder changes with its list of names."""
    paths = [overlay]
    for folder, folders, _ in os.walk(overlay):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths += [os.path.join(folder, name) for name in folders]
    paths += overlay_files(overlay).values()
    paths += [os.path.join(headers, name) for name in PUBLIC]
    return paths


def lay(tree, overlay, headers):
    """Makes tree/arch/rump what it has to be."""
    wanted = {}
    for name in X86_UAPI:
        wanted[f"include/uapi/asm/{name}"] = os.path.join(tree, "arch/x86/include/uapi/asm", name)
    wanted.update(overlay_files(overlay))
    for name in PUBLIC:
        wanted[f"include/rump/{name}"] = os.path.join(headers, name)

    home = os.path.join(tree, "arch/rump")
    for folder, _, files in os.walk(home, topdown=False):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.relpath(path, home) not in wanted:
                os.unlink(path)
        if not os.listdir(folder):
            os.rmdir(folder)
    for relative, source in wanted.items():
        path = os.path.join(home, relative)
        if os.path.isfile(path) and filecmp.cmp(source, path, shallow=False):
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)
        shutil.copymode(source, path)

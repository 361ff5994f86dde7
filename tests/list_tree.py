#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""
list_tree.py [-x FIELD,...] [-g SECONDS] [-s SECONDS] [-c BYTES] FOLDER
	all that a copy of FOLDER must keep, one line a thing
list_tree.py [-x FIELD,...] [-g SECONDS] -d IMAGE FOLDER
	the same of a folder in an ext[234] image as debugfs tells it, which is all but the
	bytes and the values of extended attributes that are not text

Fields: mode owner links group mtime size sum xattr target dev.  group is the first name of
the same file, so that hard links are told from copies.  -x leaves fields out, for file
systems without them; -g rounds times down to a multiple, for those with coarse ones; -s
says `now' for times since then; -c shows what is in files up to a size, for readers.
All in one process, so that it can be run under the preload.
"""

import getopt
import hashlib
import os
import re
import stat
import subprocess
import sys
import tempfile

KINDS = {"regular": "f", "directory": "d", "symlink": "l", "FIFO": "p",
         "character": "c", "block": "b", "socket": "s"}


def kind(mode):
    return next(letter for letter, test in (
        ("f", stat.S_ISREG), ("d", stat.S_ISDIR), ("l", stat.S_ISLNK), ("p", stat.S_ISFIFO),
        ("c", stat.S_ISCHR), ("b", stat.S_ISBLK), ("s", stat.S_ISSOCK)) if test(mode))


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def attributes(path):
    names = sorted(os.listxattr(path, follow_symlinks=False))
    return ";".join(f"{name}={os.getxattr(path, name, follow_symlinks=False)!r}"
                    for name in names if not name.startswith("system."))


def content(path, size, shown):
    if size > shown:
        return digest(path)
    with open(path, "rb") as file:
        return repr(file.read())


def things(folder, shown=-1):
    """{path below folder: {field: value}}; numbers of links come from the file system."""
    found, inodes = {}, {}
    for directory, folders, files in os.walk(folder):
        folders.sort()
        if directory == folder and "lost+found" in folders:
            folders.remove("lost+found")
        for name in folders + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            letter = kind(status.st_mode)
            below = os.path.relpath(path, folder)
            thing = {"kind": letter, "mode": f"{status.st_mode & 0o7777:o}",
                     "owner": f"{status.st_uid}:{status.st_gid}",
                     "mtime": str(status.st_mtime_ns), "xattr": attributes(path)}
            if letter == "f":
                thing.update(size=str(status.st_size), sum=content(path, status.st_size, shown))
            elif letter == "l":
                thing["target"] = repr(os.readlink(path))
            elif letter in "cb":
                thing["dev"] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
            if letter != "d":
                thing["links"] = str(status.st_nlink)
                inodes.setdefault(status.st_ino, []).append(below)
            found[below] = thing
    for names in inodes.values():
        for name in names:
            found[name]["group"] = repr(min(names)) if len(names) > 1 else ""
    return found


# ---- by debugfs ----

def debugfs(image, commands):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape") as script:
        script.write("\n".join(commands) + "\n")
        script.flush()
        return subprocess.run(["debugfs", "-f", script.name, image], check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
                              ).stdout.decode("utf-8", "surrogateescape")


def replies(image, commands):
    """What debugfs answers to each; it repeats a script's commands after its prompt."""
    parts = re.split(r"^debugfs: .*\n", debugfs(image, commands), flags=re.M)[1:]
    assert len(parts) == len(commands), (len(parts), len(commands))
    return parts


def in_image(image, folder):
    found, inodes, level = {}, {}, [""]
    while level:
        below_level = []
        answers = replies(image, [f'ls -p "{folder}/{path}"' for path in level])
        for parent, answer in zip(level, answers):
            for line in answer.splitlines():
                if not line.startswith("/"):
                    continue
                _, inode, mode, _, _, name, *_ = line.split("/")
                if name in (".", "..") or (not parent and name == "lost+found"):
                    continue
                path = f"{parent}/{name}" if parent else name
                found[path] = int(inode)
                if stat.S_ISDIR(int(mode, 8)):
                    below_level.append(path)
                else:
                    inodes.setdefault(int(inode), []).append(path)
        level = below_level
    numbers = sorted(set(found.values()))
    told = dict(zip(numbers, replies(image, [f"stat <{inode}>" for inode in numbers])))
    attributes_of = dict(zip(numbers, replies(image, [f"ea_list <{n}>" for n in numbers])))
    listing = {}
    for path, inode in found.items():
        names = inodes.get(inode, [path])
        listing[path] = told_thing(told[inode])
        listing[path]["xattr"] = told_attributes(image, inode, attributes_of[inode])
        if listing[path]["kind"] != "d":
            listing[path]["group"] = repr(min(names)) if len(names) > 1 else ""
    return listing


def told_attributes(image, inode, text):
    """Short values are in the list of names; long ones are asked for."""
    found = []
    for name, _, value in re.findall(r'^  (\S+) \(\d+\)( = "(.*)")?$', text, re.M):
        if not value:
            value, = replies(image, [f"ea_get -V <{inode}> {name}"])
        found.append(f"{name}={value.removesuffix(chr(10)).encode()!r}")
    return ";".join(sorted(found))


def told_thing(text):
    word = re.search(r"Type: (\w+)[\w ]*\s+Mode: +0?(\d+)", text)
    owner = re.search(r"User: +(\d+) +Group: +(\d+)(?: +Project: +\d+)? +Size: (\d+)", text)
    # the low bits of the second number are two more bits of the seconds
    seconds, extra = (int(n, 16) for n in re.search(
        r"^ ?mtime: 0x([0-9a-f]+):([0-9a-f]+)", text, re.M).groups())
    seconds -= (seconds & 0x80000000) << 1
    seconds += (extra & 3) << 32
    thing = {"kind": KINDS[word[1]], "mode": f"{int(word[2], 8):o}",
             "owner": f"{owner[1]}:{owner[2]}", "mtime": str(seconds * 10**9 + (extra >> 2))}
    if thing["kind"] != "d":
        thing["links"] = re.search(r"Links: (\d+)", text)[1]
    if thing["kind"] == "f":
        thing["size"] = owner[3]
    elif thing["kind"] == "l":
        target = re.search(r'^Fast link dest: "(.*)"$', text, re.M)
        if target:      # a longer one lies in a block, which stat does not show
            thing["target"] = repr(target[1])
    elif thing["kind"] in "cb":
        device = re.search(r"Device major/minor number: 0*(\d+):0*(\d+)", text)
        thing["dev"] = f"{device[1]}:{device[2]}"
    return thing


def main(arguments):
    options, (folder,) = getopt.getopt(arguments, "x:g:s:c:d:")
    options = dict(options)
    left_out = options.get("-x", "").split(",")
    found = in_image(options["-d"], folder) if "-d" in options else \
        things(folder, int(options.get("-c", -1)))
    out = sys.stdout
    out.reconfigure(errors="surrogateescape")
    grain = int(float(options.get("-g", 0)) * 10**9)
    since = int(options["-s"]) * 10**9 if "-s" in options else None
    for path in sorted(found):
        if since is not None and int(found[path]["mtime"]) >= since:
            found[path]["mtime"] = "now"
        elif grain:
            found[path]["mtime"] = str(int(found[path]["mtime"]) // grain * grain)
        fields = [f"{name}={value}" for name, value in sorted(found[path].items())
                  if name not in left_out]
        out.write("\t".join([repr(path), *fields]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

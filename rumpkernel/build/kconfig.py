# SPDX-License-Identifier: BSD-2-Clause
"""
Makes the kernel's .config of fragments and tells which wishes it did not take.

Kconfig drops an option silently when something it depends on is missing or when
the tree does not know it; here each such option is named.
"""

import hashlib
import os
import re

from report import BuildError, say

LINE = re.compile(r"CONFIG_(\w+)=(.*)|# CONFIG_(\w+) is not set")


def read(path):
    """Option -> value of one file; "n" for what is set to be off."""
    values = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = LINE.fullmatch(line.strip())
            if match:
                name, value, unset = match.groups()
                values[name or unset] = value if name else "n"
            elif line.strip() and not line.startswith("#"):
                raise BuildError(f"{path}: {line.strip()}: want CONFIG_NAME=VALUE")
    return values


def merge(fragments):
    """Option -> (value, file that asked for it); y beats m, else all must agree."""
    merged = {}
    for path in fragments:
        for option, value in read(path).items():
            old, asker = merged.get(option, (value, path))
            if {old, value} == {"m", "y"}:
                merged[option] = ("y", path if value == "y" else asker)
            elif old != value and asker != path and not path.endswith("/debug.config"):
                raise BuildError(f"{path}: CONFIG_{option}={value}, but {asker} says {old}")
            else:
                merged[option] = (value, path)
    return merged


def as_text(merged):
    lines = []
    for option, (value, _) in sorted(merged.items()):
        lines.append(f"# CONFIG_{option} is not set" if value == "n" else f"CONFIG_{option}={value}")
    return "\n".join(lines) + "\n"


def lost(merged, config_file):
    """The wishes that config_file does not hold: lines of text by asking file."""
    got = read(config_file)
    missing = {}
    for option, (value, asker) in merged.items():
        have = got.get(option, "n")
        if have == value or (value == "m" and have == "y"):
            continue
        missing.setdefault(asker, []).append(f"CONFIG_{option}={value} (is {have})")
    return missing


def configure(merged, tree, objects, make, strict):
    """
    Runs the tree's allnoconfig with the merged wishes, if they or a Kconfig file
    of the overlay changed.  strict: the files whose options must all be taken.
    """
    text = as_text(merged)
    digest = hashlib.sha256(text.encode())
    for folder, _, files in sorted(os.walk(os.path.join(tree, "arch/rump"))):
        for name in sorted(files):
            if name.startswith("Kconfig"):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(file.read())
    digest.update(" ".join(make.variables()).encode())
    with open(os.path.join(tree, "Makefile"), "rb") as file:
        digest.update(file.read())

    stamp_file = os.path.join(objects, ".rump-config-stamp")
    config_file = os.path.join(objects, ".config")
    stamp = digest.hexdigest()
    if not (os.path.exists(config_file) and _read(stamp_file) == stamp):
        merged_file = os.path.join(objects, "rump-merged.config")
        with open(merged_file, "w", encoding="utf-8") as file:
            file.write(text)
        make.run("configuring", ["allnoconfig"], extra=[f"KCONFIG_ALLCONFIG={merged_file}"],
                 log="config.log")
        _tell_lost(lost(merged, config_file), strict)
        with open(stamp_file, "w", encoding="utf-8") as file:
            file.write(stamp)


def _tell_lost(missing, strict):
    for asker, options in missing.items():
        text = f"{asker}: not taken by this kernel: {', '.join(sorted(options))}"
        if asker in strict:
            raise BuildError(text)
        say(f"warning: {text}")


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None

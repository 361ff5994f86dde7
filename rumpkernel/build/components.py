# SPDX-License-Identifier: BSD-2-Clause
"""Reads components.def; the file itself says what its columns are."""

import os
import re
from dataclasses import dataclass

from report import BuildError


@dataclass
class Component:
    name: str
    modules: list
    probes: list        # (file system type, offset, hex bytes)
    fragment: str       # path of the kernel options, None if built in


def read_all(definitions):
    """Name -> Component, in the order of the file."""
    home = os.path.dirname(definitions)
    found = {}
    with open(definitions, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#", 1)[0].split()
            if not words:
                continue
            where = f"{definitions}:{number}"
            if len(words) < 2:
                raise BuildError(f"{where}: want NAME MODULES PROBES...")
            name, modules = words[:2]
            if name in found:
                raise BuildError(f"{where}: {name} stands there twice")
            fragment = os.path.join(home, f"{name}.config")
            if not os.path.exists(fragment):
                if modules != "-":
                    raise BuildError(f"{where}: {name}.config is missing")
                fragment = None
            found[name] = Component(
                name, [] if modules == "-" else modules.split(","),
                [_probe(name, word, where) for word in words[2:]], fragment,
            )
    return found


def _probe(name, word, where):
    match = re.fullmatch(r"(?:([\w.-]+)@)?(0x[0-9a-fA-F]+|[0-9]+):((?:[0-9a-fA-F]{2})+)", word)
    if not match:
        raise BuildError(f"{where}: {word}: want [FSTYPE@]OFFSET:HEXBYTES")
    fstype, offset, content = match.groups()
    return fstype or name, int(offset, 0), content.lower()


def select(known, names):
    """The components that names mean ("all", "none" or a list), in the order of components.def."""
    if "all" in names:
        return list(known.values())
    names = [name for name in names if name != "none"]
    for name in names:
        if name not in known:
            raise BuildError(f"{name}: no such component; there are: {' '.join(known)}")
    return [component for component in known.values()
            if component.name in names or component.fragment is None]

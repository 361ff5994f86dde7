# SPDX-License-Identifier: BSD-2-Clause
"""Reads components.def; the file itself says what its columns are."""

import os
import re
from dataclasses import dataclass

from report import BuildError

FACTIONS = ("fs", "net", "dev")


@dataclass
class Component:
    name: str
    aliases: list
    faction: str
    modules: list
    probes: list        # (file system type, offset, hex bytes)
    fragment: str       # path of the kernel options, None if built in


def read_all(definitions):
    """Name -> Component, in the order of the file."""
    home = os.path.dirname(definitions)
    found, taken = {}, set()
    with open(definitions, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split("#", 1)[0].split()
            if not words:
                continue
            where = f"{definitions}:{number}"
            if len(words) < 3:
                raise BuildError(f"{where}: want NAME FACTION MODULES PROBES...")
            names, faction, modules = words[:3]
            if faction not in FACTIONS:
                raise BuildError(f"{where}: {faction}: want {', '.join(FACTIONS)}")
            name, *aliases = names.split(",")
            for each in [name, *aliases]:
                if each in taken:
                    raise BuildError(f"{where}: {each} stands there twice")
                taken.add(each)
            fragment = os.path.join(home, f"{name}.config")
            if not os.path.exists(fragment):
                if modules != "-":
                    raise BuildError(f"{where}: {name}.config is missing")
                fragment = None
            found[name] = Component(
                name, aliases, faction, [] if modules == "-" else modules.split(","),
                [_probe(name, word, where) for word in words[3:]], fragment,
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
    main_name = {alias: component.name for component in known.values() for alias in component.aliases}
    names = [main_name.get(name, name) for name in names]
    for name in names:
        if name not in known:
            raise BuildError(f"{name}: no such component; there are: {' '.join(known)}")
    return [component for component in known.values()
            if component.name in names or component.fragment is None]

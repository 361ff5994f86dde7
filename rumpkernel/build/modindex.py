# SPDX-License-Identifier: BSD-2-Clause
"""
Collects the kernel modules of a build into one flat folder and writes its index.

The kernel reads modules.index itself at boot, without a libc, so all thinking
is done here.  Lines, words separated by one space, "#" starts a comment line:

    module NAME FILE DEP...       in load order; DEP: all that must be there before,
                                  direct or not, in load order
    alias PATTERN MODULE          as in fnmatch(3)
    component NAME MODULE...      nothing after NAME: built in; each name has such a line
    options MODULE PARAMETER...   what it is loaded with
    magic FSTYPE OFFSET HEXBYTES  OFFSET is decimal; tried in this order

In all names "-" is written "_".  A soft dependency ("softdep=pre:") counts as one.
"""

import fnmatch
import os
import struct
import subprocess

from report import BuildError

# Interfaces that these would make of themselves: the first `ip link add bond0 type bond',
# which loads the module, would find its name taken.
OPTIONS = {
    "bonding": "max_bonds=0",
    "dummy": "numdummies=0",
    "ifb": "numifbs=0",
}


# What Linux itself has no alias for, so that elsewhere people say `modprobe fou' before
# `ip fou add', and `modprobe fou6' before `ip link add type ip6tnl ... encap fou'.
ALIASES = [
    ("net-pf-16-proto-16-family-fou", "fou"),
    ("rtnl-link-ip6tnl", "fou6"),
    ("rtnl-link-ip6gre", "fou6"),
]


def normal(name):
    """Module names know no difference between - and _."""
    return name.replace("-", "_")


def modinfo(path):
    """The (key, value) pairs of a module file's .modinfo section."""
    with open(path, "rb") as file:
        image = file.read()
    if image[:6] != b"\x7fELF\x02\x01":
        raise BuildError(f"{path}: not a 64-bit little-endian ELF file")
    table, = struct.unpack_from("<Q", image, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", image, 0x3a)

    def section(index):
        name, _, _, _, offset, size = struct.unpack_from("<IIQQQQ", image, table + index * entry_size)
        return name, offset, size

    names_offset = section(names_index)[1]
    for index in range(count):
        name, offset, size = section(index)
        start = names_offset + name
        if image[start:image.index(b"\0", start)] == b".modinfo":
            return _pairs(image[offset:offset + size])
    return []


def _pairs(blob):
    pairs = []
    for word in blob.decode(errors="replace").split("\0"):
        key, equals, value = word.partition("=")
        if equals:
            pairs.append((key, value))
    return pairs


class Modules:
    """The modules of one kernel build folder and what they need of each other."""

    def __init__(self, objects):
        self.paths = {}
        self.aliases = []          # (pattern, module), in the files' order
        self.needs = {}            # module -> what it names, unresolved
        self.builtin = set()
        self.builtin_aliases = []
        self._read_builtin(objects)
        with open(os.path.join(objects, "modules.order"), encoding="utf-8") as file:
            for line in file:
                # modules.order names the objects, NAME.o, that NAME.ko is made of
                path = os.path.join(objects, os.path.splitext(line.strip())[0] + ".ko")
                self._read_module(path)

    def _read_builtin(self, objects):
        path = os.path.join(objects, "modules.builtin")
        with open(path, encoding="utf-8") as file:
            self.builtin = {normal(os.path.splitext(os.path.basename(line.strip()))[0])
                            for line in file}
        with open(path + ".modinfo", "rb") as file:
            for key, value in _pairs(file.read()):
                if key.endswith(".alias"):
                    self.builtin_aliases.append(value)

    def _read_module(self, path):
        name = normal(os.path.splitext(os.path.basename(path))[0])
        if name in self.paths:
            raise BuildError(f"two modules are named {name}: {self.paths[name]} and {path}")
        self.paths[name] = path
        hard, soft = [], []
        for key, value in modinfo(path):
            if key == "depends":
                hard += [word for word in value.split(",") if word]
            elif key == "softdep":
                soft += _softdeps(value)
            elif key == "alias":
                self.aliases.append((value, name))
        self.needs[name] = (hard, soft)

    def resolve_soft(self, word):
        """The modules that a soft dependency means; none if it is built in or not configured."""
        if normal(word) in self.paths:
            return [normal(word)]
        if normal(word) in self.builtin:
            return []
        if any(_matches(pattern, word) for pattern in self.builtin_aliases):
            return []
        return [name for pattern, name in self.aliases if _matches(pattern, word)]

    def direct(self, name):
        hard, soft = self.needs[name]
        for word in hard:
            if normal(word) not in self.paths:
                raise BuildError(f"module {name} needs {word}, which was not built")
        return ([normal(word) for word in hard]
                + [found for word in soft for found in self.resolve_soft(word)])

    def load_order(self, name):
        """All that name needs, in load order, without name itself."""
        order = []

        def visit(module, above):
            for needed in self.direct(module):
                if needed in above:
                    raise BuildError("modules need each other: " + " ".join([*above, needed]))
                if needed not in order:
                    visit(needed, [*above, needed])
            if module not in order:
                order.append(module)

        visit(name, [name])
        return order[:-1]


def _softdeps(value):
    """The words after "pre:"; those after "post:" are no condition for loading."""
    words, in_pre = [], False
    for word in value.split():
        if word.endswith(":"):
            in_pre = word == "pre:"
        elif in_pre:
            words.append(word)
    return words


def _matches(pattern, word):
    return fnmatch.fnmatchcase(normal(word), normal(pattern))


def index_lines(modules, components, release):
    lines = [f"# Modules of Linux {release}; the format is told in rumpkernel/build/modindex.py"]
    done = set()
    for name in modules.paths:
        for module in [*modules.load_order(name), name]:
            if module not in done:
                done.add(module)
                words = ["module", module, f"{module}.ko", *modules.load_order(module)]
                lines.append(" ".join(words))
    for pattern, name in modules.aliases:
        lines.append(f"alias {pattern} {name}")
    lines += [f"alias {pattern} {name}" for pattern, name in ALIASES if name in modules.paths]
    lines += [f"options {name} {text}" for name, text in OPTIONS.items() if name in modules.paths]
    for component in components:
        words = []
        for module in map(normal, component.modules):
            if module in modules.paths:
                words.append(module)
            elif module not in modules.builtin:
                raise BuildError(f"component {component.name}: no module {module} was built")
        lines += component_lines(component, words)
    return lines + magic_lines(components)


def component_lines(component, modules):
    return [" ".join(["component", name, *modules])
            for name in [component.name, *component.aliases]]


def magic_lines(components):
    return [f"magic {fstype} {offset} {content}"
            for component in components for fstype, offset, content in component.probes]


def write_index(folder, lines):
    os.makedirs(folder, exist_ok=True)
    index = os.path.join(folder, "modules.index")
    fresh = index + ".new"
    with open(fresh, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    os.rename(fresh, index)


def write_builtin(folder, components):
    """The index of a kernel whose modules are not built yet: what it can do without them."""
    builtin = [component for component in components if not component.modules]
    if not os.path.exists(os.path.join(folder, "modules.index")):
        write_index(folder, [line for component in builtin for line in component_lines(component, [])]
                    + magic_lines(builtin))


def collect(objects, folder, components, release, objcopy="objcopy"):
    """Makes folder hold the modules, without debug sections, and modules.index."""
    modules = Modules(objects)
    os.makedirs(folder, exist_ok=True)
    wanted = {f"{name}.ko" for name in modules.paths} | {"modules.index"}
    for entry in os.listdir(folder):
        if entry not in wanted:
            os.unlink(os.path.join(folder, entry))
    for name, path in modules.paths.items():
        target = os.path.join(folder, f"{name}.ko")
        # a copy has its original's time
        if os.path.exists(target) and os.stat(target).st_mtime_ns == os.stat(path).st_mtime_ns:
            continue
        subprocess.run([objcopy, "--strip-debug", "--preserve-dates", path, target], check=True)

    write_index(folder, index_lines(modules, components, release))
    return len(modules.paths)

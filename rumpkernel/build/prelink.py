# SPDX-License-Identifier: BSD-2-Clause
"""
Puts into the image what the dynamic linker would put into its copy at each start.

librump.so is linked for one address, and gets it.  Its relocations are all of the kind
"the address it lies at, plus this", so the pointers can be in the file: ten thousand
fewer writes when a program boots a kernel, and the pages with tables of functions stay
pages of the file, shared, instead of a megabyte of copies.  The dynamic section does not
name the relocations any more; kernel/relocate.c does them where the address was taken.
"""

import struct

from report import BuildError

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NULL, DT_RELA, DT_RELASZ, DT_RELACOUNT = 0, 7, 8, 0x6ffffff9
R_X86_64_RELATIVE = 8
SEGMENT, DYNAMIC, RELOCATION = struct.Struct("<IIQQQQQQ"), struct.Struct("<qQ"), struct.Struct("<QQq")


def prelink(path):
    with open(path, "rb") as file:
        image = bytearray(file.read())
    table, = struct.unpack_from("<Q", image, 0x20)
    size, count = struct.unpack_from("<HH", image, 0x36)
    segments = [SEGMENT.unpack_from(image, table + i * size) for i in range(count)]

    def place(address, length):
        """Where in the file an address is."""
        for kind, _, offset, start, _, in_file, _, _ in segments:
            if kind == PT_LOAD and start <= address and address + length <= start + in_file:
                return offset + address - start
        raise BuildError(f"{path}: {address:#x} is not in the file")

    offset, length = next((segment[2], segment[5]) for segment in segments
                          if segment[0] == PT_DYNAMIC)
    entries = list(DYNAMIC.iter_unpack(image[offset:offset + length]))
    tags = dict(entries)
    if DT_RELA not in tags:
        return
    at = place(tags[DT_RELA], tags[DT_RELASZ])
    for where, kind, value in RELOCATION.iter_unpack(image[at:at + tags[DT_RELASZ]]):
        if kind != R_X86_64_RELATIVE:
            raise BuildError(f"{path}: a relocation of type {kind & 0xffffffff} at {where:#x}")
        struct.pack_into("<q", image, place(where, 8), value)
    kept = [entry for entry in entries if entry[0] not in (DT_RELA, DT_RELASZ, DT_RELACOUNT)]
    kept += [(DT_NULL, 0)] * (len(entries) - len(kept))
    image[offset:offset + length] = b"".join(DYNAMIC.pack(*entry) for entry in kept)
    with open(path, "wb") as file:
        file.write(image)

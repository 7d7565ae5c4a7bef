"""
A kubelet that tells the cluster another version: K3s' own kubelet reports K3s' release, and upgrades are seen by that.

Go's linker keeps a string that was given by ``-X`` as bytes, and a header of address and length; both are rewritten, in a
copy. A program that is too new, too small or no ELF file of 64 bits keeps its own version.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_ELF64 = b"\x7fELF\x02\x01"
_LOAD = 1


def stamped(program: bytes, old: str, new: str) -> bytes | None:
    """
    Return *program* with *new* wherever its variables say *old*.

    None where that cannot be done: it has no such variable, or *new* is longer than *old*.
    """
    before, after = old.encode(), new.encode()
    if not program.startswith(_ELF64) or len(after) > len(before):
        return None
    content = bytearray(program)
    found = False
    for offset, address in _places(program, before):
        header = struct.pack("<QQ", address, len(before))
        position = program.find(header)
        while position >= 0:
            content[position : position + len(header)] = struct.pack("<QQ", address, len(after))
            content[offset : offset + len(after)] = after
            found = True
            position = program.find(header, position + 1)
    return bytes(content) if found else None


def _places(program: bytes, text: bytes) -> Iterator[tuple[int, int]]:
    """Yield where *text* is: its offset in the file, and its address in memory (ELF-64: program headers, PT_LOAD)."""
    table = struct.unpack_from("<Q", program, 32)[0]
    size, count = struct.unpack_from("<HH", program, 54)
    segments = [struct.unpack_from("<IIQQQQ", program, table + number * size) for number in range(count)]
    offset = program.find(text)
    while offset >= 0:
        for kind, _, start, address, _, length in segments:
            if kind == _LOAD and start <= offset < start + length:
                yield offset, address + offset - start
        offset = program.find(text, offset + 1)

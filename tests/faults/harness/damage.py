"""Damage to a file, as disks, copies and people do it."""

from __future__ import annotations

import random
from pathlib import Path

GARBAGE = (b"", b"{}\n", b"null\n", b"[]\n", b"\x00" * 64, b"\xff\xfe garbage {", b"a: [1, 2\n")


def break_file(path: Path, generator: random.Random) -> str:
    """Cut a file off, change one of its bytes, or put something else in its place; return which."""
    content = path.read_bytes()
    how = generator.choice(("cut off", "changed by a byte", "replaced", "missing"))
    if how == "cut off" and content:
        path.write_bytes(content[: generator.randrange(len(content))])
    elif how == "changed by a byte" and content:
        place = generator.randrange(len(content))
        other = generator.choice(
            [byte for byte in (content[place] ^ 1, content[place] ^ 32, 0, 55) if byte != content[place]]
        )
        path.write_bytes(content[:place] + bytes([other]) + content[place + 1 :])
    elif how == "missing":
        path.unlink()
    else:
        how = "replaced"
        path.write_bytes(generator.choice(GARBAGE))
    return how

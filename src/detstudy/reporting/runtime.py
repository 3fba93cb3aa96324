"""The script that draws a page's charts: 0.9 MB that takes seconds to bundle and changes with its versions alone.

It is kept in the user's cache folder (`$XDG_CACHE_HOME/detstudy`, `~/.cache/detstudy`), where anyone may delete it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from detstudy.ledger.files import write_atomically

START = "window.vegaEmbed = vegaEmbed;"


@lru_cache(maxsize=1)
def load_runtime() -> str:
    """Return the script that draws Vega-Lite charts, whole, so written that it can stand inside a page.

    A damaged copy is bundled again; without a folder that can be written (a read-only home) it is bundled each time.
    """
    import vl_convert

    with contextlib.suppress(OSError, RuntimeError, UnicodeDecodeError):  # RuntimeError: nobody's home is known
        digest, _, script = _choose_path().read_bytes().decode().partition("\n")
        if digest == _digest(script):
            return script
    script = re.sub("</(script)", r"<\\/\1", vl_convert.javascript_bundle(START), flags=re.IGNORECASE)
    with contextlib.suppress(OSError, RuntimeError):
        write_atomically(_choose_path(), f"{_digest(script)}\n{script}".encode())
    return script


def _choose_path() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return folder / "detstudy" / f"charts-{version('vl-convert-python')}.js"


def _digest(script: str) -> str:
    return hashlib.sha256(script.encode()).hexdigest()

"""The Pythons at hand: ours, and those of other environments that have what a server needs."""

import os
import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

_VERSION = re.compile(r"^version(?:_info)? *= *(\d+\.\d+)", re.MULTILINE)


def at_hand() -> dict[str, str]:
    """The path of each by its version, oldest first.

    Environments are folders `.venv*` of this tree, and those whose interpreters BENCH_PYTHONS
    names, with colons between them.
    """
    named = filter(None, os.environ.get("BENCH_PYTHONS", "").split(os.pathsep))
    found = {}
    for path in [*map(Path, named), *sorted(ROOT.glob(".venv*/bin/python"))]:
        config = path.parent.parent / "pyvenv.cfg"
        version = _VERSION.search(config.read_text("utf-8")) if config.exists() else None
        if version is not None and any(path.parent.parent.glob("lib/*/site-packages/uvloop")):
            found[version[1]] = str(path)
    found[".".join(platform.python_version_tuple()[:2])] = sys.executable
    return dict(sorted(found.items(), key=lambda one: tuple(map(int, one[0].split(".")))))

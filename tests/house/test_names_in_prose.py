"""A name in backticks is a name that exists: what was moved or renamed is not told of any more."""

import re

from tests.house.sources import PACKAGE, ROOT, name_of, python_files, tracked_files

_NAME = re.compile(r"`([a-z_]+(?:\.[A-Za-z_]+)*)`")
_ELSEWHERE = {"tcp_wmem"}
"""Names that are the kernel's."""


def modules() -> set[str]:
    """Every module and package, dotted."""
    files = [path for path in tracked_files() if path.suffix == ".py"]
    dotted = {name_of(path)[:-3].replace("/", ".") for path in files}
    return dotted | {".".join(path.relative_to(ROOT).parts[:-1]) for path in files}


def stale_in(text: str, known: set[str], words: set[str]) -> list[str]:
    """Names in backticks of which nothing is left: dotted ones, and words with an underscore."""
    rooms = {one.split(".")[1] for one in known if one.startswith("sessiongate.")}
    lasts = {one.rpartition(".")[2] for one in known}
    found = []
    for name in _NAME.findall(text):
        parts = ["sessiongate", *name.split(".")]
        if len(parts) > 2 and parts[1] in rooms:
            # A module, or something in one, or an attribute of that.
            if (
                not {".".join(parts[: len(parts) - cut]) for cut in (0, 1, 2)} - {"sessiongate"}
                & known
            ):
                found.append(name)
        elif len(parts) == 2 and "_" in name and name not in words | lasts:
            found.append(name)
    return found


def test_names_in_prose_exist() -> None:
    sources = python_files(PACKAGE)
    code = (_NAME.sub("", path.read_text(encoding="utf-8")) for path in sources)
    words = {word for text in code for word in re.findall(r"\w+", text)} | _ELSEWHERE
    known = modules()
    stale = {
        name_of(path): found
        for path in sources
        if (found := stale_in(path.read_text(encoding="utf-8"), known, words))
    }
    assert stale == {}


def test_the_check_sees() -> None:
    known = {"sessiongate.store", "sessiongate.store.port", "sessiongate.clock"}
    text = "`store.port.Store.end`, `store.gone.x.y`, `store.port`, `redis_batch`, `end_all`, `a.b`"
    assert stale_in(text, known, {"end_all"}) == ["store.gone.x.y", "redis_batch"]

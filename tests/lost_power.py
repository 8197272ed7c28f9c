"""A machine that loses its power in the middle of writing a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest


@contextmanager
def lost_power(owner: object, call: str) -> Iterator[None]:
    """Have this call fail with "no power": `lost_power(os, "fsync")`."""

    def fail(*_: object) -> NoReturn:
        raise OSError("no power")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(owner, call, fail)
        yield

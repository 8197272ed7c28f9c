"""The collector while a command is imported."""

import gc

import pytest

from sessiongate.cli.imports import importing


class Kept:
    """Something that can be looked for among what the collector walks through."""


def test_what_is_imported_is_looked_through_by_nobody() -> None:
    try:
        with importing():
            assert not gc.isenabled()
            kept = Kept()
            made = [kept]
        assert gc.isenabled()
        assert not any(one is made for one in gc.get_objects())
        later = [kept]
        assert any(one is later for one in gc.get_objects())
    finally:
        gc.unfreeze()


def test_an_import_that_fails_leaves_it_as_it_was() -> None:
    try:
        with pytest.raises(ImportError), importing():
            raise ImportError
        assert gc.isenabled()
    finally:
        gc.unfreeze()


def test_who_does_without_it_goes_on_so() -> None:
    gc.disable()
    try:
        with importing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()

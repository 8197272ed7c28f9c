"""Which object a reference means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessiongate.wire.vim.methods.objects import (
    KINDS,
    MADE,
    OBJECTS,
    ROOT_FOLDER,
    has_some,
    is_a,
    resolve,
    session_object_id,
)
from sessiongate.wire.vim.types import MoRef

KEY = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_an_id_alone_decides_and_a_wider_type_is_right_too() -> None:
    for kind in ("Folder", "", "ManagedEntity", "ExtensibleManagedObject", "ManagedObject"):
        assert resolve(MoRef(kind, "group-d1")) == ROOT_FOLDER
    for kind, name in (("VirtualMachine", "group-d1"), ("Folder", "group-d2"), ("", "x")):
        assert resolve(MoRef(kind, name)) is None
    for known in OBJECTS.values():
        assert resolve(known) is known
        assert resolve(MoRef("", known.name)) == known


@pytest.mark.parametrize("kind", sorted(MADE))
def test_the_id_of_what_a_client_made_says_its_type(kind: str) -> None:
    name = session_object_id(kind, KEY, bytes(range(16)))
    assert resolve(MoRef("", name)) == resolve(MoRef(kind, name)) == MoRef(kind, name)
    assert resolve(MoRef("Folder", name)) is None
    assert resolve(MoRef("", name[:-1])) is None


def test_no_id_names_a_type_that_no_client_makes() -> None:
    assert resolve(MoRef("", session_object_id("SessionManager", KEY, bytes(16)))) is None


@given(st.text(), st.text())
def test_any_reference_means_an_object_or_none(kind: str, name: str) -> None:
    """Whatever a reference says, it means an object of its own id or none."""
    found = resolve(MoRef(kind, name))
    assert found is None or found.name == name


def test_types_are_known_whether_there_is_any_of_them_or_not() -> None:
    assert {"VirtualMachine", "HostSystem", "View", "ManagedEntity"} <= KINDS
    assert OBJECTS.keys() | MADE <= KINDS
    assert has_some("View")
    assert has_some("ContainerView")
    assert not has_some("VirtualMachine")
    assert is_a("ListView", "ManagedObjectView")
    assert not is_a("ManagedObjectView", "ListView")

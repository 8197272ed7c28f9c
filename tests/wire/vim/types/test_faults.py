"""Faults as types: each can say why."""

from sessiongate.wire.vim.types.faults import TYPES

PARTS = {"LocalizedMethodFault", "LocalizableMessage", "KeyAnyValue"}


def test_every_fault_begins_as_method_fault_does() -> None:
    general = TYPES["MethodFault"]
    for name in TYPES.keys() - PARTS:
        assert TYPES[name][: len(general)] == general, name

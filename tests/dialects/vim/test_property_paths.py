"""Dotted paths, held against the tables."""

import pytest

from sessiongate.dialects.vim.property_paths import check_leads_to_objects
from sessiongate.errors import UnknownProperty
from sessiongate.wire.vim.methods import PROPERTIES, ROOT_FOLDER, SERVICE_INSTANCE
from sessiongate.wire.vim.types import MOREF, TYPES, MoRef


def test_every_path_to_references_is_known_from_the_tables() -> None:
    for (kind, name), prop in PROPERTIES.items():
        if prop.field.type == MOREF:
            check_leads_to_objects(MoRef(kind, "any"), name)
    for member in TYPES["ServiceContent"]:
        if member.type == MOREF:
            check_leads_to_objects(SERVICE_INSTANCE, f"content.{member.name}")


@pytest.mark.parametrize("path", ["name", "", "parent.name", "overallStatus", "nonsense"])
def test_what_else_stands_at_a_path_is_refused(path: str) -> None:
    with pytest.raises(UnknownProperty):
        check_leads_to_objects(ROOT_FOLDER, path)

"""The type of ServiceContent is the table of what is announced."""

from sessiongate.wire.vim.types.service_content import MEMBERS
from sessiongate.wire.vim.types.sessions import TYPES


def test_service_content_has_the_announced_members() -> None:
    content = TYPES["ServiceContent"]
    assert [field.name for field in content] == [member.name for member in MEMBERS]
    required = [field.name for field in content if not field.optional]
    assert required == ["rootFolder", "propertyCollector", "about"]

"""What the package hands out is imported when it is asked for."""

import ast
from pathlib import Path

import pytest

from sessiongate import testing


def test_each_export_is_there_for_types_and_for_programs() -> None:
    """It is named twice in the package: a name in one place alone is missing somewhere."""
    tree = ast.parse(Path(testing.__file__).read_text(encoding="utf-8"))
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in typed.body if isinstance(node, ast.ImportFrom)]
    names = {one.name for node in imports for one in node.names}
    assert names == set(testing.EXPORTED)
    assert all(getattr(testing, name) is not None for name in names)
    with pytest.raises(AttributeError, match="no attribute 'Gaet'"):
        getattr(testing, "Gaet")  # noqa: B009  mypy knows it is none

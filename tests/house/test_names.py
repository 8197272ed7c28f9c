"""What a function is called says what it does or gives: a participle alone does not."""

import re

from tests.house.sources import PACKAGE, functions_in, name_of, python_files, tree_of

SAYS_NOTHING = re.compile(r"_*(told|said|asked|kept|heard|met|regret|quietly|nobody|let_go)")

OF_THE_PLUGINS = {"sessiongate/rules/accounts.py: asked"}
"""What plugins call: docs/write-a-provider.md. It may only shrink."""


def test_a_function_is_called_by_what_it_does() -> None:
    found = {
        f"{name_of(path)}: {one.name}"
        for path in python_files(PACKAGE)
        for one in functions_in(tree_of(path))
        if SAYS_NOTHING.fullmatch(one.name)
    }
    assert found <= OF_THE_PLUGINS

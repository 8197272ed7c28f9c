"""What a function is called says what it does or gives: a participle alone does not."""

import re

from tests.house.sources import PACKAGE, functions_in, name_of, python_files, tree_of

SAYS_NOTHING = re.compile(r"_*(told|said|asked|kept|heard|met|regret|quietly|nobody|let_go)")

WITH_OLD_NAMES = ("gateway", "http", "upstream")
"""Rooms in which such names are left."""

CALLED_SO = {
    "sessiongate/audit/journal.py: told",
    "sessiongate/rules/accounts.py: asked",  # of the plugins' surface: docs/write-a-provider.md
    "sessiongate/rules/forward_auth.py: asked",
    "sessiongate/wire/zerto_relayed.py: told",
}
"""It may only shrink."""


def test_a_function_is_called_by_what_it_does() -> None:
    found = {
        f"{name_of(path)}: {one.name}"
        for path in python_files(PACKAGE)
        if path.relative_to(PACKAGE).parts[0] not in WITH_OLD_NAMES
        for one in functions_in(tree_of(path))
        if SAYS_NOTHING.fullmatch(one.name)
    }
    assert found <= CALLED_SO

"""Every setting as a variable of the environment, from the same schema as the reference."""

import json
from collections.abc import Mapping

from tests.docs.from_settings import defaults
from tests.docs.tables import code, table


def variable(dotted: str) -> str:
    """The variable of a setting. `NAME` stands for a name of the operator's choice."""
    return f"SESSIONGATE_{'__'.join(dotted.split('.'))}".upper()


def text_of(default: object) -> str | None:
    """A default as one writes it into the environment, None for one that is unset."""
    if default is None or default == []:
        return None
    if isinstance(default, list):
        return ",".join(map(str, default))
    return default if isinstance(default, str) else json.dumps(default)


def variables() -> Mapping[str, str | None]:
    """Every variable, and its default."""
    return {variable(dotted): text_of(default) for dotted, default in defaults().items()}


def environment_table() -> str:
    """A row for each variable."""
    rows = [(code(name), code(default or "")) for name, default in variables().items()]
    return table(("Variable", "Default"), rows)

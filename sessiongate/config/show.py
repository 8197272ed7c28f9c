"""What people and tools are told about the settings: which there are, and which are in force.

Secrets are shown as `***`, and so is a password written into an address.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from pydantic import BaseModel

from sessiongate.config.access_rules import as_json
from sessiongate.config.models import Config, Settings
from sessiongate.config.names import secret_key
from sessiongate.config.values import Bytes, duration_text, size_text
from sessiongate.rules.forward_auth import AccessRule
from sessiongate.secret import Secret

HIDDEN = "***"
_USER_IN_ADDRESS = re.compile(r"(://)\S*@")


def schema() -> dict[str, object]:
    """The JSON schema of the settings file, with descriptions and defaults as one writes them."""
    found = Settings.model_json_schema()
    for table in found["$defs"].values():
        for name, one in list(table["properties"].items()):
            if any(kind.get("writeOnly") for kind in one.get("anyOf", [one])):
                table["properties"][f"{name}_file"] = {
                    "description": f"File that holds {name}, instead of the secret itself.",
                    "type": "string",
                }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def show(config: Config) -> dict[str, dict[str, object]]:
    """Each setting in force, by its dotted name: its `value` and its `origin`."""
    return {
        ".".join(setting): {
            "value": _plain(value, setting[-1] if setting[0] == "identity" else ""),
            "origin": config.origins.get(".".join(setting), "default"),
        }
        for setting, value in leaves(config)
    }


def leaves(
    table: BaseModel | dict[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every single setting of a table and the tables inside it."""
    # A list of names, not the fields of `table`'s class: what Config adds is no setting.
    names = Settings.model_fields if isinstance(table, Settings) else dict(table)
    for name in names:
        value = table[name] if isinstance(table, dict) else getattr(table, name)
        if isinstance(value, BaseModel | dict) and (value or not path):
            yield from leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _plain(value: object, key: str) -> object:
    """The value as JSON can hold it, with what is secret hidden."""
    if isinstance(value, Secret) or (value and secret_key(key)):
        return HIDDEN
    if isinstance(value, dict):
        return {name: _plain(inner, name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, "") for inner in value]
    if isinstance(value, AccessRule):
        return as_json(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Bytes):
        return size_text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return _USER_IN_ADDRESS.sub(rf"\1{HIDDEN}@", str(value))

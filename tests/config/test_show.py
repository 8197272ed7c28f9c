"""What is shown of the settings: each with its origin, and the schema."""

import json

from sessiongate.config import Config, load, schema, show


def test_every_setting_has_a_description_and_a_default_as_one_writes_it() -> None:
    found = schema()
    tables = [found, *found["$defs"].values()]  # type: ignore[attr-defined]
    for table in tables:
        for name, one in table["properties"].items():
            # a table whose own description says the same is only referred to
            assert one.get("description") or "$ref" in one, name
    json.dumps(found)
    sessions = found["$defs"]["SessionsTable"]["properties"]  # type: ignore[index]
    assert sessions["idle_timeout"]["default"] == "30m"
    assert "key_password_file" in found["$defs"]["TlsTable"]["properties"]  # type: ignore[index]


def test_show_lists_every_setting_with_its_origin() -> None:
    config = load(None, {}, {"lockout.window": "1h30m"})
    shown = show(config)
    assert shown.keys() == config.origins.keys()
    assert shown["lockout.window"] == {"value": "1h30m", "origin": "flag"}
    assert shown["server.listen"] == {"value": ["127.0.0.1:9669"], "origin": "default"}
    assert isinstance(config, Config)

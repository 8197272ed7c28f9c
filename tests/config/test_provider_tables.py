"""The reader of providers' settings: what it makes of a table, and every problem of it at once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.config import values
from sessiongate.config.provider_tables import ProviderTable
from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust

PIN = "ab" * 32


def table_of(**given: object) -> ProviderTable:
    return ProviderTable("x", given)


def problems_of(table: ProviderTable) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        table.finish()
    return refused.value.problems


def test_a_setting_is_what_its_reader_makes_of_it() -> None:
    table = table_of(many="3")
    assert table.take("many", values.whole(1, 5), 1) == 3
    assert table.take("more", values.whole(1, 5), None) is None
    assert "many" in table
    assert "more" not in table
    table.finish()


def test_a_wrong_one_is_a_problem_and_its_default_goes_on() -> None:
    table = table_of(many="9")
    assert table.take("many", values.whole(1, 5), 1) == 1
    assert problems_of(table) == ["identity.x.many: must be a whole number from 1 to 5"]


def test_each_wrong_entry_of_a_list_is_a_problem() -> None:
    table = table_of(names=["a", 1, ""])
    table.take("names", values.many(values.word), ())
    assert [one.partition(" must")[0] for one in problems_of(table)] == [
        "identity.x.names: entry 2",
        "identity.x.names: entry 3",
    ]


def test_one_that_is_needed_is_missed() -> None:
    table = table_of()
    assert table.need("url", values.word, "", 'such as "https://x"') == ""
    assert problems_of(table) == ['identity.x.url: is required: such as "https://x"']


def test_what_nobody_takes_is_no_setting() -> None:
    table = table_of(domain=1, q=2, path="p")
    table.take("path", values.word, "")
    table.take("domains", values.many(values.domain), ())
    assert problems_of(table) == [
        "identity.x.domain: not a setting; did you mean domains?",
        "identity.x.q: not a setting; there are domains, path",
    ]
    assert problems_of(table_of(q=2)) == ["identity.x.q: not a setting; there are none"]


def test_files_are_in_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/ada")
    for written, path in (
        ("ca.pem", "/data/ca.pem"),
        ("/etc/ca.pem", "/etc/ca.pem"),
        ("~/ca.pem", "/ada/ca.pem"),
    ):
        assert table_of(ca=written).file("ca", Path("/data")) == Path(path)
    assert table_of().file("ca", Path("/data")) is None


def test_a_table_of_names_and_texts_in_any_spelling() -> None:
    # The settings take whatever is called "...-token" for a secret, names of people too.
    table = table_of(roles={"Ada": "user", "svc-token": Secret(" operator ")})
    assert table.texts("roles", str.lower) == {"ada": "user", "svc-token": "operator"}
    table.finish()
    assert table_of().texts("roles", str.lower) == {}


def test_names_that_are_none_or_one_name_are_problems() -> None:
    table = table_of(roles={"Ada": "user", "ada": "admin", "b@": "x", "c": 1}, more=["a"])
    assert table.texts("roles", _lower) == {"ada": "user"}
    assert table.texts("more", _lower) == {}
    assert problems_of(table) == [
        'identity.x.roles."ada": is the same name as another one in this table',
        'identity.x.roles."b@": must be a name',
        'identity.x.roles."c": must be a text that is not empty; write it in quotes',
        "identity.x.more: must be a table, [identity.x.more]",
    ]


def _lower(name: str) -> str:
    if "@" in name:
        raise ValueError("must be a name")
    return name.lower()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    made = certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC)).ca
    assert made is not None
    return made


def test_sec_67_what_is_believed(tmp_path: Path, authority: Path) -> None:
    for given, believed in (
        ({}, Trust()),
        ({"ca": "tls/ca.pem"}, Trust(authority)),
        ({"fingerprint": f"{PIN}, {PIN[:40]}"}, Trust(None, (PIN, PIN[:40]))),
        ({"fingerprint": [PIN.upper()], "ca": "tls/ca.pem"}, Trust(authority, (PIN,))),
        ({"fingerprint": PIN, "verify": False}, Trust(None, (PIN,), False)),
        ({"verify": "no"}, Trust(verify=False)),
    ):
        table = table_of(**given)
        assert table.trust(tmp_path) == believed
        table.finish()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"ca": "none.pem"}, "ca: {}/none.pem cannot be read: No such file or directory; name a"),
        ({"ca": "no.pem"}, "ca: {}/no.pem holds no certificate; name a PEM file"),
        ({"ca": "tls/ca.pem", "verify": False}, "verify: must be true where ca is given"),
        ({"ca": "tls/ca.pem", "verify": False, "fingerprint": PIN}, "verify: must be true"),
        ({"verify": False, "fingerprint": []}, "fingerprint: must name one at least"),
        ({"verify": False, "fingerprint": ""}, "fingerprint: must name one at least"),
        ({"verify": False, "fingerprint": [PIN, "AA"]}, "fingerprint: entry 2 must be the 64 hex"),
    ],
)
@pytest.mark.usefixtures("authority")
def test_sec_67_what_is_wrong_is_told_and_makes_nothing_be_believed(
    tmp_path: Path, given: Mapping[str, object], told: str
) -> None:
    (tmp_path / "no.pem").write_text("nothing")
    table = table_of(**given)
    table.trust(tmp_path)
    [problem] = problems_of(table)
    assert problem.startswith(f"identity.x.{told.format(tmp_path)}")

"""The pages say what the code does: made parts are fresh, names and links lead somewhere."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from sessiongate.config import load
from sessiongate.config.names import find
from sessiongate.faults.catalogue import FAULTS
from tests.docs import from_commands, from_security, from_settings, pages
from tests.each import each

PROSE = sorted([pages.ROOT / "README.md", *pages.DOCS.rglob("*.md"), *pages.ROOT.glob("[CS]*.md")])
PROSE += [pages.ROOT / "examples" / "README.md"]


def name_of(path: Path) -> str:
    return str(path.relative_to(pages.ROOT))


@pytest.mark.parametrize("name", pages.MADE)
def test_made_parts_are_fresh(name: str) -> None:
    text = pages.page(name).read_text(encoding="utf-8")
    assert text == pages.as_it_should_be(name), f"docs/{name} is stale: `{pages.HOW}` writes it"


def test_every_setting_is_in_the_reference() -> None:
    reference = from_settings.settings_reference()
    told = set(re.findall(r"^\| `(\w+)` \|", reference, re.MULTILINE))
    for dotted in load().origins:
        if not dotted.startswith("identity.") and f"### `[{dotted}.NAME]`" not in reference:
            assert dotted.rpartition(".")[2] in told, dotted
    for section in ("server.tls", "server.limits", "identity.NAME", "roles.NAME"):
        assert f"### `[{section}]`" in reference


def test_every_command_is_in_the_reference() -> None:
    names = [name for name, _ in from_commands.commands()]
    assert {"serve", "dev", "init", "check", "users add", "sessions terminate"} <= set(names)
    for name in names:
        assert f"### `sessiongate {name}`" in from_commands.commands_reference()


def test_every_requirement_has_its_row() -> None:
    assert list(from_security.REQUIREMENTS) == list(range(1, 95))
    assert from_security.tests_by_requirement().keys() <= from_security.REQUIREMENTS.keys()
    table = from_security.requirements_table()
    assert len(re.findall(r"^\| \d+ \|", table, re.MULTILINE)) == 94


@pytest.mark.parametrize("page", ["README.md", "docs/security.md"])
def test_pages_say_how_many_requirements_there_are(page: str) -> None:
    text = (pages.ROOT / page).read_text(encoding="utf-8")
    assert f"{len(from_security.REQUIREMENTS)} requirements" in text


def test_the_contracts_of_stores_are_evidence_too() -> None:
    found = from_security.tests_by_requirement()
    assert "an_aged_session_is_over_whatever_the_activity" in found[6]
    assert [one for one in from_security.REQUIREMENTS if not found.get(one)] == []


def test_a_requirement_without_a_test_is_open() -> None:
    assert from_security.state_of(5, []) == "open"
    assert from_security.state_of(11, []) == "open"
    assert from_security.state_of(11, ["test_sec_11_x"]) == "part"
    assert from_security.state_of(5, ["test_sec_05_x"]) == "held"


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as forges make them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", head.lower()) for head in heads)
    return {head.replace(" ", "-") for head in plain}


@each("path", PROSE, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), target


def test_links_of_the_readme_lead_somewhere_on_any_site() -> None:
    """A package index shows it too, and there a relative link leads nowhere."""
    base = f"{from_pyproject()['Source']}/blob/main/"
    text = (pages.ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    assert targets
    for target in targets:
        assert target.startswith(base), target
        assert (pages.ROOT / target.removeprefix(base).partition("#")[0]).exists(), target


def from_pyproject() -> dict[str, str]:
    """The project's addresses."""
    text = (pages.ROOT / "pyproject.toml").read_text(encoding="utf-8")
    urls: dict[str, str] = tomllib.loads(text)["project"]["urls"]
    return urls


@each("path", PROSE, ids=name_of)
def test_symbols_that_are_named_exist(path: Path) -> None:
    for dotted in re.findall(r"`(sessiongate(?:\.\w+)+)`", path.read_text(encoding="utf-8")):
        if dotted != "sessiongate.toml":
            assert resolves(dotted), f"{name_of(path)}: {dotted}"


def resolves(dotted: str) -> bool:
    """Whether this names a module, or something inside one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_the_check_of_symbols_sees() -> None:
    assert resolves("sessiongate.rules.life.judge")
    assert resolves("sessiongate.service.logins.Logins.login")
    assert not resolves("sessiongate.rules.life.jury")
    assert not resolves("sessiongate.nothing")


WITHIN = ("server", "upstream.NAME")
"""Tables of which pages say a setting by the table inside: `limits.body`, `pool.queue`."""

INSIDE = frozenset({"limits", "pool", "forward"})

TABLES = frozenset(dotted.partition(".")[0] for dotted in from_settings.defaults())

NO_SETTINGS = re.compile(r"gateway\.key|server\.(key|pem)|.*\.NAME")
"""Files of the data directory, and what stands for any module of a package."""


def settings_named(text: str) -> list[str]:
    """The dotted names in backticks that can be nothing but settings."""
    named = re.findall(r"`([a-z_]+(?:\.[A-Za-z0-9_-]+)+)`", text)
    tables = TABLES | INSIDE
    return [one for one in named if one.partition(".")[0] in tables and not NO_SETTINGS.match(one)]


def is_setting(dotted: str) -> bool:
    """Whether this names a setting, or a table of settings."""
    whole = dotted.partition(".")[0] not in INSIDE
    names = [dotted] if whole else [f"{table}.{dotted}" for table in WITHIN]
    return any(find(tuple(name.split("."))) is not None for name in names)


@each("path", PROSE, ids=name_of)
def test_settings_that_are_named_exist(path: Path) -> None:
    for dotted in settings_named(path.read_text(encoding="utf-8")):
        # Some names of modules begin as a table does, and so do some of faults.
        known = is_setting(dotted) or dotted in FAULTS
        assert known or resolves(f"sessiongate.{dotted}"), dotted


def test_the_check_of_settings_sees() -> None:
    told = (
        "`server.limits.body_time`, `pool.queue`, `upstream.vc1.password_file`, `tls.trust`, `x.y`"
    )
    assert settings_named(told) == [
        "server.limits.body_time",
        "pool.queue",
        "upstream.vc1.password_file",
    ]
    assert all(map(is_setting, settings_named(told)))
    assert not is_setting("server.limits.body_timeout")
    assert not is_setting("pool.patience")
    assert not is_setting("upstream.NAME.colour")


@pytest.mark.parametrize("path", PROSE, ids=name_of)
def test_settings_that_are_shown_can_be_read(path: Path, tmp_path: Path) -> None:
    """Every TOML block is a whole settings file, unless its first line says what else it is."""
    for block in re.findall(r"^```toml\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S):
        tomllib.loads(block)
        if not block.startswith(("# users.toml", "# pyproject.toml")):
            file = tmp_path / "sessiongate.toml"
            file.write_text(block, encoding="utf-8")
            load(file)


def test_the_decisions_are_numbered_listed_and_alike() -> None:
    index = (pages.DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    numbers = []
    for path in sorted((pages.DOCS / "decisions").glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        numbers.append(int(path.name[:4]))
        assert text.startswith(f"# {path.name[:4]} "), path.name
        for heading in ("## Context", "## Choice", "## Price"):
            assert heading in text, path.name
        assert f"]({path.name})" in index, path.name
    assert len(numbers) == len(set(numbers)) > 0

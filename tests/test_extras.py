"""Packages that only some settings need are extras: nothing breaks without, and users are told.

The package of an extra is hidden from imports here, as if it had never been installed. The wheel's
smoke test (`.ci/wheel`) does the same with an environment that has none of them.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from sessiongate.errors import ConfigError
from sessiongate.plugins import part
from tests.end_to_end.serving import environment
from tests.house.sources import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PLAIN = {Requirement(one).name for one in PROJECT["project"]["dependencies"]}
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
ONE_BY_ONE = {name: wanted for name, wanted in EXTRAS.items() if name != "all"}

MODULES = ("redis", "lxml", "signxml", "swagger_ui")
"""What the packages of the extras are imported as."""

HIDE = f"""
import sys
for name in {MODULES!r}:
    sys.modules[name] = None
from sessiongate.cli.main import main
sys.argv[0] = "sessiongate"
main()
"""


def without_extras(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, in a process that finds none of the packages of the extras."""
    return subprocess.run(
        [sys.executable, "-c", HIDE, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment(),
    )


@pytest.mark.slow
def test_dev_serves_without_the_extras_and_says_how_to_get_a_page() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HIDE, "dev", "--plain-http", "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout is not None
        told = next(line for line in process.stdout if line.startswith("API "))
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert 'get a page for it by pip install "sessiongate[docs]"' in told
    assert process.returncode == 0


def test_all_is_every_other_extra() -> None:
    (wanted,) = (Requirement(one) for one in EXTRAS["all"])
    assert (wanted.name, wanted.extras) == ("sessiongate", set(ONE_BY_ONE))


def test_what_is_pinned_for_all_extras_has_all_that_is_pinned_without() -> None:
    """It is installed by itself, too; `.ci/wheel` adds it to what is there already."""

    def pins(kind: str) -> set[str]:
        text = (ROOT / "requirements" / f"{kind}.txt").read_text(encoding="utf-8")
        return set(re.split(r"\n(?=\S)", text.strip()))

    assert len(pins("plain")) > len(PLAIN)
    assert pins("plain") - pins("all") == set()


def test_nothing_of_an_extra_is_installed_without_it() -> None:
    for name, wanted in ONE_BY_ONE.items():
        assert not {Requirement(one).name for one in wanted} & PLAIN, name


def test_extras_that_are_named_exist() -> None:
    """In sources, pages and files for deploying: whoever follows the advice gets something."""
    told = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "deploy").rglob("*")]
    told += (path for path in (ROOT / "sessiongate").rglob("*") if path.suffix in (".py", ".html"))
    named = [
        (path, extra)
        for path in told
        if path.is_file() and path.suffix != ".pyc"
        for extras in re.findall(r"sessiongate\[([\w,]+)\]", path.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    ]
    assert {extra for _, extra in named} >= {"redis", "saml", "docs"}
    assert [(path, extra) for path, extra in named if extra not in EXTRAS] == []


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--version"], ["config", "show"], ["serve", "--help"]])
def test_commands_run_without_the_extras(arguments: list[str]) -> None:
    done = without_extras(*arguments)
    assert (done.returncode, done.stderr) == (0, "")


REDIS = '[store]\nurl = "redis://127.0.0.1:1/0"\n'
SAML = """[tokens.idp]
type = "saml"
issuer = "https://idp.example"
audience = "https://gate.example"
certificates = ["idp.pem"]
role = "user"
"""
REDIS_SAID = 'store.url: needs the package redis; get it by pip install "sessiongate[redis]"'
SAML_SAID = 'tokens.idp.type: needs the package lxml; get it by pip install "sessiongate[saml]"'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "arguments", "code", "sentence"),
    [
        (REDIS, ["check"], 1, REDIS_SAID),
        (REDIS, ["serve"], 2, REDIS_SAID),
        (REDIS, ["audit", "tail"], 2, REDIS_SAID),
        (SAML, ["check"], 1, SAML_SAID),
        (SAML, ["serve"], 2, SAML_SAID),
    ],
    ids=["redis, check", "redis, serve", "redis, audit", "saml, check", "saml, serve"],
)
def test_settings_that_need_an_extra_name_it(
    settings: str, arguments: list[str], code: int, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "sessiongate.toml"
    listen = f'[server]\ndata_dir = "{tmp_path}"\nlisten = ["127.0.0.1:0"]\n'
    path.write_text(listen + settings, encoding="utf-8")
    done = without_extras(*arguments, "--config", str(path))
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code, said
    assert sentence in said
    assert "Traceback" not in said


def test_only_a_missing_package_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A fault inside our own modules is ours, and no advice to install something."""
    with pytest.raises(ModuleNotFoundError):
        part("sessiongate.no_such_module", "redis", "store.url")
    (tmp_path / "wants_more.py").write_text("import no_such_package.inside\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"a\.setting: needs the package no_such_package; get it"):
        part("wants_more", "redis", "a.setting")

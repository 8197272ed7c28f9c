"""The provider of docs/write-a-provider.md: run, tested, installed and logged in with."""

import hashlib
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sessiongate.errors import ConfigError, IdentityUnavailable
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.plugin import PluginContext
from sessiongate.identity.port import IdentityProvider
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.testing import ProviderContract
from tests.end_to_end.serving import Server, with_people

PAGE = Path(__file__).parents[2] / "docs" / "write-a-provider.md"
KNOWN = ("ada", "correct horse")
FOLDED = ("Weiß", "battery staple")


def block(name: str) -> str:
    """The code block that stands behind this mark on the page."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def run(*blocks: str, **names: object) -> dict[str, Any]:
    space: dict[str, Any] = dict(names)
    for text in blocks:
        exec(compile(text, str(PAGE), "exec"), space)
    return space


def write_people(path: Path) -> None:
    salt = bytes(range(16))
    lines = []
    for name, password in (KNOWN, FOLDED):
        made = hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1)
        lines.append(f"{name}:{salt.hex()}:{made.hex()}\n")
    path.write_text("".join(lines))


class TestTheProviderOfThePage(ProviderContract):
    known = KNOWN
    folded = FOLDED

    @pytest.fixture(autouse=True)
    def _people(self, tmp_path: Path) -> None:
        self.people = tmp_path / "people.txt"
        write_people(self.people)

    async def make(self) -> IdentityProvider:
        made: IdentityProvider = run(block("provider"))["ScryptFile"]("people", self.people, "user")
        return made

    async def cut(self) -> bool:
        self.people.unlink()
        return True


def test_the_contract_of_the_page_names_the_same_people(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("my_package")
    vars(module).update(run(block("provider")))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    space = run(block("contract"))
    assert space["TestScryptFile"].known == KNOWN
    assert space["TestScryptFile"].folded == FOLDED


def test_the_page_shows_it_in_about_thirty_lines() -> None:
    lines = [line for line in block("provider").splitlines() if line.strip()]
    assert len(lines) <= 38


async def test_its_settings_are_its_own(tmp_path: Path) -> None:
    plugin = run(block("provider"))["plugin"]
    hasher = PasswordHasher(1)
    context = PluginContext(tmp_path, hasher)
    with pytest.raises(ConfigError, match=r"identity\.people\.paht: not a setting"):
        plugin("people", {"paht": "x"}, context)
    made = plugin("people", {}, context)
    with pytest.raises(IdentityUnavailable):
        await made.provider.authenticate(parse_account("ada"), Secret("x"))
    hasher.close()


SETTINGS = """
[identity.people]
type = "scrypt-file"
[dialects.vsphere]
default = "people"
[dialects.zerto]
windows = "people"
hypervisor = "people"
"""


def test_installed_as_a_package_it_logs_people_in(tmp_path: Path) -> None:
    """As pip would leave it: a module, and beside it the metadata with the entry point."""
    site = tmp_path / "site"
    about = site / "scrypt_file-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "scrypt_file.py").write_text(block("provider"))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: scrypt-file\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[sessiongate.identity]\nscrypt-file = scrypt_file:plugin\n"
    )
    server = Server(tmp_path / "data", SETTINGS, environ={"PYTHONPATH": str(site)})
    server.data_dir.mkdir()
    write_people(server.data_dir / "people.txt")
    with server:
        assert server.zerto_login(*KNOWN).status == 200
        assert server.vim_login(*KNOWN).status == 200
        assert server.zerto_login(KNOWN[0], "wrong").status == 401


def test_a_type_that_nobody_provides_is_said_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"identity\.people\.type: no such type; there are"):
        with_people(tmp_path / "data", settings=SETTINGS).start()

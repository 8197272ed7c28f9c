"""Tokens of the session manager's clients that stand in files."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.app.gateway.manager_tokens import TokenFiles
from sessiongate.app.preflight.manager_doubts import manager_doubts
from sessiongate.config import load
from sessiongate.config.session_manager import ManagerClient
from sessiongate.errors import ConfigError
from sessiongate.secret import Secret

ONE, OTHER = (f"sgm_{letter * 32}" for letter in "ab")
AGAIN = 6.0


class Files:
    """Two clients with a file each, and the clock by which these are read."""

    def __init__(self, folder: Path) -> None:
        self.seconds = 0.0
        self.paths = {name: folder / f"{name}.token" for name in ("csi", "cpi")}
        self.put("csi", ONE)
        self.put("cpi", OTHER)

    def put(self, client: str, token: str) -> None:
        self.paths[client].write_text(f"{token}\n")
        self.seconds += AGAIN

    def read(self) -> TokenFiles:
        clients = {
            name: ManagerClient(upstreams=(f"of-{name}",), token_files=(path,))
            for name, path in self.paths.items()
        }
        return TokenFiles(clients, lambda: self.seconds)


def owners(files: TokenFiles) -> dict[str, str]:
    """Whose the two tokens are."""
    found = files()
    digests = {token: Secret(token).digest() for token in (ONE, OTHER)}
    return {token: found[one].name for token, one in digests.items() if one in found}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_each_token_is_its_clients_and_a_new_one_is_noticed(files: Files) -> None:
    read = files.read()
    assert owners(read) == {ONE: "csi", OTHER: "cpi"}
    assert read()[Secret(ONE).digest()].upstreams == {"of-csi"}
    files.put("csi", "sgm_short")
    assert owners(read) == {OTHER: "cpi"}


def test_one_token_of_two_clients_is_refused_at_the_start(files: Files) -> None:
    files.put("cpi", ONE)
    with pytest.raises(ConfigError) as refused:
        files.read()
    (problem,) = refused.value.problems
    assert problem.startswith(f"session_manager.clients.cpi.token_files: {files.paths['cpi']} ")
    assert "of csi, too" in problem
    assert ONE not in problem


@pytest.mark.parametrize(("owner", "other"), [("csi", "cpi"), ("cpi", "csi")])
def test_a_token_that_comes_into_anothers_file_stays_its_owners(
    files: Files, owner: str, other: str
) -> None:
    read = files.read()
    before = owners(read)
    [token] = [one for one, name in before.items() if name == owner]
    with capture_logs() as log:
        for _ in range(3):
            files.put(other, token)
            assert owners(read) == {token: owner}
    assert [(one["client"], one["log_level"]) for one in log] == [(other, "warning")], "said once"
    assert f"of {owner}, too" in log[0]["why"]
    assert token not in str(log)
    files.paths[owner].unlink()
    files.seconds += AGAIN
    assert owners(read) == {token: other}, "now it is in that file alone"


async def test_check_names_files_that_are_no_use(tmp_path: Path) -> None:
    good, missing, wrong, keys = (tmp_path / name for name in ("good", "missing", "wrong", "keys"))
    good.write_text(f"{ONE}\n")
    wrong.write_text("sgm_short\n")
    keys.write_text('{"keys": []}')
    for file in (good, wrong):
        file.chmod(0o600)
    flags = {
        "server.plain_http": True,
        "upstream.vc1.type": "vcenter",
        "upstream.vc1.url": "https://vc1.example",
        "upstream.vc1.account": "service",
        "upstream.vc1.username": "svc",
        "upstream.vc1.password": "a password",
        "upstream.vc1.roles": ["administrator"],
        "session_manager.clients.csi.upstreams": ["vc1"],
        "session_manager.clients.csi.token_files": [str(good), str(missing), str(wrong)],
        "session_manager.clients.cpi.upstreams": ["vc1"],
        "session_manager.clients.cpi.token_files": [str(good)],
        "session_manager.clusters.prod.upstreams": ["vc1"],
        "session_manager.clusters.prod.jwks_file": str(keys),
        "session_manager.clusters.prod.audience": ["api"],
    }
    found = await manager_doubts(load(None, {}, flags))
    told = [(one.about.removeprefix("session_manager."), one.serious) for one in found]
    assert sorted(told) == [
        ("clients.cpi", True),
        ("clients.csi", False),
        ("clients.csi", True),
        ("clusters.prod", True),
    ]
    said = " ".join(one.sentence for one in found)
    assert f"token_files: {missing} holds no token yet: it cannot be read" in said
    assert f"token_files: {wrong} holds none: a token begins with sgm_" in said
    assert "one token cannot be of two clients" in said
    assert "jwks_file: must be a file with a key set" in said
    assert ONE not in said

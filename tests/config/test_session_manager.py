"""The settings of the session manager: what does not go together is said, with the way out."""

from pathlib import Path

import pytest

from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from sessiongate.rules.pace import Rate
from tests.each import each

UPSTREAM = """
[upstream.vc1]
type = "vcenter"
url = "https://vc1.example"
account = "service"
username = "svc"
password = "p"
roles = ["user"]
"""
CLIENT = """
[session_manager.clients.csi-prod]
upstreams = ["vc1"]
token_files = ["csi.token"]
"""
CLUSTER = """
[session_manager.clusters.prod]
upstreams = ["vc1"]
jwks_file = "keys.json"
audience = ["https://kubernetes.default.svc.cluster.local"]
"""


def loaded(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "sessiongate.toml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        loaded(tmp_path, text)
    return wrong.value.problems


def test_what_the_page_shows_is_taken(tmp_path: Path) -> None:
    rate = '[session_manager]\nrate = "5/s"\n'
    manager = loaded(tmp_path, UPSTREAM + rate + CLIENT + CLUSTER).session_manager
    assert manager.rate == Rate(5, 1)
    assert manager.clients["csi-prod"].token_files == (tmp_path / "csi.token",)
    cluster = manager.clusters["prod"]
    assert cluster.jwks_file == tmp_path / "keys.json"
    assert cluster.subjects[0].startswith("system:serviceaccount:")
    assert cluster.max_age.total_seconds() == 25 * 3600


def test_nothing_need_be_said(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").session_manager.rate == Rate(60, 60)


CASES = {
    "rate": ('[session_manager]\nrate = "often"', "session_manager.rate: must be a number in a"),
    "no rate": ('[session_manager]\nrate = "0/s"', "session_manager.rate: must be a number in a"),
    "an unknown upstream": (
        CLIENT.replace('"vc1"', '"vc2"'),
        "session_manager.clients.csi-prod.upstreams: must name tables of upstreams; there is no"
        " 'vc2', there are: vc1",
    ),
    "no upstream": (CLIENT.replace('"vc1"', ""), "upstreams: must name one at least"),
    "no file": (CLIENT.replace('"csi.token"', ""), "token_files: must name a file at least"),
    "a name": (CLIENT.replace("csi-prod", '"csi prod"'), "is called otherwise than anything may"),
    "no keys": (CLUSTER.replace("jwks_file", "#"), "jwks_file: or jwks_url is required"),
    "keys twice": (
        CLUSTER + 'jwks_url = "https://api.example/openid/v1/jwks"',
        "jwks_file: or jwks_url is required, and not both",
    ),
    "a CA for a file": (CLUSTER + 'ca = "ca.pem"', "ca: is about jwks_url"),
    "no audience": (CLUSTER.replace('["https', '[] # ["https'), "audience: must name one at"),
    "no subject": (CLUSTER + "subjects = []", "subjects: must name one at least"),
    "too young": (CLUSTER + 'max_age = "1h"', "max_age: must not be under 24h"),
}


@each("case", CASES.values(), ids=list(CASES))
def test_what_does_not_go_together(tmp_path: Path, case: tuple[str, str]) -> None:
    text, said = case
    (problem,) = problems(tmp_path, UPSTREAM + text)
    assert said in problem


def test_an_upstream_needs_an_account_and_room_for_two(tmp_path: Path) -> None:
    (small,) = problems(tmp_path, f"{UPSTREAM}size = 1\n{CLIENT}")
    assert "one session there is for clone tickets alone" in small
    callers = '[upstream.vc1]\ntype = "vcenter"\nurl = "https://vc1.example"\n'
    (own,) = problems(tmp_path, callers + CLIENT)
    assert 'give it account = "service"' in own

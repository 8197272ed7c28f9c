"""Hashes that cost something else than those made today: told of, and stored anew by a login."""

from pathlib import Path

from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.identity.local.users_file import add_user
from sessiongate.secret import Secret
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import Server, vim

DORA = ("dora", "dora's pass")


def add_dear(path: Path) -> None:
    hasher = PasswordHasher(1, memory_kib=64 * 1024, passes=3)
    add_user(path, DORA[0], Secret(DORA[1]), "user", hasher=hasher, roles=["user"])
    hasher.close()


def told(server: Server) -> list[str]:
    rows = server.run("check", "--output", "json").json()["checks"]
    return [row["detail"] for row in rows if "password hashes" in row["detail"]]


def test_sec_83_check_tells_of_hashes_of_another_cost_until_a_login(
    make_server: MakeServer,
) -> None:
    server = make_server()
    assert told(server) == []
    add_dear(server.data_dir / "users.toml")
    (detail,) = told(server)
    assert detail.startswith("password hashes of another cost than m=19456,t=2,p=1: of dora;")
    assert detail.endswith("every refused login takes as long as m=65536,t=3,p=1")
    token = server.vim_token(DORA)
    assert told(server) == []
    # The session outlives what has happened to the hash, and so does the password.
    headers = {"vmware-api-session-id": token}
    assert server.request("GET", vim("currentSession"), headers).json()["userName"] == "dora"
    assert server.zerto_login(*DORA).status == 200
    assert server.zerto_login(DORA[0], "wrong").status == 401

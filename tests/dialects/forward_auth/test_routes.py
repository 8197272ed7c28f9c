"""Which addresses forward-auth has."""

from pathlib import Path

from sessiongate.http.message import Request
from tests.dialects.forward_auth.door import PROXY, Door
from tests.each import each


@each(
    ("path", "there"),
    [
        ("/auth/forward-auth", True),
        ("/auth/auth-request", True),
        ("/auth/ext-authz", True),
        ("/auth/ext-authz/", True),
        ("/auth/ext-authz/a/b", True),
        ("/auth/ext-authz//a", True),
        ("/auth/forward-auth/", False),
        ("/auth/auth-request/x", False),
        ("/auth/ext-authzx", False),
        ("/auth/Forward-Auth", False),
        ("/auth/", False),
    ],
)
async def test_three_and_one_with_the_clients_path_behind_it(
    tmp_path: Path, path: str, there: bool
) -> None:
    door = Door(tmp_path)
    asked = Request("GET", path, "", [("host", "app.example")], b"", PROXY, secure=False)
    reply = await door.handler(asked)
    assert (reply.status != 404) is there

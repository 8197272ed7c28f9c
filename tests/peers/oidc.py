"""A real OpenID provider: the npm package `oidc-provider`, a child process on a free loopback port.

What it is set up with is in `oidc_provider.mjs`: each of its clients gets tokens about a person of
the client's name. TLS is by a certificate that `sessiongate.tls.certificates` makes.
"""

import http.client
import shutil
import ssl
import subprocess
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from urllib.parse import urlencode

from sessiongate.tls import certificates
from tests.basic import basic
from tests.end_to_end.serving import Body, Client, Headers, Lines, Reply
from tests.peers.setup import oidc_provider
from tests.until import PATIENCE

_SCRIPT = Path(__file__).with_name("oidc_provider.mjs")


def missing() -> str:
    """Why there can be no provider here, "" if there can."""
    if shutil.which("node") is None:
        return "node is not installed"
    there = oidc_provider().exists()
    return "" if there else "oidc-provider is not installed: run tests/peers/setup.py"


@dataclass
class Provider:
    """One provider, its files in `folder`. Use it as a context manager."""

    folder: Path
    claimed: str = ""
    """The issuer whose tokens it feigns; itself for ""."""

    def __post_init__(self) -> None:
        self._tls = certificates.ensure(self.folder, ("127.0.0.1",), datetime.now(UTC))
        self._process: subprocess.Popen[str] | None = None
        self._out: Lines
        self._asks = 0
        self.url = ""

    @property
    def ca(self) -> Path:
        assert self._tls.ca is not None
        return self._tls.ca

    def __enter__(self) -> Self:
        entry = oidc_provider() / "lib" / "index.js"
        command = ["node", _SCRIPT, entry, self._tls.certificate, self._tls.key]
        self._process = subprocess.Popen(
            [str(part) for part in (*command, *filter(None, (self.claimed,)))],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        self._out = Lines(self._process.stdout)
        if not self._out.wait_for(lambda lines: any(one.startswith("READY ") for one in lines)):
            self.kill()
            raise AssertionError(f"the provider did not start:\n{self._out.text}")
        ready = next(one for one in self._out.lines if one.startswith("READY "))
        self.url = ready.removeprefix("READY ")
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._out.close()
            self._process = None

    def asked(self) -> list[str]:
        """What was read from it so far, without the requests for tokens."""
        self._asks += 1
        # Lines come in order: with ours, all before it are there.
        own = f"/asked/{self._asks}"
        self._request("GET", own)
        assert self._out.wait_for(lambda lines: f"GET {own}" in lines), self._out.text
        paths = [one.removeprefix("GET ") for one in self._out.lines if one.startswith("GET ")]
        return [one for one in paths if not one.startswith("/asked/")]

    def token(self, person: str, resource: str = "urn:gate") -> str:
        """An access token for this resource."""
        headers = {
            "Authorization": basic(person, f"{person}-secret"),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        form = urlencode({"grant_type": "client_credentials", "resource": resource})
        reply = self._request("POST", "/token", headers, form)
        assert reply.status == 200, reply.body
        return str(reply.json()["access_token"])

    def _request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        context = ssl.create_default_context(cafile=str(self.ca))
        port = int(self.url.rpartition(":")[2])
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=PATIENCE, context=context
        )
        with closing(Client(connection)) as client:
            return client.request(verb, path, headers, body)

"""`wheel_smoke.py COMMAND KIND`: an installed sessiongate serves, a client logs in and out.

KIND says which packages are there: `plain`, those that every installation has, or `all`, with every
extra. What needs an extra is tried too: it works, or says how to get it. Run by the interpreter of
the environment that the wheel is installed in; needs nothing else.
"""

import base64
import json
import re
import secrets
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from pathlib import Path

DEADLINE = 120.0

MOST = 90_000_000
"""Bytes that the files of a plain installation may hold, without pip itself."""

_OWN = ("pip", "setuptools", "wheel", "_distutils_hack")

NEEDS = {
    "redis": '[store]\nurl = "redis://127.0.0.1:1/0"\n',
    "saml": (
        '[tokens.idp]\ntype = "saml"\nissuer = "https://idp.example"\n'
        'audience = "https://gate.example"\ncertificates = ["missing.pem"]\nrole = "user"\n'
    ),
}
"""Settings that need an extra, by its name."""


def main(command: str, kind: str) -> int:
    """Start `dev` on a free port, use it once, stop it; try what needs extras. 0 for success."""
    serve(command, kind)
    for extra, settings in NEEDS.items():
        try_settings(command, extra, settings, named=kind == "plain")
    if kind == "plain":
        size = installed()
        sys.stdout.write(f"installed: {size / 1e6:.0f} MB\n")
        assert size < MOST
    return 0


def serve(command: str, kind: str) -> None:
    """A session from login to logout, and the API page."""
    password = secrets.token_urlsafe(16)
    server = subprocess.Popen(
        [command, "dev", "--plain-http", "--listen", "127.0.0.1:0", "--user", f"smoke:{password}"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        address = console = ""
        for line in server.stdout:
            if found := re.search(r"Listening on (http://[\d.:]+)", line):
                address = found[1]
            if found := re.search(r"Console on (http://[\d.:]+)", line):
                console = found[1]
                break
        assert address, "it ended before it listened"
        page = call(console, "GET", {}, "/console/login").decode()
        for name in re.findall(r"/console/static/[\w.-]+", page):
            assert call(console, "GET", {}, name), name
        credential = base64.b64encode(f"smoke:{password}".encode()).decode()
        token = json.loads(call(address, "POST", {"Authorization": f"Basic {credential}"}))
        assert isinstance(token, str)
        seen = json.loads(call(address, "GET", {"vmware-api-session-id": token}))
        assert seen["user"] == "smoke"
        call(address, "DELETE", {"vmware-api-session-id": token})
        assert json.loads(call(address, "GET", {}, "/openapi.json"))["openapi"]
        page = call(address, "GET", {}, "/docs").decode()
        assert ('pip install "sessiongate[docs]"' in page) == (kind == "plain")
        assert ("swagger-ui-bundle.js" in page) == (kind == "all")
    finally:
        server.terminate()
        assert server.wait(DEADLINE) == 0
    sys.stdout.write("login, look, logout and API page: ok\n")


def try_settings(command: str, extra: str, settings: str, *, named: bool) -> None:
    """Whether a server of these settings says that the extra is missing, as it should or not."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sessiongate.toml"
        file.write_text(settings, encoding="utf-8")
        done = subprocess.run(
            [command, "serve", "--config", file, "--data-dir", folder, "--listen", "127.0.0.1:0"],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    said = done.stdout + done.stderr
    assert done.returncode > 0, said  # there is neither a Redis nor a certificate
    assert "Traceback" not in said, said
    assert (f'pip install "sessiongate[{extra}]"' in said) == named, said
    sys.stdout.write(f"extra {extra}: {'named' if named else 'there'}\n")


def installed() -> int:
    """Bytes in the environment's files, without those that it began with.

    Compiled modules are among them. What a disk takes for them depends on its blocks.
    """
    site = Path(sysconfig.get_path("purelib"))
    return sum(
        file.stat().st_size
        for file in site.rglob("*")
        if file.is_file() and not file.relative_to(site).parts[0].startswith(_OWN)
    )


def call(address: str, method: str, headers: dict[str, str], path: str = "/api/session") -> bytes:
    """The body of a reply."""
    request = urllib.request.Request(f"{address}{path}", method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=DEADLINE) as reply:
        body: bytes = reply.read()
    return body


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

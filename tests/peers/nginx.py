"""A real nginx: a child process in a directory of its own, with our deploy/nginx configuration.

Only what depends on the place is changed in that file: address, certificate, and where sessiongate
is. TLS is by a certificate that `sessiongate.tls.certificates` makes. Clients may come from any
address of 127.0.0.0/8, so that they can be told apart from the proxy.
"""

import http.client
import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from sessiongate.tls import certificates
from tests.end_to_end.serving import Body, Client, Headers, Reply
from tests.house.sources import ROOT
from tests.peers.ports import free_port
from tests.peers.processes import end, until_it_listens
from tests.until import PATIENCE

CONFIG = ROOT / "deploy" / "nginx" / "sessiongate.conf"

_MAIN = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/sessiongate.conf;
}}
"""


def missing() -> str:
    """Why there can be no nginx here, "" if there can."""
    return "" if _program() is not None else "nginx is not installed"


def _program() -> str | None:
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


@dataclass
class Nginx:
    """One nginx in `folder`, before a sessiongate on this port. Use it as a context manager."""

    folder: Path
    upstream_port: int

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tls = certificates.ensure(self.folder / "data", ("127.0.0.1",), datetime.now(UTC))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        text = CONFIG.read_text(encoding="utf-8")
        for ours, here in {
            "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
            "server 127.0.0.1:9669;": f"server 127.0.0.1:{self.upstream_port};",
            "/etc/nginx/tls/gate.pem": str(self.tls.certificate),
            "/etc/nginx/tls/gate.key": str(self.tls.key),
        }.items():
            assert text.count(ours) == 1, ours
            text = text.replace(ours, here)
        (self.folder / "sessiongate.conf").write_text(text, encoding="utf-8")
        main = _MAIN.format(folder=self.folder)
        (self.folder / "nginx.conf").write_text(main, encoding="utf-8")

    @property
    def _errors(self) -> Path:
        return self.folder / "error.log"

    def _command(self, *more: str) -> list[str]:
        own = ("-p", str(self.folder), "-e", str(self._errors), "-c", "nginx.conf")
        return [_program() or "nginx", *own, *more]

    def judged(self) -> subprocess.CompletedProcess[str]:
        """What nginx itself says of the configuration."""
        return subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)

    def start(self) -> Self:
        """Return when it listens."""
        self._process = subprocess.Popen(
            self._command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until_it_listens(self._process, self.port, self._errors)
        return self

    def stop(self) -> None:
        if self._process is not None:
            end(self._process)
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def connected(
        self, source: str = "127.0.0.1", certificate: tuple[Path, Path] | None = None
    ) -> Iterator[Client]:
        """One connection, from this address, and with this certificate and key if any."""
        assert self.tls.ca is not None
        context = ssl.create_default_context(cafile=str(self.tls.ca))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.port,
            timeout=PATIENCE,
            context=context,
            source_address=(source, 0),
        )
        try:
            yield Client(connection)
        finally:
            connection.close()

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        """One request on a connection of its own."""
        with self.connected() as client:
            return client.request(verb, path, headers, body)

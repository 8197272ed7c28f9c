"""Real proxies with the files of deploy/forward-auth: child processes on free loopback ports.

Only what depends on the place is changed in the files: ports, and where HAProxy finds its Lua file.
nginx and HAProxy are Debian's; Caddy and Envoy are wheels of the package index (`setup`).
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.house.sources import ROOT
from tests.peers import setup
from tests.peers.ports import free_port
from tests.peers.processes import end, until_it_listens

FILES = ROOT / "deploy" / "forward-auth"
AUTH, APPLICATION = "127.0.0.1:9669", "127.0.0.1:3000"

_NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/nginx.conf;
}}
"""


@dataclass(frozen=True)
class ProxyKind:
    """One kind: its file, what in it names the port to listen on, and how it is started."""

    name: str
    file: str
    listens: str
    snippet: str = ""
    """The file of an Ingress whose snippet removes the token, in the place of nginx's own lines."""

    def program(self) -> str | None:
        """Where it is on this machine, None where it is not."""
        found = setup.proxy(self.name)
        if found.exists():
            return str(found)
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
        return shutil.which(self.name, path=path)

    def command(self, folder: Path) -> list[str]:
        """What starts it in the foreground, with its files in this folder."""
        program, file = self.program() or self.name, str(folder / self.file)
        if self.name == "nginx":
            return [program, "-p", str(folder), "-e", str(folder / "errors"), "-c", "main.conf"]
        if self.name == "haproxy":
            return [program, "-db", "-f", file]
        if self.name == "caddy":
            return [program, "run", "--config", file, "--adapter", "caddyfile"]
        quiet = ("--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error")
        return [program, "-c", file, *quiet]


NGINX = ProxyKind("nginx", "nginx.conf", "listen 80;")
INGRESS = ProxyKind("nginx", "nginx.conf", "listen 80;", "ingress-nginx.yaml")
"""nginx with what an Ingress has put into it."""
CADDY = ProxyKind("caddy", "Caddyfile", "http://:8080")
HAPROXY = ProxyKind("haproxy", "haproxy.cfg", "bind 127.0.0.1:8080")
ENVOY = ProxyKind("envoy", "envoy.yaml", "address: 127.0.0.1, port_value: 8080")
KINDS = (NGINX, CADDY, HAPROXY, ENVOY)


def missing(kind: ProxyKind) -> str:
    """Why there is none here, "" where there is one."""
    return "" if kind.program() else f"no {kind.name} on this machine"


def write_files(kind: ProxyKind, folder: Path, port: int, auth: int, application: int) -> None:
    """The file of deploy/forward-auth, with these ports."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (FILES / kind.file).read_text(encoding="utf-8")
    if kind.snippet:
        text = with_snippet(text, (FILES / kind.snippet).read_text(encoding="utf-8"))
    listens = kind.listens.replace("80;", f"127.0.0.1:{port};").replace("8080", str(port))
    changes = {kind.listens: listens}
    if kind is ENVOY:
        for port_of, now in ((9669, auth), (3000, application)):
            changes[f"port_value: {port_of} }}"] = f"port_value: {now} }}"
    else:
        changes |= {AUTH: f"127.0.0.1:{auth}", APPLICATION: f"127.0.0.1:{application}"}
    if kind is HAPROXY:
        changes["/etc/haproxy/sessiongate.lua"] = str(FILES / "sessiongate.lua")
    for ours, here in changes.items():
        assert text.count(ours) == 1, (kind.name, ours)
        text = text.replace(ours, here)
    (folder / kind.file).write_text(text, encoding="utf-8")
    if kind.name == "nginx":
        (folder / "main.conf").write_text(_NGINX.format(folder=folder), encoding="utf-8")


def with_snippet(nginx: str, ingress: str) -> str:
    """nginx's file with the lines of an Ingress's configuration-snippet in its `location /`."""
    _, _, rest = ingress.partition("configuration-snippet: |\n")
    lines = list(takewhile(lambda line: line.startswith(" " * 6), rest.splitlines()))
    begin = nginx.index("        proxy_set_header vmware-api-session-id")
    end = nginx.index("    }\n", begin)
    assert "proxy_set_header Cookie" in nginx[begin:end]
    assert lines
    return nginx[:begin] + "\n".join(lines) + "\n" + nginx[end:]


@contextmanager
def running(kind: ProxyKind, folder: Path, auth: int, application: int) -> Iterator[int]:
    """One proxy before this application, which asks this auth server: the port it listens on."""
    port = free_port()
    write_files(kind, folder, port, auth, application)
    said = folder / "said"
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with said.open("wb") as output:
        process = subprocess.Popen(
            kind.command(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **home},
        )
    try:
        until_it_listens(process, port, said)
        yield port
    finally:
        end(process)

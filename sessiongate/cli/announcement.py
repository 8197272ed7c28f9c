"""What `serve` and `dev` say of a server that has started: where it is, and what clients do."""

import shlex
import sys
from urllib.parse import urlsplit

import structlog

from sessiongate.app.started import Started, url_of
from sessiongate.config import Config
from sessiongate.config.addresses import without_port
from sessiongate.config.upstreams import Upstream
from sessiongate.dialects.api_page import swagger_ui
from sessiongate.tls.certificates import Certificates

_log = structlog.get_logger("sessiongate")


def _api_page(url: str) -> str:
    if swagger_ui.folder() is not None:
        return f"API page at {url}/docs"
    return f"API document at {url}/openapi.json; get a page for it by {swagger_ui.HOW}"


def announce(config: Config, started: Started, *besides: str, text: bool) -> None:
    """Say it all at once: who waits for the first line finds the others there too.

    Where the log is `text` for people, they need not be told there as well.
    """
    lines = [f"Listening on {url_of(config, address)}" for address in started.addresses]
    if started.operations:
        lines.append(f"Operations on {started.operations}")
    for why in started.without_operations:
        lines.append(f"WARNING: no operations listener. {why}")
        if not text:
            _log.warning("no operations listener", why=why)
    if started.console:
        lines.append(f"Console on {reachable_url(started.console)}")
    if started.without_console:
        lines.append(f"WARNING: no console. {started.without_console}")
        if not text:
            _log.warning("no console", why=started.without_console)
    local = first_address(started)
    if local is not None:
        lines.append(_api_page(url_of(config, local)))
    if started.certificates is None:
        lines += [
            "WARNING: plain HTTP. Passwords and tokens cross the network in clear text,",
            "and session cookies are sent without Secure. Put TLS in front, or drop plain_http.",
        ]
    else:
        lines += fingerprints(started.certificates)
        if started.certificates.ca is not None:
            lines.append(f"Clients may trust {started.certificates.ca}")
    if not started.has_users:
        lines += [
            "There is no user yet, so nobody can log in. Add the first administrator with:",
            "  sessiongate users add admin --role administrator"
            f" --data-dir {config.server.data_dir}",
        ]
    if started.set_up:
        lines += [
            "or by this link, which works once and for half an hour:",
            f"  {reachable_url(started.set_up)}",
        ]
    # With its line end, so that it is one write even where output is not buffered.
    print("\n".join([*lines, *besides, ""]), end="", flush=True)


def fingerprints(made: Certificates) -> list[str]:
    """The lines that say which certificate it is."""
    return [
        *([f"Certificate renewed: {made.why}"] if made.why else ()),
        *([f"WARNING: {new_ca_made(made)}"] if made.old_ca else ()),
        f"Certificate SHA-1   {made.facts.sha1}",
        f"Certificate SHA-256 {made.facts.sha256}",
    ]


def new_ca_made(made: Certificates) -> str:
    """What people are told of a CA that is another than the one which clients trust."""
    return (
        f"a new CA was made in place of the old one ({made.old_ca}): clients have to trust"
        f" {made.ca} from now on, and refuse this server until they do"
    )


def first_address(started: Started) -> str | None:
    """The first address that a browser on this machine can reach, None where all are sockets."""
    found = (one for one in started.addresses if not one.startswith("unix:"))
    return next(map(reachable, found), None)


def reachable(address: str) -> str:
    """The address as a client on this machine calls it: "every address" is in no certificate."""
    for every, one in (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")):
        if address.startswith(every):
            return one + address.removeprefix(every)
    return address


def reachable_url(url: str) -> str:
    """The same of a URL."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{reachable(rest)}"


def upstream_lines(config: Config, started: Started) -> list[str]:
    """A line for each upstream: at which address clients have it."""
    address = first_address(started)
    if address is None:
        return []
    return [
        f"Before {one.url} (upstream.{name}): clients use {_called(config, one, address)}/sdk"
        for name, one in config.upstream.items()
    ]


def _called(config: Config, upstream: Upstream, address: str) -> str:
    """The URL of this server by which clients call an upstream."""
    parts = urlsplit(url_of(config, address))
    host = next(iter(upstream.hosts), "")
    if not host:
        taken = {without_port(one) for other in config.upstream.values() for one in other.hosts}
        public = (one for one in config.server.public_names if not one.startswith("*."))
        host = next((one for one in public if one not in taken), "")
        host = f"[{host}]" if ":" in host else host
    if not host:
        return f"{parts.scheme}://{parts.netloc}"
    has_port = host.rpartition("]")[2].count(":") == 1
    usual = parts.port == (443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}" + ("" if has_port or usual else f":{parts.port}")


def credentials(name: str, password: str | None) -> None:
    """Lines for the shell that set what the recipes use."""
    print()
    print(f"  export SG_USER={shlex.quote(name)}")
    if password is not None:
        print(f"  export SG_PASSWORD={shlex.quote(password)}")
    else:
        print("  # and SG_PASSWORD, as given with --user")


def recipes(config: Config, started: Started) -> None:
    """Lines for the shell that log in by each dialect whose users are ours."""
    address = first_address(started)
    if address is None:
        return
    url = url_of(config, address)
    ca = started.certificates.ca if started.certificates is not None else None
    curl = "curl -sS -w '\\n'"
    if ca is not None:
        curl += f" --cacert {shlex.quote(str(ca))}"
    print()
    if config.identity[config.dialects.zerto.windows].get("type") == "file":
        print("  # Zerto: the session is in the header x-zerto-session")
        print(f'  {curl} -i -u "$SG_USER:$SG_PASSWORD" -X POST {url}/v1/session/add')
    print("  # vSphere (VI/JSON): the session is in the header vmware-api-session-id")
    print(
        f"  {curl} -i {url}/sdk/vim25/8.0.3.0/SessionManager/SessionManager/Login"
        """ -d '{"userName":"'"$SG_USER"'","password":"'"$SG_PASSWORD"'"}'"""
    )
    print("  # vSphere (Automation REST): the session is the reply itself")
    print(f'  {curl} -i -u "$SG_USER:$SG_PASSWORD" -X POST {url}/api/session')
    print()
    sys.stdout.flush()

"""vSphere's JSON protocol: log in with a locale, read the current session, log out.

    export SG_USER=admin SG_PASSWORD=...
    python3 vsphere.py --locale de

The password comes from the environment, since arguments show in the list of processes.
"""

import argparse
import http.client
import json
import os
import ssl
import sys
from typing import Any
from urllib.parse import urlsplit

SESSION = "vmware-api-session-id"
MANAGER = "/sdk/vim25/8.0.3.0/SessionManager/SessionManager"


def main() -> None:
    parser = argparse.ArgumentParser(description="Log in, look at the session, log out.")
    parser.add_argument("--url", default=os.environ.get("SG_URL", "https://127.0.0.1:9669"))
    parser.add_argument("--ca", default=os.environ.get("SG_CA", "var/tls/ca.pem"))
    parser.add_argument("--locale", help="such as en, de or fr_CA; the server's own if left out")
    args = parser.parse_args()
    try:
        login = {"userName": os.environ["SG_USER"], "password": os.environ["SG_PASSWORD"]}
    except KeyError as missing:
        sys.exit(f"set {missing.args[0]} first")
    if args.locale:
        login["locale"] = args.locale

    line = connected(args.url, args.ca)
    try:
        run(line, login)
    except (OSError, http.client.HTTPException) as problem:
        sys.exit(f"{args.url}: {problem}")
    finally:
        line.close()


def run(line: http.client.HTTPConnection, login: dict[str, str]) -> None:
    """Log in, look at the session, log out."""
    reply, session = call(line, "POST", "Login", {"Content-Type": "application/json"}, login)
    token = {SESSION: reply.getheader(SESSION, "")}
    print("logged in as", session["userName"], "in", session["locale"])

    _, session = call(line, "GET", "currentSession", token)
    print("session", session["key"], "from", session["ipAddress"], "calls", session["callCount"])

    call(line, "POST", "Logout", token)
    print("logged out")


def connected(url: str, ca: str) -> http.client.HTTPConnection:
    """A connection by HTTPS or HTTP, as the address says; it is opened at the first call."""
    try:
        server = urlsplit(url)
        scheme, host, port = server.scheme, server.hostname, server.port
    except ValueError:
        scheme, host, port = "", None, None
    if not host or scheme not in ("http", "https"):
        sys.exit(f"{url}: must be an address such as https://127.0.0.1:9669")
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=30)
    # The server's own CA is the only one trusted, and the certificate's names are checked.
    try:
        tls = ssl.create_default_context(cafile=ca)
    except OSError as problem:
        sys.exit(f"{ca}: is no CA file that can be read ({problem}); set SG_CA")
    return http.client.HTTPSConnection(host, port, timeout=30, context=tls)


def call(
    line: http.client.HTTPConnection,
    verb: str,
    member: str,
    headers: dict[str, str],
    arguments: dict[str, str] | None = None,
) -> tuple[http.client.HTTPResponse, Any]:
    """Call a method of SessionManager, or read a property. A fault ends the program with its name.

    Methods without a result answer 204, everything else 200; faults come with status 500.
    """
    body = None if arguments is None else json.dumps(arguments)
    line.request(verb, f"{MANAGER}/{member}", body, headers)
    reply = line.getresponse()
    text = reply.read()
    value: Any = json.loads(text) if text else None
    if reply.status not in (200, 204):
        sys.exit(f"{member}: {value['_typeName']}: {value['faultstring']}")
    return reply, value


if __name__ == "__main__":
    main()

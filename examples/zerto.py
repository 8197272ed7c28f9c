"""Zerto's session API: start a session, ask for the server's time with it, end it.

    export SG_USER=admin SG_PASSWORD=...
    python3 zerto.py                 # Windows credentials (method 0)
    python3 zerto.py --method 1      # credentials of the hypervisor manager

The password comes from the environment, since arguments show in the list of processes.
"""

import argparse
import base64
import http.client
import json
import os
import ssl
import sys
from urllib.parse import urlsplit

SESSION = "x-zerto-session"


def main() -> None:
    parser = argparse.ArgumentParser(description="Start, use and end a Zerto session.")
    parser.add_argument("--url", default=os.environ.get("SG_URL", "https://127.0.0.1:9669"))
    parser.add_argument("--ca", default=os.environ.get("SG_CA", "var/tls/ca.pem"))
    parser.add_argument("--method", type=int, choices=(0, 1), default=0)
    args = parser.parse_args()
    try:
        user, password = os.environ["SG_USER"], os.environ["SG_PASSWORD"]
    except KeyError as missing:
        sys.exit(f"set {missing.args[0]} first")

    line = connected(args.url, args.ca)
    try:
        run(line, user, password, args.method)
    except (OSError, http.client.HTTPException) as problem:
        sys.exit(f"{args.url}: {problem}")
    finally:
        line.close()


def run(line: http.client.HTTPConnection, user: str, password: str, method: int) -> None:
    """Start a session, use it, end it."""
    credential = base64.b64encode(f"{user}:{password}".encode()).decode()
    body = json.dumps({"AuthenticationMethod": method})
    reply, _ = call(
        line,
        "POST",
        "/v1/session/add",
        {"Authorization": f"Basic {credential}", "Content-Type": "application/json"},
        body,
    )
    token = reply.getheader(SESSION, "")
    print("session started")

    _, now = call(line, "GET", "/v1/serverDateTime", {SESSION: token})
    print("server time", json.loads(now))

    call(line, "DELETE", "/v1/session", {SESSION: token})
    print("session ended")


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
    path: str,
    headers: dict[str, str],
    body: str | None = None,
) -> tuple[http.client.HTTPResponse, str]:
    """One request on the open connection; anything but 200 ends the program with the reason."""
    line.request(verb, path, body, headers)
    reply = line.getresponse()
    text = reply.read().decode()
    if reply.status != 200:
        sys.exit(f"{verb} {path}: {reply.status} {reply.reason}: {text}")
    return reply, text


if __name__ == "__main__":
    main()

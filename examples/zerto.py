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

    # The server's own CA is the only one trusted, and the certificate's names are checked.
    tls = ssl.create_default_context(cafile=args.ca)
    server = urlsplit(args.url)
    line = http.client.HTTPSConnection(server.hostname, server.port, timeout=30, context=tls)

    credential = base64.b64encode(f"{user}:{password}".encode()).decode()
    body = json.dumps({"AuthenticationMethod": args.method})
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


def call(
    line: http.client.HTTPSConnection,
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

"""A login by token, by pyVmomi: HOST PORT CA-FILE TYPE, the token on standard input.

Prints who is logged in, and what came of two more tries with the same token, as JSON.
"""

import json
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect  # type: ignore[import-not-found]


def main(host: str, port: str, ca: str, kind: str) -> None:
    token = sys.stdin.read()
    tls = ssl.create_default_context(cafile=ca)

    def connect() -> object:
        return SmartConnect(host=host, port=int(port), sslContext=tls, token=token, tokenType=kind)

    service = connect()
    session = service.content.sessionManager.currentSession  # type: ignore[attr-defined]
    told = {"userName": session.userName, "fullName": session.fullName}
    try:
        Disconnect(connect())
        told["again"] = "logged in"
    except Exception as fault:  # noqa: BLE001 - a client may stumble over a reply in many ways
        told["again"] = type(fault).__name__.rpartition(".")[2]
    Disconnect(service)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A client that hangs up during its login leaves no session behind: nobody could ever use it."""

import json
import socket
from urllib.parse import urlencode

import pytest

from tests.basic import basic
from tests.end_to_end.conftest import MakeServer
from tests.end_to_end.serving import ADMIN, Server, vim
from tests.until import PATIENCE


def post(path: str, body: str = "", **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode()


CALL = {
    "jsonrpc": "2.0",
    "method": "invoke",
    "id": "1",
    "params": {
        "serviceId": "com.vmware.cis.session",
        "operationId": "create",
        "ctx": {
            "securityCtx": {
                "schemeId": "com.vmware.vapi.std.security.user_pass",
                "userName": ADMIN[0],
                "password": ADMIN[1],
            }
        },
    },
}
LOGINS = {
    "zerto": post("/v1/session/add", Authorization=basic(*ADMIN)),
    "vi-json": post(vim("Login"), json.dumps({"userName": ADMIN[0], "password": ADMIN[1]})),
    "api": post("/api/session", Authorization=basic(*ADMIN)),
    "rest": post("/rest/com/vmware/cis/session", Authorization=basic(*ADMIN)),
    "vapi-rpc": post("/api", json.dumps(CALL)),
    "appliance": post(
        "/auth/realms/zerto/protocol/openid-connect/token",
        urlencode(
            {
                "grant_type": "password",
                "client_id": "zerto-client",
                "username": ADMIN[0],
                "password": ADMIN[1],
            }
        ),
        **{"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "soap": post(
        "/sdk",
        '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body><Login'
        ' xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this>'
        f"<userName>{ADMIN[0]}</userName><password>{ADMIN[1]}</password></Login></Body></Envelope>",
    ),
}


def hang_up_after(server: Server, request: bytes) -> None:
    with (
        socket.create_connection(("127.0.0.1", server.port), PATIENCE) as plain,
        server.tls().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(request)


@pytest.mark.slow
@pytest.mark.parametrize("door", sorted(LOGINS))
def test_a_login_whose_client_has_gone_is_undone(make_server: MakeServer, door: str) -> None:
    # Without the cache of verified credentials each login takes its time, and the client is gone.
    server = make_server(settings='[hashing]\nverified_cache = "0"\n')
    hang_up_after(server, LOGINS[door])
    assert server.log.wait_for(lambda lines: any('"reason":"unclaimed"' in one for one in lines))
    assert server.run("sessions", "list", "--output", "json").json() == []


def test_whoever_stays_keeps_the_session(make_server: MakeServer) -> None:
    server = make_server()
    token = server.zerto_token(ADMIN)
    hang_up_after(server, LOGINS["zerto"])
    reply = server.request("GET", "/v1/serverDateTime", {"x-zerto-session": token})
    assert reply.status == 200

"""What rules know of a request, in each dialect."""

from sessiongate.testing import Gate
from tests.each import each
from tests.faults.speakers import SPEAKERS

OPERATIONS = {
    "soap": "AcquireCloneTicket",
    "vi-json": "AcquireCloneTicket",
    "rest": "GET /api/vcenter/vm",
    "rest-old": "GET /rest/vcenter/vm",
    "vapi-rpc": "com.vmware.vcenter.VM.list",
    "zerto": "GET /v1/localsite",
    "zerto-appliance": "GET /auth/realms/zerto/protocol/openid-connect/userinfo",
}


@each("dialect", list(SPEAKERS))
def test_a_login_and_a_call_are_known_by_operation_user_and_session(
    gate: Gate, dialect: str
) -> None:
    gate.reset()
    speaker = SPEAKERS[dialect]
    with gate.fault("reply.slow", seconds=0, operation="Login", user="ci") as login:
        token = speaker.logged_in(gate)
        speaker.logged_in(gate, "reader")
    assert login.hits == 1
    key = next(one.key for one in gate.sessions() if one.user == "ci")
    name = OPERATIONS[dialect]
    with gate.fault("reply.slow", seconds=0, operation=name, session=key, user="ci") as call:
        assert speaker.call(gate, token).fault == call.id
    assert call.hits == 1

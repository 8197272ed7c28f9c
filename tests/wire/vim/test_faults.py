"""How errors look as faults: types, members, languages, and what they must not repeat."""

import pytest

from sessiongate import errors
from sessiongate.errors import SessionGateError
from sessiongate.messages import CATALOGUES
from sessiongate.wire.vim.faults import FORMS, Fault, fault_of
from sessiongate.wire.vim.methods import SESSION_MANAGER
from sessiongate.wire.vim.types import TYPES, Data, MoRef
from tests.each import each

# One of each kind, whose texts must stay with us.
SAMPLES: dict[type[SessionGateError], SessionGateError] = {
    errors.NoPermission: errors.NoPermission("Sessions.TerminateSession"),
    errors.InvalidArgument: errors.InvalidArgument("sessionId", "hunter2"),
    errors.CapReached: errors.CapReached("total", 5, "hunter2"),
    errors.EndNotWritten: errors.EndNotWritten("hunter2", None),
    errors.UnknownObject: errors.UnknownObject("Folder", "group-x"),
    errors.UnknownMethod: errors.UnknownMethod("Folder", "group-d1", "Burn"),
    errors.UnknownProperty: errors.UnknownProperty("colour"),
    errors.EndNotWritten: errors.EndNotWritten("hunter2", None),
    errors.UnknownType: errors.UnknownType("type"),
    errors.WrongVerb: errors.WrongVerb("GET", "POST"),
}


def sample(kind: type[SessionGateError]) -> SessionGateError:
    return SAMPLES[kind] if kind in SAMPLES else kind("hunter2")


def fault(error: SessionGateError | None, locale: str = "en") -> Fault:
    return fault_of(error, SESSION_MANAGER, "System.View", locale)


def explanation(found: Fault) -> Data:
    messages = found.data.members["faultMessage"]
    assert isinstance(messages, list)
    assert len(messages) == 1
    assert isinstance(messages[0], Data)
    return messages[0]


@each("kind", FORMS, ids=lambda kind: kind.__name__)
def test_every_fault_has_members_of_its_type_only(kind: type[SessionGateError]) -> None:
    found = fault(sample(kind))
    known = [field.name for field in TYPES[found.data.type]]
    assert [name for name in known if name in found.data.members] == list(found.data.members)
    required = {field.name for field in TYPES[found.data.type] if not field.optional}
    assert required <= found.data.members.keys()
    assert found.message


def test_an_upstream_that_is_not_there_is_told_without_our_own_words() -> None:
    away = errors.UpstreamUnavailable("vc1: hunter2", says="the upstream cannot be reached")
    for error in (away, errors.Overloaded("the upstream cannot be reached")):
        found = fault(error)
        assert "hunter2" not in repr(found)
        assert found.data.members["reason"] == explanation(found).members["message"]
        assert str(found.data.members["reason"]).endswith("(the upstream cannot be reached)")
    assert "faultMessage" not in fault(errors.UpstreamUnavailable("hunter2")).data.members


EXPLAINED = {
    errors.Malformed,
    errors.EncodedBody,
    errors.ForeignOrigin,
    errors.InvalidArgument,
    errors.OutcomeUnknown,
    errors.QuotaReached,
    errors.NotSupported,
    errors.UnknownAddress,
    errors.UnknownName,
    errors.WrongVerb,
    errors.Overloaded,
}


@each("kind", [kind for kind in FORMS if kind not in EXPLAINED], ids=lambda kind: kind.__name__)
def test_our_own_words_stay_with_us(kind: type[SessionGateError]) -> None:
    assert "hunter2" not in repr(fault(sample(kind)))


@pytest.mark.parametrize("locale", CATALOGUES)
def test_faults_speak_the_language_of_the_session(locale: str) -> None:
    found = fault(errors.BadCredentials("x"), locale)
    english = "Cannot complete login due to an incorrect user name or password."
    assert (found.message == english) == (locale == "en")


def test_locked_and_wrong_are_one_and_the_same() -> None:
    assert fault(errors.LockedOut("x")) == fault(errors.BadCredentials("y"))


def test_not_authenticated_and_no_permission_name_object_and_privilege() -> None:
    assert fault(errors.NoSession("x")).data == Data(
        "NotAuthenticated", {"object": SESSION_MANAGER, "privilegeId": "System.View"}
    )
    assert fault(errors.NoPermission("Sessions.GlobalMessage")).data == Data(
        "NoPermission", {"object": SESSION_MANAGER, "privilegeId": "Sessions.GlobalMessage"}
    )
    assert fault_of(errors.NoSession("x"), None, "", "en").data.members == {"privilegeId": ""}


def test_what_is_unknown_is_named() -> None:
    assert fault(SAMPLES[errors.UnknownObject]).data.members == {"obj": MoRef("Folder", "group-x")}
    assert "Folder:group-x" in fault(SAMPLES[errors.UnknownObject]).message
    assert fault(SAMPLES[errors.UnknownMethod]).data.members == {
        "receiver": MoRef("Folder", "group-d1"),
        "method": "Burn",
    }
    assert fault(SAMPLES[errors.UnknownProperty]).data.members == {"name": "colour"}


@pytest.mark.parametrize(
    "error",
    [
        errors.UnknownObject("k" * 999, "n" * 999),
        errors.UnknownMethod("Folder", "group-d1", "m" * 999),
        errors.UnknownName("n" * 999),
        errors.UnknownProperty("p" * 999),
    ],
)
def test_a_client_hears_little_of_its_own_words(error: SessionGateError) -> None:
    found = fault(error)
    longest = max(map(len, repr(found).split("'")))
    assert longest < 600
    assert "p" * 201 not in repr(found)
    assert "m" * 201 not in repr(found)
    assert "n" * 201 not in repr(found)
    assert "k" * 201 not in repr(found)


def test_an_argument_is_named_and_explained() -> None:
    found = fault(errors.InvalidArgument("sessionId", "a session cannot terminate itself"))
    assert found.message == "A specified parameter was not correct: sessionId"
    assert found.data.members["invalidProperty"] == "sessionId"
    explained = explanation(found)
    assert "cannot terminate itself" in str(explained.members["message"])
    assert list(explained.members) == ["key", "arg", "message"]


def test_a_sentence_without_fields_has_no_arguments() -> None:
    found = fault(errors.Malformed("the body is not JSON"))
    explained = explanation(found)
    assert list(explained.members) == ["key", "message"]


def test_an_unforeseen_error_says_nothing() -> None:
    found = fault(None)
    assert (found.data.type, found.status) == ("SystemError", 500)
    assert found.data.members == {"reason": "A general system error occurred."}


def test_a_cap_and_an_outage_are_503() -> None:
    for error in (SAMPLES[errors.CapReached], errors.StoreUnavailable("x")):
        assert fault(error).status == 503
    assert fault(errors.WrongVerb("GET")).status == 405
    assert fault(errors.BadCredentials("x")).status == 500

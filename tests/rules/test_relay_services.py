"""Which calls of the SOAP services beside `/sdk` go on, and as what."""

from sessiongate.rules.relay import Kind
from sessiongate.rules.relay_services import READING_SERVICES, judge_service
from tests.each import each


@each("method", ("PbmQueryProfile", "VslmRetrieveVStorageObject", "CnsQueryVolume", "Fetch"))
def test_what_only_reads_goes_by_any_session(method: str) -> None:
    verdict = judge_service(method)
    assert (verdict.kind, verdict.reads) == (Kind.STATELESS, True)


@each(
    "method",
    (
        "PbmCreate",
        "PbmQueryProfiles2",
        "VslmCreateDisk_Task",
        "CnsDeleteVolume",
        "RetrieveProperties",
    ),
)
def test_all_else_counts_as_a_change_and_goes_home(method: str) -> None:
    verdict = judge_service(method)
    assert (verdict.kind, verdict.state, verdict.reads) == (Kind.OPENS, None, False)


@each(
    "method",
    (
        *("VslmLoginByToken", "VslmLogout", "Login", "Logout", "CloneSession", "TerminateSession"),
        *("AcquireGenericServiceTicket", "ExecuteSoap", "SessionIsActive", "PbmSessionTicket"),
        # Nobody would know of what they open.
        *("CreateFilter", "WaitForUpdatesEx", "CreateContainerView", "DestroyView"),
    ),
)
def test_sec_38_no_service_opens_or_ends_a_session(method: str) -> None:
    assert judge_service(method).kind is Kind.DENY


def test_no_method_that_reads_is_one_that_is_denied() -> None:
    assert [one for one in READING_SERVICES if not judge_service(one).reads] == []

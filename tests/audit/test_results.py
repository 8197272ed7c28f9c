"""What metrics and audit call a refusal or an outage."""

from sessiongate import errors
from sessiongate.audit.results import outcome, result_of


def test_an_outage_is_no_refusal() -> None:
    assert result_of(errors.StoreUnavailable()) == outcome(errors.StoreUnavailable())
    assert outcome(errors.OutcomeUnknown()) == "unavailable"
    assert outcome(errors.BadCredentials()) == "refused"


def test_some_refusals_have_a_name_of_their_own() -> None:
    assert result_of(errors.LockedOut()) == "locked"
    assert result_of(errors.CapReached("total", 1, "ada")) == "cap"
    assert result_of(errors.BadTicket()) == "refused"

"""Which call goes where: by tables, and held against the vendor's own list of methods."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sessiongate.rules.relay import OWN, STATEFUL, UNKNOWN, Kind, State, judge, may_be_repeated
from sessiongate.rules.relay_reads import READING
from tests.each import each
from tests.end_to_end.clients import present
from tests.peers.setup import PYVMOMI, interpreter

LISTING = Path(__file__).resolve().parents[1] / "peers" / "pyvmomi_methods.py"

# What these return lives in the session that they were called by.
_BOUND = {
    "vmodl.query.PropertyCollector": State.COLLECTOR,
    "vmodl.query.PropertyCollector.Filter": State.FILTER,
    "vim.view.ContainerView": State.VIEW,
    "vim.view.InventoryView": State.VIEW,
    "vim.view.ListView": State.VIEW,
    "vim.event.EventHistoryCollector": State.HISTORY,
    "vim.TaskHistoryCollector": State.HISTORY,
    "vim.HttpNfcLease": State.TRANSFER,
}


@each("method", sorted(OWN))
def test_what_is_about_sessions_is_answered_here(method: str) -> None:
    assert judge("SessionManager", method).kind is Kind.OWN


@each(
    "method",
    [
        *("Login", "LoginByToken", "VslmLoginByToken", "VslmLogout", "SmsLogoutAll"),
        *("CloneSession", "cloneSession", "PbmLogin", "ExecuteSoap", "AcquireGenericServiceTicket"),
    ],
)
def test_nobody_opens_or_ends_a_session_past_us(method: str) -> None:
    assert judge("Anything", method).kind is Kind.DENY
    assert not judge("Anything", method).reads


@each("method", ["AddTagLater", "GetOrMakeView", "", "fetch", "Retrieveproperties"])
def test_what_nobody_knows_goes_home_and_counts_as_a_change(method: str) -> None:
    assert judge("Folder", method) == UNKNOWN
    assert tuple(UNKNOWN) == (Kind.OPENS, False, None, False)
    assert not may_be_repeated(method, UNKNOWN)


@each("method", ["PowerOnVM_Task", "CloneVM_Task", "Destroy_Task", "CreateFolder", "SetField"])
def test_what_changes_something_is_no_read(method: str) -> None:
    assert not judge("VirtualMachine", method).reads


@each("method", ["RetrievePropertiesEx", "Fetch", "QueryPerf", "FindByUuid", "CurrentTime"])
def test_reads_go_anywhere_and_may_be_repeated(method: str) -> None:
    verdict = judge("PropertyCollector", method)
    assert tuple(verdict) == (Kind.STATELESS, True, None, False)
    assert may_be_repeated(method, verdict)


@each("method", sorted(STATEFUL))
def test_sec_62_what_touches_state_is_never_repeated(method: str) -> None:
    assert not may_be_repeated(method, judge("PropertyCollector", method))


def test_the_tables_do_not_contradict_each_other() -> None:
    assert not READING & set(STATEFUL)
    assert not READING & OWN
    for name in READING:
        assert judge("Folder", name).kind is Kind.STATELESS, name
    opened = {row.state for row in STATEFUL.values() if row.kind is Kind.OPENS}
    # Pages are opened by reads whose reply has a token.
    assert opened == set(State) - {State.PAGE}
    assert {row.state for row in STATEFUL.values() if row.ends} == set(State) - {State.PAGE}
    assert all(row.kind is not Kind.STATELESS for row in STATEFUL.values())


@each("method", ["AcquireCredentialsInGuest", "ReleaseCredentialsInGuest"])
def test_credentials_in_a_guest_are_nothing_that_a_client_has_opened(method: str) -> None:
    """They are called on the manager, which is everybody's, and return no object."""
    assert judge("GuestAuthManager", method) == UNKNOWN


def test_a_read_that_is_cancelled_ends_nothing_but_its_page() -> None:
    """The object that it is called on is the collector, which goes on."""
    verdict = judge("PropertyCollector", "CancelRetrievePropertiesEx")
    assert tuple(verdict) == (Kind.USES, True, State.PAGE, False)


def methods_of(version: str) -> dict[str, dict[str, list[str]]]:
    told: Any = json.loads(
        subprocess.run(
            [present(interpreter(version)), "-W", "ignore", LISTING],
            check=True,
            capture_output=True,
            timeout=60,
        ).stdout
    )
    assert len(told) > 600
    return told  # type: ignore[no-any-return]


@pytest.mark.peer
@pytest.mark.parametrize("version", PYVMOMI)
def test_the_vendor_s_methods_are_all_judged_as_they_are(version: str) -> None:
    methods = methods_of(version)
    wrong: list[str] = []
    for name, row in methods.items():
        kind = "SessionManager" if row["types"] == ["SessionManager"] else row["types"][0]
        verdict = judge(kind, name)
        states = {_BOUND[one] for one in row["returns"] if one in _BOUND}
        if states and (verdict.kind, {verdict.state}) != (Kind.OPENS, states):
            wrong.append(f"{name} opens {states}: {verdict}")
        if verdict.kind is Kind.STATELESS and name.endswith("_Task"):
            assert name.startswith("SearchDatastore")
        if verdict.kind is Kind.STATELESS and not verdict.reads:
            wrong.append(f"{name} changes something and may go anywhere")
        if row["types"] == ["SessionManager"] and verdict.kind is not Kind.OWN:
            assert verdict.kind is Kind.DENY, name
    assert not wrong
    stateful = {"PropertyFilter", "View", "ContainerView", "InventoryView", "ListView"} | {
        "HistoryCollector",
        "EventHistoryCollector",
        "TaskHistoryCollector",
        "HttpNfcLease",
    }
    for name, row in methods.items():
        if set(row["types"]) <= stateful:
            assert name in STATEFUL, name

"""What is refused before any dialect is asked, and what is not looked at."""

import pytest

from sessiongate.errors import EncodedBody, ForeignOrigin
from sessiongate.http.message import Request
from sessiongate.http.objections import CAUSES, objection

EVIL = ("origin", "https://evil.example")


def sent(verb: str, *headers: tuple[str, str], body: bytes = b"x") -> Request:
    return Request(verb, "/", "", [("host", "gate"), *headers], body, "192.0.2.7", True)


@pytest.mark.parametrize("verb", ["POST", "DELETE", "PUT", "PATCH", "TRACE", "PROPFIND"])
def test_sec_85_what_may_change_something_must_be_ours(verb: str) -> None:
    assert isinstance(objection(sent(verb, EVIL)), ForeignOrigin)
    assert isinstance(objection(sent(verb, ("sec-fetch-site", "cross-site"))), ForeignOrigin)
    assert isinstance(objection(sent(verb, EVIL, body=b"")), ForeignOrigin)
    assert objection(sent(verb, ("origin", "https://gate"))) is None
    assert objection(sent(verb)) is None


@pytest.mark.parametrize("verb", ["GET", "HEAD", "OPTIONS"])
def test_what_only_reads_may_come_from_anywhere(verb: str) -> None:
    """The browser keeps the reply from the page; links to the API page work from everywhere."""
    assert objection(sent(verb, EVIL, ("sec-fetch-site", "cross-site"))) is None


@pytest.mark.parametrize(
    "coding",
    ["gzip", "GZip", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "identity,gzip", "x"],
)
def test_a_packed_body_is_not_read(coding: str) -> None:
    assert isinstance(objection(sent("POST", ("content-encoding", coding))), EncodedBody)
    twice = (("content-encoding", "identity"), ("content-encoding", coding))
    assert isinstance(objection(sent("POST", *twice)), EncodedBody)
    assert objection(sent("POST", ("content-encoding", coding), body=b"")) is None


@pytest.mark.parametrize("coding", ["", "identity", "Identity", " identity , ", ","])
def test_a_body_as_it_is_is_read(coding: str) -> None:
    assert objection(sent("POST", ("content-encoding", coding))) is None


def test_both_reasons_have_a_cause_for_metrics() -> None:
    assert set(CAUSES) == {ForeignOrigin, EncodedBody}

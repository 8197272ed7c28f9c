"""Who may log in as an extension."""

import hashlib
from pathlib import Path

import msgspec
import pytest

from sessiongate.errors import (
    AlreadyLoggedIn,
    BadCredentials,
    NoClientCertificate,
    NoSubjectName,
    NotFound,
)
from sessiongate.service.extension_login import Extension
from sessiongate.wire.vim.types import Data
from tests.gate import CLIENT, Gate

SHOWN = msgspec.structs.replace(CLIENT, certificate=b"a certificate")
SHA256 = hashlib.sha256(b"a certificate").hexdigest()
SHA1 = hashlib.sha1(b"a certificate").hexdigest()
KEY = "com.example.backup"


def gate_with(folder: Path, fingerprint: str) -> Gate:
    return Gate(folder, extensions={KEY: Extension(KEY, fingerprint, "user")})


@pytest.mark.parametrize("fingerprint", [SHA256, SHA1])
async def test_the_registered_fingerprint_opens_a_session(tmp_path: Path, fingerprint: str) -> None:
    gate = gate_with(tmp_path, fingerprint)
    outcome = await gate.call(None, "LoginExtensionByCertificate", SHOWN, extension_key=KEY)
    assert isinstance(outcome.value, Data)
    assert outcome.token is not None
    assert (outcome.value.members["userName"], outcome.value.members["extensionSession"]) == (
        KEY,
        True,
    )


@pytest.mark.parametrize("method", ["LoginExtensionByCertificate", "LoginExtensionBySubjectName"])
async def test_a_certificate_must_be_shown(tmp_path: Path, method: str) -> None:
    with pytest.raises(NoClientCertificate):
        await gate_with(tmp_path, SHA256).call(None, method, extension_key=KEY)


async def test_another_certificate_is_no_credential(tmp_path: Path) -> None:
    other = msgspec.structs.replace(CLIENT, certificate=b"another")
    with pytest.raises(BadCredentials):
        await gate_with(tmp_path, SHA256).call(
            None, "LoginExtensionByCertificate", other, extension_key=KEY
        )


async def test_an_unknown_key_is_refused_as_each_method_declares(tmp_path: Path) -> None:
    gate = gate_with(tmp_path, SHA256)
    with pytest.raises(BadCredentials):
        await gate.call(None, "LoginExtensionByCertificate", SHOWN, extension_key="x")
    with pytest.raises(NotFound):
        await gate.call(None, "LoginExtensionBySubjectName", SHOWN, extension_key="x")


async def test_a_certificate_without_a_subject_has_no_subject_name(tmp_path: Path) -> None:
    with pytest.raises(NoSubjectName):
        await gate_with(tmp_path, SHA256).call(
            None, "LoginExtensionBySubjectName", SHOWN, extension_key=KEY
        )


async def test_a_live_session_logs_in_no_second_time(tmp_path: Path) -> None:
    gate = gate_with(tmp_path, SHA256)
    ada = await gate.login("ada")
    with pytest.raises(AlreadyLoggedIn):
        await gate.call(ada.session, "LoginExtensionByCertificate", SHOWN, extension_key=KEY)


async def test_nothing_of_a_refused_extension_stays(tmp_path: Path) -> None:
    gate = gate_with(tmp_path, "00" * 32)
    with pytest.raises(BadCredentials):
        await gate.call(None, "LoginExtensionByCertificate", SHOWN, extension_key=KEY)
    assert await gate.live() == []

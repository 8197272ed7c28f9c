"""The TLS of a server: certificate and key fit each other, and every problem is named."""

from pathlib import Path

import pytest

from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.tls.server import tls_context
from tests.http.listening.test_listener import Pair


def test_an_encrypted_key_needs_its_password(tmp_path: Path) -> None:
    pair = Pair(tmp_path, b"hunter2")
    tls_context(pair.certificate, pair.key, Secret("hunter2"))
    for password in (None, Secret("hunter3")):
        with pytest.raises(ConfigError, match="key_password") as caught:
            tls_context(pair.certificate, pair.key, password)
        assert "hunter" not in str(caught.value)


def test_every_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        tls_context(tmp_path / "a.pem", tmp_path / "b.pem")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "tls.certificate",
        "tls.key",
    ]


def test_a_key_of_another_certificate_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = Pair(tmp_path / "one"), Pair(tmp_path / "two")
    for certificate, key in ((one.certificate, two.key), (one.key, one.certificate)):
        with pytest.raises(ConfigError, match=r"tls\.key"):
            tls_context(certificate, key)

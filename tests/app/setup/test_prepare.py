"""Files that a server makes once: whole or not at all, one for all, and said when they are bad."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc.jwk import RSAKey

from sessiongate.app.setup.prepare import instance_of
from sessiongate.app.setup.signing_key import signing_key_of
from sessiongate.config import Config, load
from sessiongate.errors import ConfigError
from tests.lost_power import lost_power


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load(None, {}, {"server.data_dir": str(tmp_path / "data")})


def test_they_are_made_once(config: Config) -> None:
    key, instance = signing_key_of(config), instance_of(config)
    assert key.is_private
    assert (signing_key_of(config), instance_of(config)) == (key, instance)
    folder = config.server.data_dir
    assert sorted(path.name for path in folder.iterdir()) == ["instance", "openid.key"]
    assert stat.S_IMODE((folder / "openid.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_of_many_at_once_one_makes_them(config: Config) -> None:
    with ThreadPoolExecutor(4) as many:
        keys = many.map(lambda _: signing_key_of(config).thumbprint(), range(4))
        assert len(set(keys)) == 1
        assert len(set(many.map(lambda _: instance_of(config), range(4)))) == 1


def test_a_crash_in_the_middle_leaves_no_half_of_one(config: Config) -> None:
    with (
        lost_power(os, "fsync"),
        pytest.raises(ConfigError, match=r"openid\.key: cannot be used: no power"),
    ):
        signing_key_of(config)
    assert list(config.server.data_dir.iterdir()) == []
    assert signing_key_of(config)


def test_an_empty_file_is_none(config: Config) -> None:
    """As an earlier version left it when the power went."""
    folder = config.server.data_dir
    folder.mkdir()
    for name in ("openid.key", "instance"):
        (folder / name).touch()
    assert signing_key_of(config).is_private
    assert len(instance_of(config)) == 36


def test_a_file_that_is_no_key_is_named(config: Config) -> None:
    path = config.server.data_dir / "openid.key"
    path.parent.mkdir()
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nhalf")
    with pytest.raises(ConfigError, match=r"openid\.key"):
        signing_key_of(config)


def test_a_damaged_key_is_named(config: Config) -> None:
    """One whose numbers do not fit each other signs what nobody can verify."""
    signing_key_of(config)
    path = config.server.data_dir / "openid.key"
    key, other = (RSAKey.generate_key(2048, private=True).private_key for _ in range(2))
    assert key is not None
    assert other is not None
    numbers, wrong = key.private_numbers(), other.private_numbers()
    damaged = RSAPrivateNumbers(
        numbers.p, numbers.q, wrong.d, wrong.dmp1, wrong.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)
    path.write_bytes(damaged.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(ConfigError, match=r"openid\.key"):
        signing_key_of(config)

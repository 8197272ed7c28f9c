"""Certificates that something is wrong with, or that are only new."""

import shutil
import ssl
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sessiongate.tls import certificates
from sessiongate.tls.local_ca import LEAF_LIFE
from sessiongate.tls.server import tls_context

_WRONG_NAME = "another-server.invalid"
_FOLDER = "tls"
_CA = ("ca.pem", "ca.key")


class OddCertificates:
    """Makes them, each once: of the CA in a data directory, if there is one, for these names."""

    def __init__(self, data_dir: Path, names: Sequence[str]) -> None:
        self._data_dir = data_dir
        self._names = names
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}

    def context(self, fault: str, *, new_issuer: bool = False) -> ssl.SSLContext:
        """TLS with the certificate of `tls.expired`, `tls.wrong-name` or `tls.rotated`."""
        key = fault, new_issuer
        if key not in self._made:
            self._made[key] = self._make(fault, new_issuer=new_issuer)
        return self._made[key]

    def _make(self, fault: str, *, new_issuer: bool) -> ssl.SSLContext:
        names = [_WRONG_NAME] if fault == "tls.wrong-name" else self._names
        now = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="sessiongate-certificates-") as text:
            folder = Path(text)
            if not new_issuer:
                self._copy_ca(folder / _FOLDER)
            if fault == "tls.expired":
                certificates.ensure(folder, names, now)  # there is a CA from now on
                now -= 2 * LEAF_LIFE
            made = certificates.reissue(folder, names, now)
            return tls_context(made.certificate, made.key)

    def _copy_ca(self, folder: Path) -> None:
        files = [self._data_dir / _FOLDER / name for name in _CA]
        if all(one.is_file() for one in files):
            folder.mkdir(mode=0o700)
            for one in files:
                shutil.copy2(one, folder / one.name)

"""`sessiongate cert`: the server's certificate."""

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

import typer

from sessiongate.app.operators.report import another_is_served
from sessiongate.app.setup.prepare import certificate_names
from sessiongate.cli.announcement import new_ca_made
from sessiongate.cli.control_client import running_server
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, prepared, settings
from sessiongate.cli.output import Exit, Output, fail, note, show_facts
from sessiongate.config import Config
from sessiongate.files import is_there
from sessiongate.tls import certificates

_NOTHING: Mapping[str, bool] = MappingProxyType({})
_AT_SIGHUP = "the running server takes it at SIGHUP"

app = typer.Typer(no_args_is_help=True, help="The server's certificate.")


@app.command()
def show(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the certificate in the file, with its fingerprints, and of a running server which it
    serves.
    """
    loaded = settings(config, data_dir)
    own = loaded.server.tls.certificate
    path = own or loaded.server.data_dir / "tls" / "server.pem"
    if not is_there(path):
        fail(
            Exit.REFUSED,
            f"there is no certificate at {path} yet",
            "`sessiongate init` or the first `sessiongate serve` makes one",
        )
    facts = (
        certificates.describe(own)
        if own is not None
        else certificates.describe_own(loaded.server.data_dir)
    )
    running = running_server(loaded.server.data_dir)
    _show(loaded, facts, output, served=running.certificate if running is not None else "")
    if output is Output.TABLE and (told := another_is_served(facts, running)):
        note(told)


@app.command()
def renew(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a new certificate from the local CA. A running server takes it at SIGHUP."""
    loaded = settings(config, data_dir)
    if loaded.server.tls.certificate is not None:
        fail(
            Exit.REFUSED,
            "server.tls.certificate names a certificate of your own: renew it where it was made",
        )
    prepared(loaded)
    made = certificates.renew(loaded.server.data_dir, certificate_names(loaded), datetime.now(UTC))
    running = running_server(loaded.server.data_dir)
    served = running.certificate if running is not None else ""
    besides = {"new_ca": bool(made.old_ca)} if output is Output.JSON else {}
    _show(loaded, made.facts, output, served=served, besides=besides)
    if output is Output.TABLE:
        if made.old_ca:
            note(new_ca_made(made))
        nobody = "no server runs on this data directory: the next start takes it"
        note(nobody if running is None else another_is_served(made.facts, running) or _AT_SIGHUP)


def _show(
    config: Config,
    facts: certificates.CertificateFacts,
    output: Output,
    *,
    served: str,
    besides: Mapping[str, bool] = _NOTHING,
) -> None:
    ca = config.server.data_dir / "tls" / "ca.pem"
    own = config.server.tls.certificate is not None
    as_json = output is Output.JSON  # in which no key comes and goes
    show_facts(
        {
            "subject": facts.subject,
            "issuer": facts.issuer,
            "names": list(facts.names),
            "valid_from": facts.not_before.isoformat(),
            "valid_until": facts.not_after.isoformat(),
            "sha1_fingerprint": facts.sha1,
            "sha256_fingerprint": facts.sha256,
            **({"served_sha256_fingerprint": served or None} if served or as_json else {}),
            "trust": None if own else str(ca),
            **besides,
        },
        output,
    )

"""`sessiongate cert`: the server's certificate."""

from datetime import UTC, datetime

import typer

from sessiongate.app.prepare import certificate_names
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, prepared, settings
from sessiongate.cli.output import Exit, Output, fail, show_facts
from sessiongate.config import Config
from sessiongate.files import is_there
from sessiongate.tls import certificates

app = typer.Typer(no_args_is_help=True, help="The server's certificate.")


@app.command()
def show(
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the certificate that clients see, with its fingerprints."""
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
    _show(loaded, facts, output)


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
    _show(loaded, made.facts, output)


def _show(config: Config, facts: certificates.CertificateFacts, output: Output) -> None:
    ca = config.server.data_dir / "tls" / "ca.pem"
    own = config.server.tls.certificate is not None
    show_facts(
        {
            "subject": facts.subject,
            "issuer": facts.issuer,
            "names": list(facts.names),
            "valid_from": facts.not_before.isoformat(),
            "valid_until": facts.not_after.isoformat(),
            "sha1_fingerprint": facts.sha1,
            "sha256_fingerprint": facts.sha256,
            "trust": None if own else str(ca),
        },
        output,
    )

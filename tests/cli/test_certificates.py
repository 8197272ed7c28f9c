"""What commands say of certificates that were made while a clock was wrong."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sessiongate.tls import certificates
from tests.end_to_end.serving import run_here

NAMES = ("127.0.0.1", "localhost")
AHEAD = timedelta(days=394)


def rows(data_dir: Path) -> list[tuple[str, str]]:
    """What `check` has to say about the certificate."""
    checks = run_here("check", "--data-dir", str(data_dir), "--output", "json").json()["checks"]
    return [(row["result"], row["detail"]) for row in checks if row["check"] == "certificate"]


def test_a_ca_of_the_future_is_told_of_and_renewed_when_somebody_asks(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    certificates.ensure(data_dir, NAMES, datetime.now(UTC) + AHEAD)
    found = rows(data_dir)
    assert [result for result, _ in found] == ["problem"]
    assert found[0][1].startswith("is of a CA that is not valid before ")
    renewed = run_here("cert", "renew", "--data-dir", str(data_dir))
    assert renewed.code == 0
    assert "a new CA was made in place of the old one (it is not valid before " in renewed.err
    assert f"clients have to trust {data_dir}/tls/ca.pem from now on" in renewed.err
    assert [result for result, _ in rows(data_dir)] == ["ok"]


def test_a_script_is_told_whether_there_is_a_new_ca(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    certificates.ensure(data_dir, NAMES, datetime.now(UTC) + AHEAD)
    command = ("cert", "renew", "--data-dir", str(data_dir), "--output", "json")
    assert run_here(*command).json()["new_ca"] is True
    again = run_here(*command)
    assert again.json()["new_ca"] is False
    assert "new CA" not in again.err

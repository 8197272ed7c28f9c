"""The program that a User-Agent means: without its version, short, and harmless to show."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.rules.agents import NONE, agent_family, agent_label
from tests.each import each

KNOWN = {
    "govc/0.40.0": "govc",
    "govmomi/v0.37.1": "govmomi",
    "pyvmomi Python/3.11.2 (Linux; 6.1.0; x86_64)": "pyVmomi",
    "python-requests/2.31.0": "python-requests",
    "nightly-report.py/1.2 python-requests/2.31": "nightly-report.py",
    "HashiCorp Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-vsphere": "Terraform",
    "VMware PowerCLI/13.2.1 (Linux)": "PowerCLI",
    "Mozilla/4.0 (compatible; MSIE 6.0; MS Web Services Client Protocol 4.0)": "PowerCLI or .NET",
    "Go-http-client/1.1": "Go-http-client",
    "curl 8.4.0": "curl",
    "curl/8": "curl",
    "Java/17.0.9": "Java",
    "Mozilla/5.0 (X11; Linux) AppleWebKit/537 (KHTML) Chrome/120 Safari/537": "Chrome",
    "Mozilla/5.0 (X11; Linux) AppleWebKit/537 Chrome/120 Safari/537 Edg/120": "Edge",
    "Mozilla/5.0 (Macintosh) Gecko/20100101 Firefox/121.0": "Firefox",
    "Mozilla/5.0": "browser",
    "backup": "backup",
    "  spaced  out / 2": "spaced  out",
    "/1.0": "/1.0",
    "(what)": "(what)",
    "": NONE,
    "   ": NONE,
    "\x1b\x07": NONE,
}


@each(("text", "family"), KNOWN.items())
def test_versions_and_remarks_are_left_out(text: str, family: str) -> None:
    assert agent_family(text) == family


@given(st.text(max_size=600))
def test_whatever_a_client_says_gives_a_short_printable_name(text: str) -> None:
    family = agent_family(text)
    assert 0 < len(family) <= 40
    assert family.isprintable()


def test_what_is_beyond_the_kept_text_changes_nothing() -> None:
    """The audit keeps less of it than the session: both must mean the same client."""
    long = "Mozilla/5.0 " + "x" * 250 + " Firefox/1"
    assert agent_family(long) == agent_family(long[:256])


@each(
    ("text", "label"),
    [
        ("govc/0.40.0", "govc 0.40.0"),
        ("curl 8.4.0", "curl 8.4.0"),
        ("pyvmomi Python/3.11.2 (Linux)", "pyVmomi"),
        ("VMware PowerCLI/13.2.1 (Linux)", "PowerCLI 13.2.1"),
        ("Mozilla/5.0 (Macintosh) Gecko/20100101 Firefox/121.0", "Firefox 121"),
        ("Mozilla/5.0 (X11) AppleWebKit/537 Chrome/156.0.0.0 Safari/537", "Chrome 156"),
        ("Mozilla/5.0", "browser"),
        ("backup", "backup"),
        ("", NONE),
    ],
)
def test_a_label_has_the_version_behind_the_name(text: str, label: str) -> None:
    assert agent_label(text) == label


@given(st.text(max_size=600))
def test_any_label_fits_a_table(text: str) -> None:
    label = agent_label(text)
    assert 0 < len(label) <= 60
    assert label.isprintable()

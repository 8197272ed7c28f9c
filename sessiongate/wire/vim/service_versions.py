"""`GET /sdk/vimServiceVersions.xml`: which versions of vim25 are spoken here.

pyVmomi connects to no server without it, and picks the first of its own versions that it finds
there. Old releases of it know only old numbers, so all of them are listed. Announcing a version
binds nobody: what a client says in SOAPAction is advice, and newer members stay optional.
"""

from sessiongate.wire.vim.soap import VIM

PATH = "/sdk/vimServiceVersions.xml"

# As published by the vendor, newest first; the first is the newest release that VI/JSON serves
# too, since govmomi takes it for both.
VERSIONS = (
    *("9.1.0.0", "9.0.0.0"),
    *("8.0.3.1", "8.0.3.0", "8.0.2.0", "8.0.1.0", "8.0.0.2", "8.0.0.1", "8.0.0.0"),
    *("7.0.3.2", "7.0.3.1", "7.0.3.0", "7.0.2.1", "7.0.2.0", "7.0.1.1", "7.0.1.0"),
    *("7.0.0.2", "7.0.0.0", "6.9.1", "6.8.7", "6.7.3", "6.7.2", "6.7.1", "6.7", "6.5", "6.0"),
    *("5.5", "5.1", "5.0", "4.1", "4.0"),
)


def document() -> bytes:
    """The document. Without an XML namespace and with urn:vim25 first, as clients look for it."""
    newest, *prior = VERSIONS
    older = "".join(f"   <version>{version}</version>\n" for version in prior)
    return (
        '<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0">\n <namespace>\n'
        f"  <name>{VIM}</name>\n  <version>{newest}</version>\n"
        f"  <priorVersions>\n{older}  </priorVersions>\n </namespace>\n</namespaces>\n"
    ).encode()

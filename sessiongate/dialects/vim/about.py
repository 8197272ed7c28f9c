"""What the server says of itself to vSphere clients."""

from sessiongate.wire.vim.types import Data

_VERSIONS = {"vc7": "7.0.3", "vc8": "8.0.2", "vc8u3": "8.0.3", "none": "8.0.3"}


def about_info(profile: str, instance: str, release: str) -> Data:
    """The AboutInfo of this server.

    Clients choose their ways by `apiType` and `apiVersion`, and some compare `name`: these are a
    vCenter's. `vendor`, `fullName` and `build` tell people whom they really talk to.
    """
    version = _VERSIONS[profile]
    return Data(
        "AboutInfo",
        {
            "name": "VMware vCenter Server",
            "fullName": f"VMware vCenter Server {version} session endpoint (sessiongate {release})",
            "vendor": "sessiongate",
            "version": version,
            "build": "0",
            "localeVersion": "INTL",
            "localeBuild": "000",
            "osType": "linux-x64",
            "productLineId": "vpx",
            "apiType": "VirtualCenter",
            "apiVersion": f"{version}.0",
            "instanceUuid": instance,
            "licenseProductName": "VMware VirtualCenter Server",
            "licenseProductVersion": version.rpartition(".")[0],
        },
    )

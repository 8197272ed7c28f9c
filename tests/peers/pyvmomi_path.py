"""Log in to a server through each of some paths of the SDK, and say who is in.

Run by the interpreter of one of the environments of `setup`: HOST PORT CA-FILE USER PASSWORD and
the paths.
"""

import json
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect  # type: ignore[import-not-found]

host, port, ca, user, password, *paths = sys.argv[1:]
found = {}
for path in paths:
    service = SmartConnect(
        host=host,
        port=int(port),
        user=user,
        pwd=password,
        path=path,
        sslContext=ssl.create_default_context(cafile=ca),
    )
    who = service.content.sessionManager.currentSession.userName
    found[path] = [service._stub.version, who]
    Disconnect(service)
json.dump(found, sys.stdout)

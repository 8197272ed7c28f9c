"""Log in to a server through another path of the SDK, and say who is in.

Run by the interpreter of one of the environments of `setup`: HOST PORT CA-FILE USER PASSWORD PATH.
"""

import json
import ssl
import sys

from pyVim.connect import Disconnect, SmartConnect  # type: ignore[import-not-found]

host, port, ca, user, password, path = sys.argv[1:]
service = SmartConnect(
    host=host,
    port=int(port),
    user=user,
    pwd=password,
    path=path,
    sslContext=ssl.create_default_context(cafile=ca),
)
json.dump(
    [service._stub.version, service.content.sessionManager.currentSession.userName], sys.stdout
)
Disconnect(service)

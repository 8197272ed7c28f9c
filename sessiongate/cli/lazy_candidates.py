"""The functions of `candidates` as commands name them: they are imported at the tab key alone.

They need settings, users and the password hasher, which is a tenth of the time of a command that
only asks the running server.
"""

from sessiongate.cli.lazy import offered

role_names = offered("sessiongate.cli.candidates:role_names")
session_keys = offered("sessiongate.cli.candidates:session_keys")
upstream_names = offered("sessiongate.cli.candidates:upstream_names")
user_names = offered("sessiongate.cli.candidates:user_names")

"""The gateway from the settings: upstreams and what lends out their sessions.

`gates` builds one for each upstream, `session_manager` what hands clone tickets to drivers (its
clients' tokens: `manager_tokens`); `pools` is what commands and the console ask and tell them.
"""

"""Forward-auth: a proxy in front of an application asks whether a request carries a live session.

Three endpoints, one for each convention of proxies (`wire.forward_auth`); what a session may do
there, `rules.forward_auth` decides. Nobody logs in here.
"""

"""Each dialect has one folder: its endpoint, and its part of the API document.

`vim` and `automation` are vSphere's, `zerto` and `openid` Zerto's; `forward_auth` is for proxies,
`session_manager` for Kubernetes, `api_page` for browsers.
`request` says whose request it is, for all of them; `bearers` judges signed tokens, `known_callers`
tells HTTP who may send large bodies, `relayed_hosts` says which upstream a Host means and
`stray_hosts` tells the log of those that mean none, `relayed_transfers` sends files on. `openapi`
has what the parts of the document share.
"""

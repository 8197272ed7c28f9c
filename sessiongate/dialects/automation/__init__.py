"""vSphere's Automation API: /api, /rest and JSON-RPC.

`routes` has the addresses, `rest_endpoint` and `rpc_endpoint` the sessions, `resources` what an
empty vCenter has besides; `relayed_endpoint` is in its place where an upstream stands behind.
`openapi` is its part of the document.
"""

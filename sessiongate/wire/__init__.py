"""Wire forms, pure: bytes to values and values to bytes. No I/O in here.

`vim`, `pbm` and `automation` are vSphere's, `zerto` with `zerto_resources`, and `openid` Zerto's;
`forward_auth` has the forms in which proxies ask.
For all of them: `accept`, `basic` credentials, `carriers` of tokens, `json_body`, `xml`,
`query`, `times`.
`http` has the requests that we send to others, `file_addresses` where their files are;
`zerto_client` opens and renews sessions at a ZVM, `zerto_relayed` is what goes through to it.
"""

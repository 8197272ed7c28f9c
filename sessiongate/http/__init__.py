"""HTTP/1.1 for every dialect: messages in, messages out. No dialect is known here.

`message` has requests and replies as values, `framing` says where one ends (`ordinary_head` does of
most), `request_buffer` takes them out of what has come, within `limits`. `router` finds handlers;
`objections` refuses, by `origins`; `refusal_headers`, `refusal_log` go with it. `proxies` are
believed, `local` says who is here, `own_names` are ours.

Four rooms, from below: `bounds` of what strangers may hold, one `connection` from its first byte to
its last, the same over `tls`, and `listening` at an address.
"""

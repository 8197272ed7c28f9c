"""HTTP/1.1 for every dialect: messages in, messages out. No dialect is known here.

`message` has requests and replies as values, `framing` says where one ends, `intake` takes heads
and bodies out of what has come. A connection is three classes, each built on the one before:
`transport_connection` is the socket's side, with its `peer` and a `reply_writer`; `request_reader`
reads within `limits`, counts the `held_request`, and judges what `callers` may send; `connection`
has each request answered. `states` is the table of its moves, `causes` what is refused unread.
`listener` is an address that is served, `edge` what its connections share; `sockets` binds it,
`send_queue` bounds the kernel's part of replies.
TLS: `tls_acceptor`, `tls_connection`, `tls_records`, `client_hello`. `admission` bounds how many
connections there are, `body_budget` what is held for them, `loop_turns` a turn of the loop.
`router` finds the handler of a path; `objections` refuses what no dialect takes, by `origins` too;
`refusal_headers` go with refusals, `refusal_log` counts them. `proxies` are believed about their
clients, `local` says who is on the server's own host.
"""

"""HTTP/1.1 for every dialect: messages in, messages out. No dialect is known here.

`message` has requests and replies as values, `framing` says where one ends, `intake` takes them out
of what has come. A connection is four classes: `transport_connection`, with `peer` and
`reply_writer`; `upload_reader`, for a `body_stream`; `request_reader`, with the `held_request` and
what `callers` may send, within `limits`; `connection`, by the moves of `states` (`cut`: a reply on
purpose). `causes` are what is refused unread. `listener` is an address, `sockets` binds it,
`accept_loop` lets in, by `arrivals` in tests, `edge` is what connections share, `send_queue` the
kernel's. TLS: `tls_acceptor`, `tls_connection`, `tls_records`, `client_hello`. `admission` bounds
connections, `idle_sockets` by address, `body_budget` what is held, `unread_budget` of replies,
`loop_turns` a turn. `router` finds handlers; `objections` refuses, by `origins`; `refusal_headers`,
`refusal_log` go with it. `proxies` are believed, `local` says who is here, `own_names` are ours.
"""

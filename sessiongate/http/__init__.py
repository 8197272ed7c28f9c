"""HTTP/1.1 for every dialect: messages in, messages out. No dialect is known here.

`message` has requests and replies as plain values, `framing` says where one ends, `intake` takes
heads and bodies out of what has come. `connection` reads and writes within `limits`, moving as the
table of `states` says; `causes` are what it refuses unread. `listener` is an address that is
served, with all that its connections share in `edge`; `sockets` binds it, `send_queue` bounds what
the kernel holds of replies, `tls_acceptor` takes TLS connections in and `tls_connection` works on
them by `tls_records`, after a whole `client_hello`; `admission` bounds how many connections there
are, `body_budget` what is held for them, and `fair_turns` what a turn of the event loop does for
all of them. `router` finds the handler of a path; `objections` refuses what no dialect may take, by
`origins` among others; `refusal_headers` go with every refusal, and `refusal_log` counts what
became no request. `proxies` are believed about their clients, `local` says who is on the server's
own host.
"""

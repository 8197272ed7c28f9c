"""One connection: requests are read, handlers are called, replies are written.

Four classes, each on the one before: `transport_connection`, with `peer` and `reply_writer`;
`upload_reader`, for a `body_stream`; `request_reader`, with the `held_request` and what `callers`
may send; `connection`, by the moves of `states` (`cut`: a reply on purpose). `causes` are what is
refused unread, `edge` is what connections share, `send_queue` the kernel's, `arrivals` decides of
new ones in tests of clients.
"""

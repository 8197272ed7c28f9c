"""An address at which connections are taken: `sockets` binds it, `accept_loop` lets in."""

"""What connections may hold of one server, so that no stranger shuts out the others.

`admission` bounds how many there are, `idle_sockets` those of one address that ask nothing,
`body_budget` the bodies that are held, `unread_budget` the replies that nobody reads, `loop_turns`
what one turn of the event loop does for one connection.
"""

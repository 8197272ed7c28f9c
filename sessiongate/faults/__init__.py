"""Faults on purpose, for tests of clients: which request meets which, and how it is carried out.

For `sessiongate dev` and `sessiongate.testing.Gate` alone. What serves in earnest never imports
this room, and no setting leads to it.

`catalogue` lists the faults, `reader` reads rules, `rule` has them as values, `facts` is what they
go by of a request, `book` decides which request meets which. Carried out they are by `handler`
around the dialects, with `slow` and `endings`, by `inside` before guard, store and roles, and by
`upstream` before what a gateway sends; `answers` is what the server says of itself; `arrivals` are
connections, with `certificates` of their own. `points` hands a server all of it, `state` has the
rules of one server, `travel` moves its time, `steering` is HTTP for all that, `desk` is what a page
for people asks, `scenarios` are rules with a name, and `rows` show rules.
"""

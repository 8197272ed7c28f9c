"""Pages on which people see who holds the sessions, and end them: the console.

A request comes to `endpoint` by `routes`, which asks `callers` who it is (people are `visitors`),
`origin_checks` and `forms` where it comes from, and `entrance` (with `sign_in` and `first_start`)
what those do who are not in yet. A `page` is a line of `pages`: data (`session_pages` and
`session_exports` over `session_lines`, `overview_pages` with what needs `attention`, `leak_pages`,
`audit_pages`, `user_pages`, `pool_pages`, `server_pages` and `fault_pages` by a `port`,
`keys_page`), one of the `templates`, and a JSON twin of the same data, told of in a `document`;
`step_up` asks again before what many would feel, by `recent_ends`, `unchanged` and `recent_lists`
make polls cheap, `charts` are numbers of pictures, which `svg` draws, `parts` are the services
behind, `replies` have the headers, `static_files` is what browsers load.
"""

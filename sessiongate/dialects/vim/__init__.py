"""vSphere's VIM API: SessionManager over VI/JSON and SOAP.

`routes` has the addresses, `json_endpoint` and `soap_endpoint` are the two codecs' (`pbm_endpoint`
and `wsdl_endpoint` stand beside), `parsed_requests` knows what comes again and again. Both give a
request to `calls`, and that to the `center`, which finds the managed object: `session_manager`,
`service_instance`, `authorization`, `property_collector` (by `selection`, `property_paths` and
`read_budget`), `views`, `inventory`, `events` (of the `event_log`), `empty_managers`; each is a
`managed_object`, called with a `context`. `session_objects` are what clients make there, `about`
is what the server says of itself. Where an upstream stands behind, it is `relayed_endpoint`,
`relayed_json_endpoint`, `relayed_services`, by `relayed_calls`. `openapi` has the documents, by
`openapi_schemas`.
"""

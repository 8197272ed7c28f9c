"""The vSphere model, once: `types`, `methods`, properties, faults. JSON and SOAP are its codecs.

`json` and `soap` read a `request` and write its outcome; `faults` is the table of errors. What is
shown: `user_session`, `session_events`, `authorization`; `service_versions`, `api_version`, `wsdl`
by `wsdl_schema`. To a vCenter we speak as its `client`, with `lease_calls`, `session_list`,
`service_tickets`, `about_reply`. What goes through to one: `relayed`, `relayed_json`,
`relayed_service` are requests, `relayed_reply`, `relayed_json_reply`, `relayed_fault` answers,
`relayed_forms` both forms in one table. Of single documents: `one_call`, `operation_shape`,
`request_shape`, `login_token`, `sdk_path`.
"""

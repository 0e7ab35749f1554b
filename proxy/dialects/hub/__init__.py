"""The hub format, OpenAI Chat Completions: what every dialect translates from and to.

Requests: `content`, `history`, `tool_choice` and `params` check and read the caller's request, `request_members` replaces
members of it byte-exactly. Responses of OpenAI hosts: `chunk` and `events` decode stream events, `success_body` and
`error_envelope` read bodies, `record` keeps track of what an answer contained, `splice` adds members byte-exactly.
Responses written here: `chunk_writer` (streams) and `completion` (whole bodies).
"""

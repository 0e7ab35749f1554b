"""The hub format, OpenAI Chat Completions, read and written: what every dialect translates from and to.

Requests: `content`, `history`, `tool_choice` and `params` check and read the caller's request. Responses: `chunk` and
`events` decode what an OpenAI host sends, `success_body` checks a 200 body, `chunk_writer` writes the caller's stream."""

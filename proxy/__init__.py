"""Parrot Sidecar: a reverse proxy that gives an application one endpoint for many LLM providers.

The lifecycle of a request, in the order to read the code: `server` receives it and creates an `Exchange`. The middlewares in
`middleware/`, in the order of routing.yaml, authenticate it, apply limits and make the routing decision (`routing/`).
`attempts/` tries the targets of the plan. `dialects/` translate the request to each provider's wire format and its response back.
`upstream/` sends the request and returns once the first content has arrived. The response passes the middlewares in
reverse order. `config/` parses routing.yaml into an immutable `Snapshot`, and `reload` replaces it when the file changes.

Imports point one way: values (errors, headers, messages, sse) <- config, dialects, telemetry, resilience, routing <-
exchange <- attempts, tracing <- middleware <- pipeline <- upstream, server, control, sandbox <- cli.
"""

__version__ = "0.1.0"

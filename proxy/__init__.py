"""Parrot Sidecar, one OpenAI-compatible endpoint beside your application.

A request's way: `server` makes an Exchange of it; `middleware/` (in the order routing.yaml names) checks it, decides who
serves it with `routing/`, and walks that plan with `attempts/`; `dialects/` put it into each provider's words; `upstream/`
makes the attempt and returns with the first content in hand; the Response goes back the way it came. `config/` reads
routing.yaml into a frozen Snapshot. Imports point one way: values (errors, headers, messages, sse) <- config, dialects,
telemetry, resilience, routing <- exchange <- attempts, tracing <- middleware <- pipeline <- upstream, server, control,
sandbox <- cli."""

__version__ = "0.1.0"

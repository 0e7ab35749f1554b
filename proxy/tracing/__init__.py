"""OpenTelemetry traces, an extra: `switch` decides whether to trace, `otel` creates the spans, `attributes` fills them."""

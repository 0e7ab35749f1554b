"""OpenTelemetry traces, an extra: `switch` says whether they are wanted, `otel` makes them, `attributes` what they say."""

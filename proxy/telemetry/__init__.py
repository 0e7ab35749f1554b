"""What is observed of targets and requests: windows, histograms, signals for routing, health and metrics."""

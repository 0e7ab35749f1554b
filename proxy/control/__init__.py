"""What is asked of the sidecar itself."""

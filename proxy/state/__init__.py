"""What this process keeps from one request to later ones, in memory only: it is gone when the process ends."""

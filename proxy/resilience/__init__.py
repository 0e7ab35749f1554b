"""What follows from failures: classification, circuit breaker, cooldown, budgets, rate limits, stream resume.

Everything here is synchronous and takes the time as an argument.
"""

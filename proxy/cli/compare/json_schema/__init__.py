"""Validates values with the keywords of JSON Schema that structured output uses.

`problems` reports every other keyword, so that nothing of a schema is left unchecked in silence.
"""

"""The formats of the results: for a terminal, Markdown, JSON and HTML."""

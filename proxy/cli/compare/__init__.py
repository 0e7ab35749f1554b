"""`parrot compare`: sends the same prompts to several models, checks the answers and shows them side by side.

`prompt_file` loads the prompts, `connection` finds or starts the sidecar, `runner` sends the requests by way of
`chat_request`, `grading` applies the checks of `checks` and `validity`, and `reports` formats the results.
"""

from proxy.cli.compare.command import COMMAND

__all__ = ["COMMAND"]

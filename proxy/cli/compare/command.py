"""The options of `parrot compare`, and its course."""

from __future__ import annotations

import asyncio
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from shutil import get_terminal_size

from proxy.cli import file
from proxy.cli.command import Command, CommandError, error_reason
from proxy.cli.compare.connection import connect
from proxy.cli.compare.progress import Progress
from proxy.cli.compare.prompt_file import load_cases
from proxy.cli.compare.reports.html_page import html_page
from proxy.cli.compare.reports.json_report import json_report
from proxy.cli.compare.reports.markdown import markdown
from proxy.cli.compare.reports.table import table
from proxy.cli.compare.results import Comparison
from proxy.cli.compare.runner import MAX_REQUESTS, Plan, Runner
from proxy.cli.loop import run

_DESCRIPTION = """\
Send the same prompts to several models through the sidecar, check the answers
and show them side by side: the answer, time to first token, latency, tokens,
cost, and what failed. An answer for which the request has a JSON Schema, and
the arguments of tool calls, are always validated.

Exit code: 0 every answer passed, 1 one did not, 2 invalid usage or file,
130 stopped by Ctrl-C, with a report of what had finished."""
_EPILOG = """\
example of a file:
  models: [gpt-4o, anthropic/claude-sonnet-4-6]
  prompts:
    - name: capital
      prompt: What is the capital of France? Answer in one word.
      temperature: 0
      checks: [{contains: Paris}, {regex: '^\\w+$'}]

checks: contains, not_contains, equals, regex, schema, and tool, which may have
arguments: {…} with a JSON Schema"""
_INTERRUPTED = 130
"""The exit code that shells report for a process ended by SIGINT."""

_FORMATS: Mapping[str, Callable[[Comparison], str]] = {
    "table": lambda comparison: table(comparison, get_terminal_size().columns),
    "markdown": markdown,
    "json": json_report,
    "html": html_page,
}
_EXTENSIONS = {".md": "markdown", ".json": "json", ".html": "html", ".htm": "html"}


def _add_arguments(parser: ArgumentParser) -> None:
    parser.epilog, parser.formatter_class = _EPILOG, RawDescriptionHelpFormatter
    parser.add_argument("prompts", metavar="FILE", help="the prompts, their checks and the models, as YAML")
    parser.add_argument(
        "--models",
        type=_parse_models,
        help="overrides `models` of the file, such as gpt-4o,mistral/ministral-8b-latest",
    )
    parser.add_argument(
        "--runs", type=_parse_count, default=1, metavar="N", help="send every prompt N times to each model (default: 1)"
    )
    parser.add_argument(
        "--concurrency", type=_parse_count, default=4, metavar="N", help="requests at a time (default: 4)"
    )
    parser.add_argument(
        "--format", choices=_FORMATS, help="default: by the ending of --output (.md, .json, .html), else table"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write the report to FILE")
    parser.add_argument(
        "--url", help="address of the sidecar (default: `listen` of the configuration, else http://127.0.0.1:8090)"
    )
    parser.add_argument("--key", help="API key of the sidecar (default: the variable PARROT_API_KEY)")
    parser.add_argument(
        "-c", "--config", metavar="FILE", help=f"the configuration (default: {file.DEFAULT}, if there is one)"
    )
    parser.add_argument(
        "--sandbox", action="store_true", help="start a sidecar with simulated providers for this comparison"
    )
    parser.set_defaults(file=None)


def _parse_models(text: str) -> tuple[str, ...]:
    models = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not models:
        raise ArgumentTypeError("expected a comma list of models")
    return models


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or not 1 <= int(text) <= 1000:
        raise ArgumentTypeError(f"expected a number from 1 to 1000, got '{text}'")
    return int(text)


def _run(arguments: Namespace) -> int:
    if arguments.url and arguments.sandbox:
        raise CommandError("name one sidecar: --url or --sandbox", exit_code=2)
    return run(partial(_compare, arguments, _plan(arguments)))


def _plan(arguments: Namespace) -> Plan:
    loaded = load_cases(arguments.prompts)
    models = arguments.models or loaded.models
    if not models:
        raise CommandError(f"no models given: use --models, or `models` in {arguments.prompts}", exit_code=2)
    plan = Plan(loaded.cases, models, arguments.runs, arguments.concurrency)
    if plan.size > MAX_REQUESTS:
        raise CommandError(
            f"{plan.size} requests are more than {MAX_REQUESTS}: use fewer --runs or models", exit_code=2
        )
    return plan


async def _compare(arguments: Namespace, plan: Plan, stopped: asyncio.Event) -> int:
    async with connect(arguments) as client:
        progress = Progress(sys.stderr, get_terminal_size().columns)
        comparison = await Runner(plan, client.ask, progress.show).run(stopped)
        progress.clear()
    _write(arguments, comparison)
    if len(comparison.runs) < plan.size:
        return _INTERRUPTED
    return 0 if comparison.passed == plan.size else 1


def _write(arguments: Namespace, comparison: Comparison) -> None:
    output = arguments.output
    report = _FORMATS[arguments.format or _EXTENSIONS.get(Path(output or "").suffix, "table")](comparison)
    if output is None:
        _print(report)
        return
    try:
        Path(output).write_text(report + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"cannot write {output}: {error_reason(error)}") from error
    _print(f"{output} is written: {comparison.summary}")


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


COMMAND = Command(_add_arguments, _run, _DESCRIPTION)

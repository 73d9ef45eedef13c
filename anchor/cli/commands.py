# SPDX-License-Identifier: Apache-2.0
"""Every command, and how click calls it. A command module is imported only when it is called."""

import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

import anchor
from anchor.cli import configuration, examples
from anchor.cli.plain import COMPLETION
from anchor.errors import Misuse

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


_CLOSE = 0.75
"""The part of the letters that two words have in common if one is a slip of the other."""
COMMANDS = {
    "demo": "publish, verify, change a digit, verify again and prove a fact, in a scratch folder",
    "lint": "read a ledger and list what a reader may misread",
    "seal": "facts, root and statement of a ledger; no network",
    "convert": "write a file in a form that can be published, and list every change",
    "files": "a list of files as a ledger: path, size and digest of each",
    "publish": "seal, sign, record in a log, verify, put in place",
    "diff": "which facts differ between two releases, or a release and a draft",
    "withdraw": "say of a published release or fact that it is withdrawn, corrected or replaced",
    "renew": "say again, as of now, what was withdrawn and which release is the newest",
    "policy": "write the policy for a release that you were given, and compare its digest",
    "verify": "check a published release, from a path or a URL",
    "chain": "verify every release of a ledger, back to number 1",
    "prove": "make a receipt of one fact, a small file that proves itself",
    "verify-receipt": "check a receipt of one fact, offline",
    "find": "the releases of a ledger that contain a fact",
    "log": "the life of a fact over the releases of a ledger",
    "verify-bundle": "check any Sigstore bundle, strictly",
    "inspect": "describe each field of a file, and what binds it",
    "trust": "show, pin or update a trusted root",
    "instance": "the embedded Sigstore instance: init, serve, export, backup, restore, witness",
    "witness": "cosign the checkpoints of other people's logs: init, logs, serve, show, backup",
    "reverify": "verify releases again and follow their logs, once",
    "watch": "re-verify for years, as a daemon",
    "status": "the state of each watched release, from the records",
    "history": "the past runs, from the records",
    "records": "export, prune, check or anchor the records",
    "evidence": "look for the values of facts in the documents that they cite",
    "mirror": "keep a whole ledger with its logs as static files, and bring them up to date",
    "compare": "checkpoints that others hold, beside what you hold and the logs as they are now",
    "verify-evidence": "check a file of evidence against a log, without a database",
    "verify-history": "check a proof of past runs, without a database",
}
"""Every command and its line in `anchor --help`; its module is `anchor.cli.<name with _>`."""

MODULES = {"evidence": "source_evidence"}
"""Commands whose module has another name: `evidence` alone would also mean the evidence of misbehaviour."""


def module_of(name: str) -> str:
    return "anchor.cli." + MODULES.get(name, name.replace("-", "_"))


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(module_of(cmd_name))
        command = module.command
        assert isinstance(command, click.Command)
        examples.lay_out(command)
        if ctx.default_map and cmd_name in ctx.default_map:
            table = configuration.settings(command, ctx.default_map[cmd_name], cmd_name)
            ctx.default_map = {cmd_name: table}
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """The commands from the table: click would import each of them to ask for its line of help."""
        from click.shell_completion import CompletionItem  # click itself imports it for a shell alone

        found = [
            CompletionItem(name, help=line) for name, line in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as e:  # click knows only commands that are imported
            raise click.exceptions.NoSuchCommand(
                e.command_name, possibilities=[*COMMANDS, "help"], ctx=ctx
            ) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(anchor.__version__, "-V", "--version", prog_name="anchor")
def cli() -> None:
    """Publish a ledger of facts so that anyone can later prove what was published, by whom and when.

    'anchor help COMMAND' is the help of a command.

    Example: anchor verify release.json --policy policy.toml
    """


examples.lay_out(cli)


def call(argv: Sequence[str]) -> int:
    """Run one command and return its exit code. Raises Misuse for what click refuses."""
    if os.environ.get(COMPLETION):
        return _complete()
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "--help"]
    try:
        result = cli.main(
            list(argv),
            prog_name="anchor",
            standalone_mode=False,
            default_map=None if _asks_for_help(argv) else configuration.load(frozenset(COMMANDS)),
        )
    except click.exceptions.Abort as e:
        raise KeyboardInterrupt(*getattr(e.__cause__, "args", ())) from None
    except click.exceptions.NoArgsIsHelpError as e:
        raise Misuse(f"which command? see '{e.ctx.command_path} --help'") from None
    except click.ClickException as e:
        path = e.ctx.command_path if isinstance(e, click.UsageError) and e.ctx else "anchor"
        raise Misuse(f"{_problem(e)}{_said_by(e)}; see '{path} --help'") from None
    return result if isinstance(result, int) else 0


def _complete() -> int:
    """Answer a shell that completes a word. No setting is read, so a faulty one does not matter."""
    try:
        cli.main([], prog_name="anchor")
    except SystemExit as e:  # click ends the process itself
        if not e.code:
            return 0
    raise Misuse(
        "no such request of a shell",
        where=f"{COMPLETION}={os.environ[COMPLETION]}",
        remedy="bash_source, zsh_source and fish_source print what a shell needs",
    )


def _problem(error: click.ClickException) -> str:
    """The message of click, without the full stop: more follows on the line."""
    if isinstance(error, click.exceptions.NoSuchCommand | click.exceptions.NoSuchOption):
        named = error.command_name if hasattr(error, "command_name") else error.option_name
        kind = "command" if isinstance(error, click.exceptions.NoSuchCommand) else "option"
        close = [one for one in error.possibilities or () if _is_close(named, one)] or _with_words(error)
        meant = f" (did you mean {' or '.join(close)}?)" if close else ""
        return f"no such {kind}: {named}{meant}"
    return error.format_message().rstrip(".")


def _is_close(word: str, other: str) -> bool:
    """True if the words differ by a slip of the fingers. Click suggests what has half of the letters."""
    import difflib  # only for a word that nobody knows

    return difflib.SequenceMatcher(a=word.lstrip("-"), b=other.lstrip("-")).ratio() >= _CLOSE


def _with_words(error: click.ClickException) -> list[str]:
    """The options of the command that have all words of an unknown one: "--identity" is a part of
    "--certificate-identity"."""
    if not isinstance(error, click.exceptions.NoSuchOption) or error.ctx is None:
        return []
    words = {*error.option_name.strip("-").split("-")} - {""}
    known = [name for param in error.ctx.command.params for name in param.opts]
    return [name for name in known if words and words <= {*name.strip("-").split("-")}]


def _said_by(error: click.ClickException) -> str:
    """The source of a wrong value, if it is not the command line."""
    if not isinstance(error, click.BadParameter) or error.ctx is None or error.param is None:
        return ""
    source = error.ctx.get_parameter_source(error.param.name or "")
    if source is ParameterSource.ENVIRONMENT:
        return f" (as {error.param.envvar} says)"
    return f" (as {configuration.path()} says)" if source is ParameterSource.DEFAULT_MAP else ""


def _asks_for_help(argv: Sequence[str]) -> bool:
    """True if only help or the version is asked for. Both work with a faulty configuration file."""
    words = argv[: argv.index("--")] if "--" in argv else argv
    return any(word in ("-h", "--help") for word in words) or words[:1] in (["-V"], ["--version"])

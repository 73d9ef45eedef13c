# SPDX-License-Identifier: Apache-2.0
"""`anchor instance witness`: whom the embedded log asks for cosignatures, and how many of them are wanted."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from anchor import limits
from anchor.cli import homes, options
from anchor.cli.output import document, out, print_json, say
from anchor.disk import user_files
from anchor.encoding import rfc3339_of
from anchor.errors import AnchorError
from anchor.verdict import Class
from anchor.words import several

if TYPE_CHECKING:
    from anchor.embedded.instance import Instance
    from anchor.tlog.witness_policy import Quorum, WitnessPolicy

BUDGET = 30.0


@click.group()
def witness() -> None:
    """Witnesses of the embedded log: they cosign its checkpoints if it only grows.

    A log whose checkpoints are cosigned cannot show two histories unnoticed. After each new entry all of them
    are asked at once, and what they sign is kept in the checkpoint and in the bundle.

    Example: anchor instance witness add https://witness.example VKEY
    """


def _options(function: Any) -> Any:
    for option in (
        options.json_option,
        options.home_option,
        options.root_option,
        options.ledger_name_option,
    ):
        function = option(function)
    return function


@contextlib.contextmanager
def _instance(root: Path, home: Path | None, ledger: str | None) -> Iterator["Instance"]:
    from anchor.embedded.instance import FOLDER, Instance

    folder = homes.existing_home(root, home, ledger) / FOLDER
    with contextlib.closing(Instance.open(folder, create=False)) as instance:
        yield instance


@witness.command()
@click.argument("url")
@click.argument("vkey")
@click.option("--name", default="", help="Its name in the policy (default: that of its key).")
@_options
def add(
    url: str, vkey: str, name: str, ledger: str | None, root: Path, home: Path | None, *, as_json: bool
) -> None:
    """Ask the witness at URL from now on; VKEY is its verifier key (C2SP signed-note).

    Get both from its operator, who must add the log to the witness with the verifier key that is printed.
    The quorum does not change, except where it is `all`.

    Example: anchor instance witness add https://witness.example/w1 witness.example/w1+32b7d1f9+BH...
    """
    from anchor.embedded import witnesses

    with _instance(root, home, ledger) as instance:
        policy = witnesses.edit(instance, lambda listed: listed.added(url, vkey, name))
        _show(instance, policy, as_json=as_json)
    if not as_json:
        say(f"its operator must add the log: {instance.vkey}")


@witness.command()
@click.argument("name")
@_options
def remove(name: str, ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """Do not ask the witness NAME any more. A quorum that could not be reached then is refused.

    Example: anchor instance witness remove witness.example/w1
    """
    from anchor.embedded import witnesses

    with _instance(root, home, ledger) as instance:
        _show(instance, witnesses.edit(instance, lambda listed: listed.removed(name)), as_json=as_json)


@witness.command("list")
@_options
def list_(ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """List the witnesses, the quorum, and who has cosigned the newest checkpoint.

    Example: anchor instance witness list
    """
    from anchor.embedded import witnesses

    with _instance(root, home, ledger) as instance:
        _show(instance, witnesses.policy_of(instance), as_json=as_json)


@witness.command()
@click.argument("rule", metavar="K|all|any|none")
@_options
def quorum(rule: str, ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """Set how many witnesses must cosign before a publication is complete; with `none` nobody is waited for.

    Example: anchor instance witness quorum 2
    """
    from anchor.embedded import witnesses

    with _instance(root, home, ledger) as instance:
        _show(instance, witnesses.edit(instance, lambda listed: listed.with_rule(rule)), as_json=as_json)


@witness.command()
@click.argument("file", type=options.InputFile(), required=False)
@_options
def policy(file: Path | None, ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> None:
    """Take witnesses and quorum from FILE, a C2SP tlog-policy. Without FILE: print the policy in use.

    A verifier can name the printed file as `tlog_policy`, once he has chosen these witnesses himself.

    Example: anchor instance witness policy witnesses.policy
    """
    from anchor.embedded import witnesses

    with _instance(root, home, ledger) as instance:
        if file is not None:
            data = user_files.read(file, limit=limits.WITNESS_POLICY)
            try:
                taken = witnesses.put(instance, data)
            except AnchorError as e:
                raise e.at(str(file)) from None
            _show(instance, taken, as_json=as_json)
        elif as_json:
            print_json(
                {"policy": witnesses.text_of(instance).decode("utf-8", "backslashreplace")}, "witness-policy"
            )
        else:
            document(witnesses.text_of(instance).decode("utf-8", "backslashreplace"))


@witness.command()
@_options
def ask(ledger: str | None, root: Path, home: Path | None, *, as_json: bool) -> int:
    """Ask those witnesses that have not cosigned the newest checkpoint, as each publication does by itself.

    The published copy of the log below --root, if there is one, gets the same checkpoint. The bundles of
    releases do not change. The exit code is 5 (PENDING) if the quorum is not met.

    Example: anchor instance witness ask
    """
    from anchor.embedded import witnesses
    from anchor.net.budget import Budget

    with _instance(root, home, ledger) as instance:
        found = witnesses.policy_of(instance)
        if found is None or not found.witnesses:
            _show(instance, found, as_json=as_json)
            return 0
        instance.log.lock()
        asking = witnesses.Witnesses(instance, found)
        asked = asking.ask(Budget(BUDGET))
        counted = asking.current()
        folder = root / "release" / "log" / instance.origin
        if folder.is_dir():
            instance.export(folder)
        size = instance.log.size()
    if as_json:
        print_json(
            {"size": size, "quorum": _quorum(counted), "witnesses": [a.facts() for a in asked]},
            "witness-answers",
        )
    else:
        for one in asked:
            out(one.says)
        out(f"checkpoint of {several(size, 'entry')}: {counted.sentence}")
    return 0 if counted.met else Class.PENDING.exit_code


def _quorum(counted: "Quorum") -> dict[str, Any]:
    return {"met": counted.met, "wanted": counted.wanted, "sentence": counted.sentence}


def _show(instance: "Instance", policy: "WitnessPolicy | None", *, as_json: bool) -> None:
    """The witnesses of an instance, and what they signed of its newest checkpoint."""
    from anchor.embedded.witnesses import Witnesses
    from anchor.tlog.witness_policy import shown

    head = instance.log.head()
    counted = Witnesses(instance, policy).current() if policy is not None else None
    signed = {c.key: c.time for c in counted.cosigned if c.counts} if counted else {}
    listed = policy.witnesses if policy else ()
    if as_json:
        print_json(
            {
                "origin": instance.origin,
                "vkey": instance.vkey,
                "size": head.size,
                "quorum": _quorum(counted) if counted else None,
                "witnesses": [
                    {
                        "name": shown(w.name),
                        "url": w.url,
                        "vkey": w.key.vkey,
                        "cosigned": rfc3339_of(signed[w.key]) if w.key in signed else None,
                    }
                    for w in listed
                ],
            },
            "instance-witnesses",
        )
        return
    out(f"log {instance.vkey}, {several(head.size, 'entry')}")
    for w in listed:
        when = (
            f"cosigned {rfc3339_of(signed[w.key])}"
            if w.key in signed
            else "has not cosigned the newest checkpoint"
        )
        out(f"witness {shown(w.name)}  {w.url or 'no URL: not asked'}  {when}")
        out(f"  {w.key.vkey}")
    out(counted.sentence if counted else "no witnesses: 'anchor instance witness add URL VKEY' adds one")

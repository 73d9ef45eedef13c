# SPDX-License-Identifier: Apache-2.0
"""All kinds of alarms; docs/alarms.md is made of them: python -m tests.support.generate.alarm_page"""

import sys
from collections.abc import Iterator

from anchor.monitor.alarm_kinds import KINDS, RUNBOOK, AlarmKind, Severity
from anchor.verdict import Class

HEAD = """# Alarms: kinds and severities

`anchor watch` and `anchor reverify` send a message for each new cause ([operations.md](operations.md) says
when and how often). Each message has a kind and a severity, which are in its text and, for programs, in the
members `alarm` and `severity` ([schema](schema/alarm-v1.schema.json)). The names of kinds and severities are
stable: programs may route by them. A later version may add a kind.

| severity | a person is needed |
| --- | --- |
| critical | now: somebody may rely on what is wrong, or the watch cannot be relied on |
| warning | in working hours: something is unknown, or less than the policy demands |
| info | nobody |

The kind of a cause follows from the class and the name of its [check](checks.md). A check without a kind of
its own has the kind of its class. `log …` stands for each check whose name begins so.

This file is made by `python3 tasks.py alarms`; a test compares it.
"""


def document() -> str:
    """docs/alarms.md."""
    return "\n".join([HEAD, *(line for severity in Severity for line in _part(severity))])


def _part(severity: Severity) -> Iterator[str]:
    yield f"## {severity.capitalize()}"
    yield ""
    yield "| kind | class | checks | what it means, and what to do |"
    yield "| --- | --- | --- | --- |"
    for kind in KINDS:
        if kind.severity is severity:
            yield f"| `{kind.name}` | {kind.verdict} | {_checks(kind)} | {kind.means} {_entry(kind)} |"
    yield ""


def _checks(kind: AlarmKind) -> str:
    if kind.verdict is Class.OK:
        return "each"
    names = (f"`{name}…`" if name.endswith(" ") else f"`{name}`" for name in kind.checks)
    return ", ".join(names) or "all others"


def _entry(kind: AlarmKind) -> str:
    page = RUNBOOK.removeprefix("docs/")
    return f"[{kind.heading}]({kind.runbook.replace(RUNBOOK, page)})"


if __name__ == "__main__":
    sys.stdout.write(document())

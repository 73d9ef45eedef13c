# SPDX-License-Identifier: Apache-2.0
"""The documents that commands print with `--json`, as types: docs/json.md and docs/schema/ are made of them.

A type of the package is used where there is one. The others describe what a command puts together. No command
imports this module: a test runs each command and validates what it prints.
"""

import json
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from anchor.app.planned_signing import PlannedSigning
from anchor.app.source_evidence import AtHand
from anchor.compare.differences import AppendOnly, Counts, Difference
from anchor.compare.lives import Change as LifeChange
from anchor.format.index import Index
from anchor.format.key_search import Similar
from anchor.format.ledger_status import Entry
from anchor.format.members import LedgerName, Previous, Tree
from anchor.format.schemas import schemas
from anchor.format.source_evidence import Descriptor
from anchor.inspect.fields import Inspection
from anchor.inspect.lint.findings import Finding
from anchor.intake.convert.changes import Change
from anchor.intake.reading import Reading
from anchor.monitor.alarm import AlarmDetails
from anchor.publish.since_before import Changes
from anchor.records.history import RunLine
from anchor.report.status import LogLine, TargetLine
from anchor.sources.checking import Report as EvidenceReport
from anchor.verdict import Check, Class, Verdict
from tests.support.generate.json_instances import (
    Copied,
    Demo,
    ExitCode,
    Hex32,
    Instance,
    InstanceWitnesses,
    Pin,
    ProposedPolicy,
    RestoredHome,
    TrustedRootShown,
    TrustUpdate,
    WitnessAnswer,
    WitnessAnswers,
    WitnessLogs,
    WitnessPolicyText,
    WitnessState,
)

FactValues = dict[str, str | None]


class ErrorDocument(Struct, kw_only=True):
    """A command that could not be done: the line that stands on stderr, too. `exit_code` is 130 after Ctrl-C.

    `sha256` is of `trust update`: the copy of the trusted root that stays in use, if there is one.
    `target` is of `verify` with several releases: the one that could not be verified.
    """

    verdict: Class
    exit_code: ExitCode
    error: str
    sha256: Hex32 | UnsetType | None = UNSET
    target: str | UnsetType = UNSET


class CountedFact(Struct, kw_only=True):
    """A fact, and its index from 0."""

    index: int
    fact: FactValues


class ProvedFact(Struct, kw_only=True):
    """A fact, its index from 0 and its leaf hash. `fact` has the opened cells of a confidential one."""

    index: int
    leaf: Hex32
    fact: dict[str, Any] | list[Any]


class NotFound(Struct, kw_only=True):
    """No fact is the one that is asked for, or more than one is.

    `facts` is the number of those that were found; `matches` and `similar` have the first of them, and facts
    or keys that look like the wanted one.
    """

    verdict: Class
    exit_code: ExitCode
    error: str
    facts: int | UnsetType = UNSET
    matches: list[CountedFact] | UnsetType = UNSET
    similar: list[dict[str, Any]]


class NamedFile(Struct, kw_only=True):
    """A file of a release."""

    name: str
    size: int
    sha256: Hex32


class Digest(Struct, kw_only=True):
    """Bytes and SHA-256 of a document."""

    size: int
    sha256: Hex32


class Sealed(Struct, kw_only=True):
    """A sealed ledger. `reading` says how the files were read; it is null for a published one."""

    ledger: LedgerName
    tree: Tree
    columns: list[str]
    reader: str
    reading: Reading | None
    indexes: list[Index]
    files: list[NamedFile]
    evidence: list[Descriptor] | UnsetType = UNSET
    statement: Digest


class LintReport(Struct, kw_only=True):
    """A list of the places that a reader of a ledger may misread."""

    file: str
    reader: str
    unit: str
    can_be_sealed: bool
    columns: list[str]
    facts: int
    distinct_labels: int | None
    exact_duplicates: int
    repeated_seals: int
    counts: dict[str, int]
    severities: dict[str, int]
    findings: list[Finding]
    refusal: str
    unread: str
    reading: Reading | None


class Converted(Struct, kw_only=True):
    """A file that was converted, with every kind of change."""

    file: str
    output: str
    facts: int
    changes: list[Change]


class Listed(Struct, kw_only=True):
    """A list of files that was written to `output`."""

    output: str
    files: int
    ignored: int


class Published(Struct, kw_only=True):
    """A publication. `new` is false if the release was in place already.

    `missing`: logs and witnesses that are still asked for (PENDING). `policy`: the text of a policy for it.
    """

    verdict: Class
    exit_code: ExitCode
    release: str
    new: bool
    missing: list[str]
    witnesses: list[WitnessAnswer]
    facts: dict[str, Any]
    reading: Reading | None
    changes: Changes | None
    checks: list[Check]
    notes: list[str]
    policy: str


class DryRun(Struct, kw_only=True):
    """The statement that would be signed, as it would be encoded; null if nothing would be. Nothing was
    sent."""

    statement: str | None
    sent: Literal[False]
    sha256: str | UnsetType = UNSET
    ledger: LedgerName | UnsetType = UNSET
    tree: Tree | UnsetType = UNSET
    signing: list[PlannedSigning] | UnsetType = UNSET
    reading: Reading | UnsetType | None = UNSET
    changes: Changes | UnsetType | None = UNSET


class PublishedStatus(Struct, kw_only=True):
    """A status that is in place. `new` is false if nothing had to be signed."""

    sequence: int
    new: bool
    release: str
    newest: Previous
    withdrawn: list[Entry]
    time: str
    identities: list[str]
    witnesses: list[WitnessAnswer]


class DiffSide(Struct, kw_only=True):
    """One side of a comparison: what it is, and how far it was proven."""

    target: str
    proven: str
    verdict: Class
    ledger: LedgerName | None
    statement: Hex32 | None
    tree: Tree
    columns: list[str]
    readers: list[str]
    read_as: list[str]
    notes: list[str]


class DiffKey(Struct, kw_only=True):
    """The columns by which facts are paired, and where they are from."""

    columns: list[str]
    source: str


class Renamed(Struct, kw_only=True):
    """A column with another name."""

    old: str
    new: str


class DiffColumns(Struct, kw_only=True):
    """The columns that differ."""

    added: list[str]
    removed: list[str]
    renamed: list[Renamed]
    reordered: bool


class Diff(Struct, kw_only=True):
    """The facts that differ. `append_only` proves that the older facts begin the newer ones."""

    verdict: Class
    exit_code: ExitCode
    same: bool
    old: DiffSide
    new: DiffSide
    remarks: list[str]
    key: DiffKey
    columns: DiffColumns
    counts: Counts
    append_only: AppendOnly | None
    differences: list[Difference]


class InRelease(Struct, kw_only=True):
    """The places of a fact in one release, and what a status says about it."""

    number: int
    indexes: list[int]
    withdrawn: list[str]


class FoundFact(Struct, kw_only=True):
    """A fact that was found: its leaf hash, and the releases that have it."""

    leaf: Hex32
    fact: FactValues
    first: int
    last: int
    releases: list[InRelease]


class Find(Struct, kw_only=True):
    """The releases that contain a fact. `releases` has what is known of each, `similar` values that look like
    the wanted ones."""

    verdict: Class
    exit_code: ExitCode
    target: str
    releases: list[dict[str, Any]]
    checks: list[Check]
    notes: list[str]
    facts: list[FoundFact]
    similar: list[Any]


class Span(Struct, kw_only=True):
    """A stretch of releases in which a fact did not change; `receipt` is the file of its receipt."""

    event: str
    first: int
    last: int
    facts: list[dict[str, Any]]
    indexes: list[InRelease]
    changes: list[LifeChange]
    receipt: str | None


class Life(Struct, kw_only=True):
    """A key, and what became of its facts."""

    key: Any
    spans: list[Span]


class Log(Struct, kw_only=True):
    """The life of a fact over the releases of a ledger."""

    verdict: Class
    exit_code: ExitCode
    target: str
    releases: list[dict[str, Any]]
    checks: list[Check]
    notes: list[str]
    key: DiffKey
    facts: list[Life]
    similar: list[Any]


class Proved(Struct, kw_only=True):
    """A receipt that was made. `statement`: the SHA-256 of the statement that it leads to.

    With `--complete` and `--absent` there is `key`; with `--all` the number of `receipts`, and `split`.
    """

    output: str | UnsetType = UNSET
    split: str | UnsetType = UNSET
    statement: Hex32
    key: dict[str, str | None] | UnsetType = UNSET
    facts: list[ProvedFact] | UnsetType = UNSET
    similar: list[Similar] | UnsetType = UNSET
    receipts: int | UnsetType = UNSET


class WatchStatus(Struct, kw_only=True):
    """The state of each watched release and log, and the worst class of all."""

    verdict: Class
    exit_code: ExitCode
    targets: list[TargetLine]
    logs: list[LogLine]
    evidence: list[str]
    waiting_messages: int
    undelivered: list[str]
    records: str
    interrupted: list[str]


class Record(Struct, kw_only=True, omit_defaults=True):
    """An event of the history (FORMAT.md section 29) with its index and leaf hash; `event` is null if it was
    pruned. Or a document that events name: its SHA-256, and its bytes in base64."""

    index: int | None = None
    hash: str | None = None
    event: dict[str, Any] | None = None
    sha256: str | None = None
    document: str | None = None


class Exported(Struct, kw_only=True):
    """The files that were written."""

    files: list[str]


class Pruned(Struct, kw_only=True):
    """How many old runs there are, and how many were removed."""

    pruned: int
    old: int


class HeadWitness(Struct, kw_only=True):
    """A cosignature that counts. `time` is null for an ML-DSA cosignature that states none."""

    name: str
    key: str
    time: str | None


class HeadIndependence(Struct, kw_only=True):
    """How independent a log is, in `words`. `own_authority`: its operator vouches for the signer or the time.
    The witnesses are those of the embedded log itself; `named` and `quorum` are null if none were counted."""

    operator: Literal["publisher", "public", "private"]
    own_authority: bool
    words: str
    witnesses: list[HeadWitness]
    named: int | None
    quorum: str | None
    witnessed: bool


class HeadPlace(Struct, kw_only=True):
    """The entry of a head in one log, as its bundle proves it."""

    origin: str
    index: int
    identity: str
    time: str | None
    independence: HeadIndependence


class AnchoredHead(Struct, kw_only=True):
    """The last head of the records that is anchored. `anchored` is false if nothing was new, so that nothing
    was signed now; `logs` is empty then. `resumed`: it was interrupted before. `at`: when the records noted
    it."""

    anchored: bool
    resumed: bool
    origin: str
    size: int
    root: Hex32
    statement: Hex32
    at: str
    logs: list[HeadPlace]


class ForgottenLog(Struct, kw_only=True):
    """A log that is not followed any more for a target: who decided so, and why."""

    target: str
    origin: str
    who: str
    reason: str


class AcceptedNumber(Struct, kw_only=True):
    """A number that a target went back to on purpose: who decided so, and why."""

    target: str
    ledger: str
    before: int
    number: int
    who: str
    reason: str


class ProofOfRuns(Struct, kw_only=True):
    """A proof of past runs that was written. `head`: the number of events of the head that it stands on, and
    `anchored` when that was anchored. `later_events` and `later_runs` came after the newest anchored head."""

    output: str
    complete: bool
    start: int | None
    events: int
    runs: int
    pruned: int
    head: int
    anchored: str
    later_events: int
    later_runs: int


class EvidenceCheck(Struct, kw_only=True):
    """The values of facts that occur in the documents that they cite. `claim` says how to read the result."""

    claim: str
    documents: list[AtHand]
    report: EvidenceReport


class Form(NamedTuple):
    """A document: its type, and the commands that print it. `many`: one document a line."""

    type: type[Any]
    commands: tuple[str, ...]
    many: tuple[str, ...] = ()
    open: bool = False
    """True if it has members that are not listed, such as the columns of a table."""


VERDICTS = (
    "verify",
    "verify-bundle",
    "verify-receipt",
    "chain",
    "compare",
    "mirror",
    "reverify",
    "records check",
    "verify-evidence",
    "verify-history",
)
FORMS: dict[str, Form] = {
    "error:v1": Form(ErrorDocument, ()),
    "verdict:v1": Form(Verdict, VERDICTS, many=("watch",)),
    "lint:v2": Form(LintReport, ("lint",)),
    "sealed:v1": Form(Sealed, ("seal",)),
    "converted:v1": Form(Converted, ("convert",)),
    "files:v1": Form(Listed, ("files",)),
    "published:v1": Form(Published, ("publish",)),
    "dry-run:v1": Form(DryRun, ("publish --dry-run", "withdraw --dry-run", "renew --dry-run")),
    "published-status:v1": Form(PublishedStatus, ("withdraw", "renew")),
    "diff:v1": Form(Diff, ("diff",)),
    "find:v1": Form(Find, ("find",)),
    "log:v1": Form(Log, ("log",)),
    "proved:v1": Form(Proved, ("prove",)),
    "not-found:v1": Form(NotFound, ("prove",)),
    "inspection:v1": Form(Inspection, ("inspect",)),
    "trusted-root:v1": Form(TrustedRootShown, ("trust show",)),
    "demo:v1": Form(Demo, ("demo",)),
    "policy-proposal:v1": Form(ProposedPolicy, ("policy",)),
    "pin:v1": Form(Pin, ("trust pin",)),
    "trust-update:v1": Form(TrustUpdate, ("trust update",)),
    "instance:v1": Form(Instance, ("instance init", "instance serve", "instance export")),
    "instance-witnesses:v1": Form(
        InstanceWitnesses,
        (
            "instance witness add",
            "instance witness remove",
            "instance witness list",
            "instance witness quorum",
            "instance witness policy FILE",
            "instance witness ask",
        ),
    ),
    "witness-policy:v1": Form(WitnessPolicyText, ("instance witness policy",)),
    "witness-answers:v1": Form(WitnessAnswers, ("instance witness ask",)),
    "witness-state:v1": Form(
        WitnessState, ("witness init", "witness serve", "witness show", "witness restore", "witness catch-up")
    ),
    "copied:v1": Form(Copied, ("witness backup", "instance backup")),
    "restored-home:v1": Form(RestoredHome, ("instance restore",)),
    "witness-logs:v1": Form(WitnessLogs, ("witness logs add", "witness logs remove", "witness logs list")),
    "status:v1": Form(WatchStatus, ("status",)),
    "run:v2": Form(RunLine, (), many=("history",)),
    "record:v2": Form(Record, (), many=("records export",), open=True),
    "exported:v1": Form(Exported, ("records export -o",)),
    "pruned:v1": Form(Pruned, ("records prune",)),
    "anchored-head:v1": Form(AnchoredHead, ("records anchor",)),
    "forgotten-log:v1": Form(ForgottenLog, ("records forget-log",)),
    "accepted-number:v1": Form(AcceptedNumber, ("records accept",)),
    "proof-of-runs:v1": Form(ProofOfRuns, ("records prove",)),
    "evidence-check:v1": Form(EvidenceCheck, ("evidence check",)),
}
"""Each format after `urn:ledger-anchor:`, with its type and the commands that print it."""


VERDICT = "verdict.schema.json"


MESSAGES: dict[str, Form] = {"alarm:v1": Form(AlarmDetails, ())}
"""Documents that are sent, not printed: docs/alarms.md is about them."""


def schema_path(form: str) -> str:
    """The file of a schema, from docs/. That of verdicts is published beside each ledger."""
    if form in FORMS and FORMS[form].type is Verdict:
        return f"../release/schema/{VERDICT}"
    return f"schema/{form.replace(':', '-')}.schema.json"


def schema(form: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document. Members may be added later: a reader ignores them."""
    about = (FORMS | MESSAGES)[form]
    if about.type is Verdict:
        found = json.loads(schemas()[VERDICT])
        assert isinstance(found, dict)
        return found
    body = msgspec.json.schema(about.type)
    name = body["$ref"].rpartition("/")[2]
    main = body["$defs"].pop(name)
    urn = f"urn:ledger-anchor:{form}"
    main["properties"] = {"format": {"const": urn}} | {
        n: p for n, p in main["properties"].items() if n != "format"
    }
    required = [n for n in main.get("required", []) if n != "format"]
    main["required"] = ["format", *required]
    main["additionalProperties"] = True
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ledger-anchor:schema:{form}",
        **_one_line(main),
        "$defs": _one_line(body["$defs"]),
    }


def _one_line(value: Any) -> Any:
    """Descriptions come from docstrings, so their line breaks and indentation have no meaning."""
    if isinstance(value, dict):
        return {
            k: " ".join(v.split()) if k == "description" and isinstance(v, str) else _one_line(v)
            for k, v in value.items()
        }
    return [_one_line(v) for v in value] if isinstance(value, list) else value

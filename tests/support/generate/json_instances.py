# SPDX-License-Identifier: Apache-2.0
"""The documents about trusted roots, instances and witnesses, which json_documents.py lists."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from anchor.format.members import LedgerName
from anchor.verdict import Class

Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
ExitCode = Annotated[int, Meta(ge=0, le=130)]


class WitnessAnswer(Struct, kw_only=True):
    """The answer of a witness. `cosigned` is the time of its cosignature (RFC 3339), null if it gave none."""

    name: str
    vkey: str
    cosigned: str | None
    problem: str | None
    conflict: bool
    note: str | None


class RootKey(Struct, kw_only=True):
    """A log or an authority of a trusted root, and when it is trusted. `now`: it is trusted at this time."""

    url: str
    id: str
    key: str
    operator: str
    subject: str | UnsetType = UNSET
    start: str
    end: str | None
    trusted: str
    now: bool


class Tuf(Struct, kw_only=True):
    """The repository that a trusted root is from. `state`: why the copy is not to be relied on, or empty."""

    origin: str
    versions: dict[str, int]
    refreshed: str | None
    expires: str | None
    state: str | UnsetType = UNSET


class TrustedRootShown(Struct, kw_only=True):
    """The keys of a trusted root, each with the time in which it is trusted."""

    verdict: Class
    exit_code: ExitCode
    root: str
    sha256: Hex32
    transparency_logs: list[RootKey]
    certificate_logs: list[RootKey]
    certificate_authorities: list[RootKey]
    timestamp_authorities: list[RootKey]
    unusable: list[str]
    tuf: Tuf | UnsetType = UNSET


class Pin(Struct, kw_only=True):
    """A trusted root that a policy can pin; `path` is null if it went into a pipe, or came from a URL."""

    path: str | None
    sha256: Hex32


class ClaimedSigner(Struct, kw_only=True):
    """A signer that a release claims."""

    identity: str
    issuer: str


class ClaimedLog(Struct, kw_only=True):
    """A log that a release claims. `further_signatures`: names of lines under its checkpoint, unverified."""

    origin: str
    operator: str
    further_signatures: list[str]


class ClaimedRoot(Struct, kw_only=True):
    """A trusted root that a release carries. `groups`: its digest as people compare it. `instance`: the
    public instance in whose place it stands, which needs no comparing."""

    sha256: Hex32
    groups: list[str]
    instance: Literal["public", "staging"] | None


class ProposedPolicy(Struct, kw_only=True):
    """A policy for a release, and what the release claims. `compared` is false if nobody compared the digest
    of its trusted root. `path` is null if no file was written."""

    target: str
    ledger: LedgerName
    signers: list[ClaimedSigner]
    logs: list[ClaimedLog]
    trusted_roots: list[ClaimedRoot]
    compared: bool
    path: str | None
    policy: str


class DemoCommand(Struct, kw_only=True):
    """A command of the demo, the exit code that it must have, and the one that it had."""

    command: str
    expected: ExitCode
    exit_code: ExitCode


class Demo(Struct, kw_only=True):
    """The commands of `demo`, up to the first that did not do what it must. `folder` is null if it is
    gone."""

    verdict: Class
    exit_code: ExitCode
    folder: str | None
    commands: list[DemoCommand]


class TrustUpdate(Struct, kw_only=True):
    """The trusted root of a public instance after a refresh, and the digest of the one before."""

    verdict: Class
    exit_code: ExitCode
    sha256: Hex32
    before: Hex32 | None
    changed: bool
    tuf: Tuf


class Instance(Struct, kw_only=True):
    """An embedded instance. `init` and `export` print the members up to `note`; `export` adds `folder` and
    `size`, and `serve` the address and the files of this run."""

    origin: str
    identity: str
    issuer: str
    vkey: str
    trusted_root_sha256: Hex32
    independent: Literal[False]
    note: str
    home: str | UnsetType = UNSET
    folder: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    url: str | UnsetType = UNSET
    identity_token_file: str | UnsetType = UNSET
    mint_secret_file: str | UnsetType = UNSET
    trust_config: str | UnsetType = UNSET
    signing_config: str | UnsetType = UNSET
    trusted_root: str | UnsetType = UNSET


class Quorum(Struct, kw_only=True):
    """The quorum of the witnesses that cosigned. `wanted` is the rule in words."""

    met: bool
    wanted: str
    sentence: str


class NamedWitness(Struct, kw_only=True):
    """A witness of a log; `cosigned` is null if it has not cosigned the newest checkpoint."""

    name: str
    url: str | None
    vkey: str
    cosigned: str | None


class InstanceWitnesses(Struct, kw_only=True):
    """The witnesses of an embedded log, after the change that was asked for."""

    origin: str
    vkey: str
    size: int
    quorum: Quorum | None
    witnesses: list[NamedWitness]


class WitnessPolicyText(Struct, kw_only=True):
    """The policy in use, as a C2SP tlog-policy."""

    policy: str


class WitnessAnswers(Struct, kw_only=True):
    """The answers of the witnesses about a checkpoint of `size` entries."""

    size: int
    quorum: Quorum
    witnesses: list[WitnessAnswer]


class WitnessedLog(Struct, kw_only=True):
    """A log of a witness, with the tree that is held of it. `returned`: checkpoints that show a rollback."""

    origin: str
    listed: bool
    own: bool
    contact: str
    size: int | None
    root: Hex32 | None
    time: float | None
    refused: int
    returned: list[str]


class RaisedLog(Struct, kw_only=True):
    """A log whose held size was raised."""

    origin: str
    before: int
    after: int


class WitnessState(Struct, kw_only=True):
    """A witness. `show` adds its logs and evidence, `serve` the address and the number of logs, `restore` and
    `catch-up` the logs that were raised."""

    name: str
    home: str
    keys: list[str]
    logs: list[WitnessedLog] | int | UnsetType = UNSET
    evidence: list[str] | UnsetType = UNSET
    url: str | UnsetType = UNSET
    raised: list[RaisedLog] | UnsetType = UNSET


class Copied(Struct, kw_only=True):
    """The folder of a copy. That of a publisher's home has its ledgers, the origin and the size of its log
    (empty and 0 without one), and the number of files; `created` is RFC 3339."""

    folder: str
    created: str | UnsetType = UNSET
    ledgers: list[str] | UnsetType = UNSET
    origin: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    files: int | UnsetType = UNSET


class RestoredHome(Struct, kw_only=True):
    """A home that was made from a copy, and a line for each site that the copy was compared with."""

    home: str
    compared: list[str]
    created: str
    ledgers: list[str]
    origin: str
    size: int
    files: int


class AcceptedLog(Struct, kw_only=True):
    """A log that a witness accepts, and the file that names it."""

    origin: str
    keys: list[str]
    qpd: int
    contact: str
    source: str


class WitnessLogs(Struct, kw_only=True):
    """The logs that a witness accepts."""

    logs: list[AcceptedLog]

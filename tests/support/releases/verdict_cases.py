# SPDX-License-Identifier: Apache-2.0
"""Each class that a verdict about one release, bundle or receipt can have, for each command that prints one.

Releases, receipts and bundles that are checked in have their own times and keys. What is published here has
new ones in each run: `steady` writes them in one way, with the same number of characters.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from anchor.app import verify_receipt
from anchor.format import release as release_file
from anchor.monitor.cycle import Cycle
from anchor.verdict import Class
from tests.support.attacks.attacked import dump, log_of
from tests.support.forge.named import thief
from tests.support.process.anchor_cli import ROOT, anchor
from tests.support.releases import cosigned
from tests.support.releases.published import LEDGER, Site, published

VECTORS = ROOT / "tests" / "vectors"
RECEIPTS = ROOT / "tests" / "receipt_vectors"
WITHDRAWING = ("--release", "1.0.0", "--reason", "measured twice", "--kind", "withdrawn")

_HEX = re.compile(r"[0-9a-f]{16,}")
_SHORT = re.compile(r"\b[0-9a-f]{4}\.\.\.invalid")
_DATE = re.compile(r"\b[0-9]{2}(\s+)[A-Z][a-z]{2}(\s+)20[0-9]{2}(\s+)[0-9:]{8}(\s+)UTC")
_BYTES = re.compile(r"\b[0-9,]+ bytes")
_RFC3339 = re.compile(r"\b20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}")


@dataclass(frozen=True)
class Case:
    """A command, run in `cwd`, whose verdict has this class. `name` is that of its file."""

    name: str
    verdict: Class
    words: tuple[object, ...]
    cwd: Path
    before: Callable[[], object] | None = None
    """Makes the state in which it runs: the folders `state`, anew."""
    state: tuple[Path, ...] = ()
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    """A defect of the program, or of the machine, while it runs."""

    @contextmanager
    def ready(self) -> Iterator[None]:
        """The state in which the command runs, once. It is made the first time, and then it is copied."""
        saved = self.cwd / "saved" / self.name
        if saved.exists():
            for folder in self.state:
                shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(saved, self.cwd, dirs_exist_ok=True)
        elif self.before is not None:
            self.before()
            for folder in filter(Path.exists, self.state):
                shutil.copytree(folder, saved / folder.name)
        with self.around():
            yield


def steady(text: str, folder: Path) -> str:
    """The text with one and the same value for all digests, origins, times, numbers of bytes and `folder`."""
    text = text.replace(str(folder), "/folder")
    text = _HEX.sub(lambda found: ("0123456789abcdef" * 8)[: len(found[0])], text)
    text = _SHORT.sub("0123...invalid", text)
    text = _BYTES.sub(lambda found: re.sub("[0-9]", "0", found[0]), text)
    return _RFC3339.sub("2026-01-31T12:00:00", _DATE.sub(r"31\1Jan\g<2>2026\g<3>12:00:00\4UTC", text))


def all_cases(folder: Path) -> Iterator[Case]:
    """Every case. What they need is made in `folder`."""
    yield from of_releases(folder / "releases")
    yield from of_bundles(folder / "bundles")
    yield from of_receipts(folder / "receipts")
    yield from of_runs(folder / "runs")


# verify


def of_releases(folder: Path) -> Iterator[Case]:
    """`anchor verify` of release 1.0.0 of this repository, and of copies that were changed."""
    folder.mkdir(parents=True)

    def case(name: str, verdict: Class, *words: object, cwd: Path = folder) -> Case:
        return Case(f"verify-{name}", verdict, ("verify", *words), cwd)

    policy = ROOT / "release" / "policy.toml"
    own = _policy(folder / "own.toml")
    _copy(folder / "good")
    yield case("ok", Class.OK, "good", "--policy", policy)
    yield case("no-policy", Class.USAGE, "good")
    yield case("stale", Class.STALE, "good", "--policy", _policy(folder / "stale.toml", "min_number = 9"))
    yield case("pending", Class.PENDING, "good", "--policy", _policy(folder / "two.toml", "min_anchors = 2"))
    yield case("other-signer", Class.INVALID, "good", "--policy", _signer(own, folder / "other.toml"))
    changed = _copy(folder / "changed") / "ledger.md"
    changed.write_text(changed.read_text().replace("RNCP39391", "RNCP39397"))
    yield case("changed-fact", Class.INVALID, "changed", "--policy", policy)
    several = _copy(folder / "several") / "ledger.md"
    several.write_text(several.read_text().replace("RNCP", "RNCQ"))
    yield case("changed-facts", Class.INVALID, "several", "--policy", policy)
    (_copy(folder / "missing") / "ledger.md").unlink()
    yield case("unavailable", Class.UNAVAILABLE, "missing", "--policy", policy)
    later = _copy(folder / "later") / "release.json"
    later.write_text(
        later.read_text().replace("urn:ledger-anchor:release:v1", "urn:ledger-anchor:release:v9")
    )
    yield case("unsupported", Class.UNSUPPORTED, "later", "--policy", policy)
    (folder / "w").mkdir()
    site = published(folder / "w")
    ran = anchor("withdraw", site.root, *WITHDRAWING, "--home", site.home)
    assert ran.code == 0, ran
    yield case("withdrawn", Class.WITHDRAWN, "site", "--policy", site.policy, cwd=folder / "w")
    crossed = _crossed(folder / "e")
    given = ("site", "--policy", crossed.policy)
    yield case("two-statements", Class.EQUIVOCATION, *given, cwd=folder / "e")
    (folder / "b").mkdir()
    blind = _blind(folder / "b")
    yield case("confidential", Class.OK, "site", "--policy", blind.policy, cwd=folder / "b")


def two_statements(folder: Path) -> tuple[Site, Site]:
    """Two releases with one number, which one publisher signed."""
    first = published(folder)
    two = Site(folder / "two", first.home, folder / "two.toml")
    two.forget()
    assert two.publish(LEDGER.replace("| A | 1 |", "| A | 9 |")).code == 0
    two.policy.write_text(first.policy.read_text())
    return first, two


def _crossed(folder: Path) -> Site:
    """A release with the status of the other one beside it."""
    folder.mkdir()
    first, two = two_statements(folder)
    for site in (first, two):
        shutil.copytree(site.home, folder / f"{site.root.name}-home")
        ran = anchor("withdraw", site.root, *WITHDRAWING, "--home", folder / f"{site.root.name}-home")
        assert ran.code == 0, ran
    shutil.rmtree(first.root / "release" / "status")
    shutil.copytree(two.root / "release" / "status", first.root / "release" / "status")
    own, others = (release_file.load(site.release.read_bytes()) for site in (first, two))
    first.release.write_bytes(release_file.dump(release_file.with_status(own, others.status)))
    return first


def _copy(folder: Path) -> Path:
    shutil.copytree(ROOT / "release" / "1.0.0", folder)
    return folder


def _policy(path: Path, more: str = "") -> Path:
    root = (ROOT / "release" / "policy.toml").read_text().replace('path = "', f'path = "{ROOT}/release/')
    path.write_text(f"{more}\n{re.sub(r'^min_(?:anchors|number) = .*$', '', root, flags=re.MULTILINE)}")
    return path


def _signer(policy: Path, path: Path) -> Path:
    path.write_text(policy.read_text().replace("publisher@", "somebody@"))
    return path


def _blind(folder: Path) -> Site:
    site = Site(folder / "site", folder / "home", folder / "policy.toml")
    ran = site.publish(LEDGER, "1.0.0", "--blind")
    assert ran.code == 0, ran.err
    site.policy.write_text(ran.out)
    return site


# verify-bundle


def of_bundles(folder: Path) -> Iterator[Case]:
    """`anchor verify-bundle` of checked-in vectors."""
    folder.mkdir(parents=True)

    def case(name: str, verdict: Class, vector: str, *more: object, digest: bool = False) -> Case:
        source = VECTORS / vector
        shutil.copy(source / "bundle.sigstore.json", folder / f"{name}.json")
        who = json.loads((source / "case.json").read_text())
        flags: tuple[object, ...] = ("--key", source / "key.pub")
        if not (source / "key.pub").exists():
            flags = ("--certificate-identity", who["identity"], "--certificate-oidc-issuer", who["issuer"])
        own = source / "artifact"
        words = (f"{name}.json", *flags, "--trusted-root", VECTORS / "trusted_root.json")
        file = own if own.exists() else VECTORS / "artifact"
        named = f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}" if digest else file
        return Case(
            f"verify-bundle-{name}", verdict, ("verify-bundle", "--bundle", *words, *more, named), folder
        )

    yield case("ok", Class.OK, "v2-message")
    yield case("two-logs", Class.OK, "two-logs")
    yield case("managed-key", Class.OK, "managed-p256")
    yield case("other-file", Class.INVALID, "artifact-other_fail")
    yield case("other-signer", Class.INVALID, "identity-other_fail")
    yield case("unsupported", Class.UNSUPPORTED, "format-unknown-media-type_fail")
    yield case("digest", Class.USAGE, "managed-p384", digest=True)
    (folder / "witnesses").write_text(cosigned.named_by([cosigned.witness(1, b"", time=0)[0]], "1"))
    yield case("pending", Class.PENDING, "v2-message", "--tlog-policy", "witnesses")


# verify-receipt


def of_receipts(folder: Path) -> Iterator[Case]:
    """`anchor verify-receipt` of checked-in vectors."""
    folder.mkdir(parents=True)

    def case(
        name: str,
        verdict: Class,
        vector: str,
        *more: object,
        policy: str | None = "",
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Case:
        shutil.copy(RECEIPTS / vector / "receipt.json", folder / f"{name}.json")
        own = folder / f"{name}.toml"
        text = (RECEIPTS / vector / "policy.toml").read_text()
        own.write_text(f"{policy}\n{text.replace('../trusted_root', f'{RECEIPTS}/trusted_root')}")
        given = () if policy is None else ("--policy", own)
        words = ("verify-receipt", f"{name}.json", *given, *more)
        return Case(f"verify-receipt-{name}", verdict, words, folder, around=around)

    yield case("ok", Class.OK, "fact-0-of-7")
    yield case("all-of-a-key", Class.OK, "key-complete")
    yield case("absent", Class.OK, "absent-empty")
    yield case("confidential", Class.OK, "cells-one-shown")
    yield case("no-policy", Class.USAGE, "fact-0-of-7", policy=None)
    yield case("stale", Class.STALE, "fact-0-of-7", policy="min_number = 9")
    yield case("pending", Class.PENDING, "fact-0-of-7", policy="min_anchors = 2")
    yield case("unsupported", Class.UNSUPPORTED, "status-of-an-unknown-kind_fail")
    yield case("unavailable", Class.UNAVAILABLE, "fact-0-of-7", policy='max_age = "30d"', around=in_2020)
    yield case("changed-fact", Class.INVALID, "fact-edited_fail")
    yield case("withdrawn", Class.WITHDRAWN, "status-withdraws-the-fact_fail")
    yield case("other-statement", Class.EQUIVOCATION, "status-of-a-release-that-does-not-exist_fail")


class Year2020(datetime):
    """The time of a machine whose clock was never set."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Year2020":
        return cls(2020, 1, 1, tzinfo=tz)


@contextmanager
def in_2020() -> Iterator[None]:
    """A machine whose clock is years behind: nobody can tell how old a receipt is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(verify_receipt, "datetime", Year2020)
        yield


# reverify


def of_runs(folder: Path) -> Iterator[Case]:
    """`anchor reverify` of sites that were published here."""
    folder.mkdir(parents=True)
    first, two = two_statements(folder)

    def case(
        name: str,
        verdict: Class,
        change: Callable[[Path], object],
        *,
        more: str = "",
        demand: tuple[str, str] = ("", ""),
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> Case:
        place, home = folder / name, folder / f"{name}-home"
        policy = folder / f"{name}.toml"
        policy.write_text(f"{first.policy.read_text().replace(*demand)}{more}")
        given = ("--policy", policy, "--home", home.name)

        def before() -> None:
            shutil.rmtree(home, ignore_errors=True)
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(first.root, place)
            ran = anchor("reverify", name, *given, cwd=folder)
            assert ran.code in (0, verdict.exit_code), ran
            change(place)

        return Case(
            f"reverify-{name}", verdict, ("reverify", name, *given), folder, before, (home, place), around
        )

    def other_release(place: Path) -> None:
        shutil.rmtree(place)
        shutil.copytree(two.root, place)

    def changed(place: Path) -> None:
        ledger = place / "release" / "1.0.0" / "ledger.md"
        ledger.write_text(ledger.read_text().replace("| B | 2 |", "| B | 3 |"))

    def missing(place: Path) -> None:
        (place / "release" / "1.0.0" / "ledger.md").unlink()

    def later(place: Path) -> None:
        release = place / "release.json"
        release.write_text(release.read_text().replace("anchor:release:v1", "anchor:release:v9"))

    def withdrawn(place: Path) -> None:
        own = folder / "withdrawing-home"
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(first.home, own)
        ran = anchor("withdraw", place, *WITHDRAWING, "--home", own)
        assert ran.code == 0, ran

    def stolen(place: Path) -> None:
        (served,) = place.glob("release/log/*")
        dump(log_of(Site(place, first.home, first.policy)).append(thief(first.home).entry()), served)

    def nothing(_: Path) -> None:
        """The site as it was."""

    yield case("ok", Class.OK, nothing)
    yield case("changed-fact", Class.INVALID, changed)
    yield case("unavailable", Class.UNAVAILABLE, missing)
    yield case("stale", Class.STALE, nothing, demand=("min_number = 1", "min_number = 9"))
    yield case("pending", Class.PENDING, nothing, demand=("min_anchors = 1", "min_anchors = 2"))
    yield case("withdrawn", Class.WITHDRAWN, withdrawn)
    yield case("two-statements", Class.EQUIVOCATION, other_release)
    yield case("findings", Class.FINDINGS, stolen, more="\n[[watch]]\n")
    yield case("unsupported", Class.UNSUPPORTED, later)
    yield case("error", Class.ERROR, nothing, around=_without_logs)


@contextmanager
def _without_logs() -> Iterator[None]:
    """A program that leaves out the logs of a run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Cycle, "_follow_logs", lambda *_: None)
        yield

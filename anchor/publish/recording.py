# SPDX-License-Identifier: Apache-2.0
"""One statement, of a release, a status or a head, on its way into the logs of all instances.

Whatever a log or this home has of it already is used again: a statement gets one entry in each log.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from anchor.errors import AnchorError, Misuse, Unavailable
from anchor.format import history_head
from anchor.format import ledger_status as statuses
from anchor.format import statement as statements
from anchor.publish import head_guard, interrupted, release_json, statement_guard
from anchor.publish.anchoring import Anchoring, Document, Recorded
from anchor.publish.checks import Checks
from anchor.publish.instance import SigningInstance
from anchor.publish.journal import Journal
from anchor.publish.release_json import Anchored
from anchor.publish.signing_history import SignedStatements


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The signing stages of one publication. `abandon`: give up what cannot be completed any more."""

    document: Document
    home: Path
    checks: Checks
    say: Callable[[str], None]
    abandon: bool = False

    @property
    def signed(self) -> SignedStatements:
        """The list of the home."""
        return SignedStatements(self.home)

    def ask(self, instances: Sequence[SigningInstance]) -> None:
        """The checks before anything is signed: no statement of this home contradicts this one, and each
        signer is one of the release before. A new signer may come first, if one of those comes after it."""
        if instances:
            self._check_new()
        late = []
        for instance in instances:
            if self._journal(instance.name).signed() is None:
                try:
                    instance.identify()
                except Misuse:
                    late.append(instance)
        for instance in late:
            instance.identify()

    def _check_new(self) -> None:
        """Raise `Misuse` where the statement contradicts one that this home signed."""
        data = self.document.data
        if statuses.is_status(data):
            statement_guard.check_status(self.home, data)
        elif history_head.is_head(data):
            head_guard.check(self.home, data, self.document.before)
        else:
            statement_guard.check(self.home, statements.decode(data), self.document.digest)

    def kept(self, there: Set[str], only: Set[str] | None = None) -> list[Anchored]:
        """The bundles that this home published of this statement in another folder, verified again.

        There is then no second log entry. Those whose names are `there` are left out, and all but `only`.
        """
        data, found = self.document.data, []
        for name, bundle in self.signed.kept(data):
            if name in there or (only is not None and name not in only):
                continue
            root = self.signed.kept_root(data, name)
            try:
                report = self.checks.bundle(bundle, data, root)
            except AnchorError as e:
                raise e.at(f"{self.signed.folder(data)}: {name}") from None
            found.append(Anchored(path=name, bundle=bundle, report=report, root=root))
        if found:
            self.say(f"published before, in another folder: {', '.join(a.path for a in found)}")
        return found

    def anchor(
        self, instances: Mapping[str, SigningInstance], down: Sequence[Unavailable], *, others: bool
    ) -> tuple[list[Anchored], list[AnchorError]]:
        """The bundles that were recorded, and the errors of the other instances. A refusal by one log does
        not stop what another log has.

        `instances`: by the file names of their bundles. `others`: the statement has bundles already.
        """
        found: list[Anchored] = []
        errors: list[AnchorError] = list(down)
        for path, instance in instances.items():
            try:
                bundle, asked = self._record(instance)
                report = self.checks.bundle(bundle, self.document.data, instance.trusted_root)
            except AnchorError as e:
                statement_guard.drop_unsent(self.home)
                if not found and not others and not isinstance(e, Unavailable):
                    raise
                errors.append(e)
                self.say(str(e))
                continue
            root = instance.trusted_root
            found.append(Anchored(path=path, bundle=bundle, report=report, root=root, asked=asked))
        return found, errors

    def foreign(self, old: Sequence[Anchored]) -> set[str]:
        """The paths of bundles in place that somebody else put there: this home has kept others, and not
        these. Nothing is known if it has kept none. A damaged copy is kept again where it is whole."""
        kept = {name for name, _ in self.signed.kept(self.document.data)}
        return {one.path for one in old if kept and one.path not in kept}

    def keep(self, anchored: Sequence[Anchored]) -> None:
        """Keep copies of what this home signed, for other folders and in case the list is lost."""
        lines = statement_guard.binding(self.signed.lines())
        if any(one.statement == self.document.digest for one in lines):
            self.signed.keep(self.document.data, [(a.path, a.bundle, a.root) for a in anchored])

    def discard(self, paths: Sequence[str]) -> None:
        """Remove the journals of these bundles, which are in place. That of a log that is still missing
        stays: the log may have the entry."""
        for path in paths:
            Journal(self._journals / path).discard()

    @property
    def _journals(self) -> Path:
        return interrupted.journal_folder(self.home, self.document.data)

    def _journal(self, log: str) -> Journal:
        return Journal(self._journals / release_json.bundle_path(log))

    def _record(self, instance: SigningInstance) -> Recorded:
        journal, document = self._journal(instance.name), self.document
        if journal.sending() or journal.entry():
            statement_guard.sending(self.home, document.subject, document.digest, instance.name)
            journal.resume()
        return Anchoring(
            document=document,
            instance=instance,
            journal=journal,
            checks=self.checks,
            home=self.home,
            say=self.say,
            abandon=self.abandon,
        ).run()

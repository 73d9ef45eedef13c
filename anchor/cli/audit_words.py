# SPDX-License-Identifier: Apache-2.0
"""The words that each kind of verdict about more than one release has. `anchor.cli.audit_text` has them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from anchor.cli.terminal import Row, short_path
from anchor.verdict import Check, Class, Verdict


class Words(ABC):
    """The words of one kind of verdict. `decided`: the check that gave the class."""

    remedies: ClassVar[Mapping[Class, str]] = {}
    meanings: ClassVar[Mapping[Class, str]] = {}
    """Meanings that say more to a person than those of the checks."""

    @abstractmethod
    def good(self, verdict: Verdict) -> str:
        """The sentence, if all is OK."""

    @abstractmethod
    def rows(self, verdict: Verdict) -> Iterator[Row]:
        """Rows about the things that were looked at, of any class."""

    @abstractmethod
    def proven(self, verdict: Verdict) -> str:
        """The things that are proven; empty if nothing is."""

    @abstractmethod
    def not_proven(self, verdict: Verdict) -> str:
        """The things that are not."""

    def about(self, verdict: Verdict, decided: Check | None) -> str:
        """The subject of a refusal; empty if the fault says it."""
        del decided
        return short_path(verdict.target)

    @abstractmethod
    def fault(self, verdict: Verdict, decided: Check | None) -> str:
        """The fault in a few words; empty for those of the check and of the class."""

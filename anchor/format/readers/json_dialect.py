# SPDX-License-Identifier: Apache-2.0
"""The dialects of `json-v2` and `jsonl-v2`: the place of the facts. FORMAT.md sections 17.3 and 17.4."""

from anchor.format.facts import brief, check_columns
from anchor.format.readers.pointer import steps_of
from anchor.format.readers.reader import Dialect


class JsonLinesDialect(Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`at`: a JSON pointer to the fact inside the value of a line."""

    at: str = ""

    def check(self, *, where: str) -> None:
        steps_of(self.at, where=f"{where}: at")

    def described(self) -> tuple[str, ...]:
        return (f"the fact of a line at {brief(self.at)}",) if self.at else ()


class JsonDialect(Dialect, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`at`: a JSON pointer to the facts; `key_column`: the column for the names of the members there."""

    at: str = ""
    key_column: str | None = None

    def check(self, *, where: str) -> None:
        steps_of(self.at, where=f"{where}: at")
        if self.key_column is not None:
            check_columns([self.key_column], where=f"{where}: key_column")

    def described(self) -> tuple[str, ...]:
        said = [f"the facts at {brief(self.at)}"] if self.at else []
        if self.key_column is not None:
            said.append(f"names of members as column {brief(self.key_column)}")
        return tuple(said)

# SPDX-License-Identifier: Apache-2.0
"""Regular expressions that are compiled when they are first used.

There are dozens of them, and to compile one takes up to 2 ms. No command waits for those that it never uses.
"""

import re
from typing import Any, AnyStr, cast


class Expression:
    """Behaves like the compiled expression."""

    def __init__(self, pattern: Any, flags: int) -> None:
        self._given = (pattern, flags)

    def __getattr__(self, name: str) -> Any:
        """A member of the compiled expression. It is kept here, so that it is looked up only once."""
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found


def expression(pattern: AnyStr, flags: int = 0) -> "re.Pattern[AnyStr]":
    """As `re.compile`, at the first use of the result."""
    return cast("re.Pattern[AnyStr]", Expression(pattern, flags))

# SPDX-License-Identifier: Apache-2.0
"""How TesseraCT's POSIX server is built against tagged modules only.

Its go.mod asks for an untagged tessera commit that a module proxy may refuse. Only its main.go uses what that
commit adds (options of the antispam database), so these options are dropped from a copy, and with them the
OpenTelemetry export, which is an internal package. The log's own code is untouched.
"""

import re

NAME = "tesseract-posix"
MODULE = "github.com/transparency-dev/tesseract"
VERSION = "v0.1.2"

GO_MOD = """module build

go {go}

require (
	github.com/transparency-dev/tessera v1.0.4
	github.com/transparency-dev/tesseract v0.1.2
)

replace github.com/transparency-dev/formats => github.com/transparency-dev/formats v0.1.1
"""

_DROPPED = (
    (r"\t\tCompactionInterval:.*\n", ""),
    (r"(?s)\t\tBadgerOptions: func.*?\n\t\t\},\n", ""),
    (r"\tantispam(Compaction|NumComp|MemTable|BaseTable|Block|Index)\w+ += flag.*\n", ""),
    (r"(?s)\tantispam(Index|Block)CacheBytes, error := .*?\n\t}\n", ""),
    (r"\tshutdownOTel := .*\n\tdefer shutdownOTel.*\n", "\t_ = traceFraction\n"),
    (r'\t"github.com/dgraph-io/badger/v4.*\n', ""),
)


def without_untagged(main: str) -> str:
    """main.go without what only the untagged commit has."""
    for pattern, instead in _DROPPED:
        main = re.sub(pattern, instead, main)
    return main

# SPDX-License-Identifier: Apache-2.0
"""The classes of verdicts about proofs of runs, under heads that a forged Sigstore signed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from anchor.verdict import Class
from tests.support.forge.authorities import ISSUER, Leaf
from tests.support.forge.bundles import V2_DSSE
from tests.support.records.signed_history import a_year, policy
from tests.support.releases.verdict_cases import Case
from tests.support.second import history2

SECOND = "second@vectors.example"


def of_histories(folder: Path) -> Iterator[Case]:
    """`anchor verify-history` of honest and of dishonest proofs."""
    folder.mkdir(parents=True)
    policy(folder)

    def case(name: str, verdict: Class, *proofs: Sequence[bytes], own: str | None = "policy.toml") -> Case:
        names = [f"{name}-{number}.jsonl" for number in range(1, len(proofs) + 1)]
        for file, lines in zip(names, proofs, strict=True):
            (folder / file).write_bytes(history2.written(lines))
        given = () if own is None else ("--policy", own)
        return Case(f"verify-history-{name}", verdict, ("verify-history", *names, *given), folder)

    history = a_year(("OK", "OK", "UNAVAILABLE", "OK"))
    history.run("INVALID", target="https://mirror.example/release.json")
    history.add("records-pruned", runs=[[4, 5]], counts={"classes": {"OK": 2}})
    history.head()
    other = history.fork()
    for one, verdict in ((history, "INVALID"), (other, "OK")):
        one.run(verdict)
        one.head()
    whole = history.complete(1)
    yield case("ok", Class.OK, whole)
    yield case("between", Class.OK, history.complete(1, 0))
    yield case("single", Class.OK, history.single(4))
    yield case("several", Class.OK, whole, history.complete(2, 1))
    pruned = history.complete(2)
    yield case("pruned", Class.OK, [*pruned[:5], *map(history2.removed, pruned[5:7]), *pruned[7:]])
    yield case("withheld", Class.UNAVAILABLE, [*whole[:5], history2.removed(whole[5]), *whole[6:]])
    yield case("no-policy", Class.USAGE, whole, own=None)
    yield case("changed", Class.INVALID, [line.replace(b'"UNAVAILABLE"', b'"OK"') for line in whole])
    yield case(
        "another-signer", Class.INVALID, history.complete(1, None, V2_DSSE.but(leaf=Leaf(identity=SECOND)))
    )
    later = [whole[0].replace(b"history-proof:v1", b"history-proof:v9"), *whole[1:]]
    yield case("unsupported", Class.UNSUPPORTED, later)
    yield case("two-histories", Class.EQUIVOCATION, history.complete(3, 1), other.complete(3, 1))
    (folder / "two").mkdir()
    policy(folder / "two", more="min_anchors = 2\n")
    yield case("pending", Class.PENDING, whole, own="two/policy.toml")
    (folder / "both").mkdir()
    both = policy(folder / "both")
    both.write_text(f'{both.read_text()}[[signer]]\nidentity = "{SECOND}"\nissuer = "{ISSUER}"\n')
    theirs = other.complete(3, 1, V2_DSSE.but(leaf=Leaf(identity=SECOND)))
    yield case("two-signers", Class.FINDINGS, history.complete(3, 1), theirs, own="both/policy.toml")

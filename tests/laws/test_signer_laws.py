# SPDX-License-Identifier: Apache-2.0
"""The number of signers, compared with every way to give each identity a signer of its own."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from anchor.verify.policy import Policy, Signer
from anchor.verify.policy_checks import count_signers
from anchor.verify.report import BundleReport
from tests.support.process.sampled import examples

ISSUERS = ("https://one.example", "https://two.example")
NAMES = ("a@x", "A@x", "b@x", "c@x", "\uff41@x")
EXPRESSIONS = ("a@x", "[ab]@x", ".*", "(?i:a)@x", "c@.")

SIGNERS = st.lists(
    st.builds(
        lambda issuer, name, regex: (
            Signer(issuer=issuer, identity_regex=name) if regex else Signer(issuer=issuer, identity=name)
        ),
        st.sampled_from(ISSUERS),
        st.sampled_from(EXPRESSIONS),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)
SIGNED = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(ISSUERS)), max_size=5)


def folded(name: str) -> str:
    """These names as the rule compares them (FORMAT.md section 10), by a table."""
    return {"A@x": "a@x", "\uff41@x": "a@x"}.get(name, name)


def by_trying(signed: list[tuple[str, str]], signers: list[Signer]) -> int:
    """The most identities that get different signers, over all orders in which the signers are handed out."""
    people = sorted({folded(name) for name, _ in signed})

    def fits(person: str, signer: Signer) -> bool:
        return any(folded(name) == person and signer.accepts(name, issuer) for name, issuer in signed)

    places: list[int | None] = [*range(len(signers)), *[None] * len(people)]
    orders = {order[: len(people)] for order in permutations(places, min(len(people), len(places)))}
    return max(
        sum(place is not None and fits(p, signers[place]) for p, place in zip(people, order, strict=False))
        for order in orders
    )


@examples(200, given(SIGNED, SIGNERS))
def test_it_is_the_most_that_can_be_told_apart(signed: list[tuple[str, str]], signers: list[Signer]) -> None:
    policy = Policy(ledger="l", signers=tuple(signers), min_signers=2)
    bundles = [BundleReport(checks=(), identity=name, issuer=issuer) for name, issuer in signed]
    accepted = [b for b in bundles if any(s.accepts(b.identity, b.issuer) for s in signers)]
    found = count_signers(bundles, policy)
    assert found == by_trying(signed, signers)
    assert found == count_signers(accepted, policy) == count_signers(bundles[::-1], policy)
    assert found <= min(len(signers), len({folded(name) for name, _ in signed}))

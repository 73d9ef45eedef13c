# SPDX-License-Identifier: Apache-2.0
"""The part of a policy that names whole logs: what is read, and which mistake is refused by its name."""

import pytest

from anchor.errors import Misuse
from anchor.verify import policy
from anchor.verify.policy import LogWatch, Signer, parse_policy

SMALLEST = (
    'ledger = "facts"\n{}\n[[signer]]\nidentity = "me@example.org"\nissuer = "https://issuer.example"\n'
)
FULL = (
    SMALLEST.format(f'explained = ["{"ab" * 32}", "{"cd" * 32}"]')
    + """
[[watch]]
log = "log.example"
from = 48211
requests = 50

[[watch]]

[[watched_identity]]
identity_regex = 'ci@.*'
issuer = "https://ci.example"
trusted_root = "public"
"""
)


def test_what_is_watched() -> None:
    found = parse_policy(FULL.encode())
    assert found.watches == (LogWatch(origin="log.example", first=48211, requests=50), LogWatch())
    assert found.watches[1].requests == policy.REQUESTS
    assert found.watched_identities == (
        Signer(identity_regex="ci@.*", issuer="https://ci.example", trusted_roots=("public",)),
    )
    assert found.explained == {"ab" * 32, "cd" * 32}
    assert [s.identity for s in found.signers] == ["me@example.org"]  # a watched identity signs nothing


def test_nothing_is_watched_by_default() -> None:
    found = parse_policy(SMALLEST.format("").encode())
    assert (found.watches, found.watched_identities, found.explained) == ((), (), frozenset())


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('log = "log.example"', 'log = ""', "watch 1: log"),
        ('log = "log.example"', "log = 7", "watch 1: log"),
        ('log = "log.example"', 'origin = "log.example"', "unknown key 'origin'"),
        ('log = "log.example"\nfrom = 48211', "", "two tables without log"),
        (
            "[[watch]]\n\n[[watched",
            '[[watch]]\nlog = "log.example"\n[[watched',
            "two tables for 'log.example'",
        ),
        ("from = 48211", "from = -1", "watch 1: from"),
        ("from = 48211", 'from = "now"', "watch 1: from"),
        ("requests = 50", "requests = 0", "watch 1: requests"),
        ("requests = 50", "requests = 1000001", "from 1 to 1000000"),
        ("identity_regex = 'ci@.*'", "", "watched_identity 1"),
        ("identity_regex = 'ci@.*'", "identity_regex = '('", "watched_identity 1"),
        ('issuer = "https://ci.example"', "", "watched_identity 1: issuer"),
        ('"public"', '"staging"', "watched_identity 1: trusted_root"),
        ("ab" * 32, "AB" * 32, "explained"),
        ("ab" * 32, "sha256:" + "ab" * 32, "explained"),
        (f'["{"ab" * 32}", "{"cd" * 32}"]', '"all"', "explained"),
        ("[[watch]]", "[watch]", "watch"),
    ],
)
def test_a_mistake_is_refused_by_its_name(old: str, new: str, named: str) -> None:
    text = FULL.replace(old, new, 2 if old == "[[watch]]" else 1)
    assert text != FULL
    if old == "[[watch]]":
        text = text.replace("\n[watch]\n\n[[watched", "\n[[watched")
    with pytest.raises(Misuse, match=r"my\.toml") as caught:
        parse_policy(text.encode(), "my.toml")
    assert named in str(caught.value)


@pytest.mark.parametrize("key", ["explained", "watched_identity"])
def test_what_has_no_use_without_a_watch_is_refused(key: str) -> None:
    text = FULL.split("\n[[watch]]")[0]
    if key == "watched_identity":
        text = SMALLEST.format("") + "[[watched_identity]]\nidentity = 'a'\nissuer = 'b'\n"
    with pytest.raises(Misuse, match=f"{key}: is used only with"):
        parse_policy(text.encode(), "my.toml")


def test_a_policy_explains_a_bounded_number() -> None:
    many = ", ".join(f'"{n:064x}"' for n in range(policy.MAX_EXPLAINED + 1))
    with pytest.raises(Misuse, match="explained"):
        parse_policy((SMALLEST.format(f"explained = [{many}]") + "[[watch]]\n").encode(), "my.toml")

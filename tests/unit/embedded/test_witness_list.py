# SPDX-License-Identifier: Apache-2.0
"""The list of witnesses: the commands read again what they write, and edit nothing else."""

import pytest

from anchor.embedded import witness_list
from anchor.embedded.witness_list import WitnessList
from anchor.errors import AnchorError, Misuse
from anchor.limits import WITNESSES
from anchor.tlog import witness_policy
from anchor.tlog.keys import Algorithm, VerifierKey, parse_vkey
from tests.support.servers.witness_server import Witness

OWN = Witness("log.example")
LOG = VerifierKey("log.example", Algorithm.ED25519, OWN.private.public_key().public_bytes_raw())
EMPTY = WitnessList(LOG)
KEYS = [Witness(f"w{i}.example").vkey for i in range(4)]


def listed(count: int, rule: str = "none") -> WitnessList:
    found = EMPTY
    for number, vkey in enumerate(KEYS[:count]):
        found = found.added(f"https://w{number}.example", vkey, "")
    return found.with_rule(rule)


def test_what_is_written_is_read_again_whatever_was_done() -> None:
    for count in range(4):
        for rule in ("none", "any", "all", *map(str, range(1, count + 1))):
            try:
                text = listed(count, rule).text()
            except Misuse:
                assert (count, rule != "none") == (0, True)
                continue
            found = witness_list.read(text, LOG)
            assert found == listed(count, rule)
            assert found.text() == text
            policy = witness_policy.parse(text)
            wanted = {"none": None, "any": 1, "all": count}.get(rule, None if rule == "none" else rule)
            assert (policy.groups[0].threshold if policy.groups else None) == (wanted and int(wanted))


def test_all_and_any_stay_and_a_number_stays_when_the_list_grows() -> None:
    for rule, threshold in (("all", 3), ("any", 1), ("2", 2)):
        grown = listed(2, rule).added("https://w2.example", KEYS[2], "third")
        policy = witness_policy.parse(grown.text())
        assert (policy.groups[0].threshold, grown.rule) == (threshold, rule)
        shrunk = witness_list.read(grown.text(), LOG).removed("third")
        assert shrunk.text() == listed(2, rule).text()


def test_a_witness_is_removed_by_the_name_of_its_key_too() -> None:
    named = EMPTY.added("https://w0.example", KEYS[0], "mine")
    assert named.removed("mine") == named.removed("w0.example") == EMPTY


@pytest.mark.parametrize("name", ["#a", "ä", "a/b", "group", "quorum", "x" * 200, "—", "2-of"])
def test_odd_names_are_names(name: str) -> None:
    found = EMPTY.added("https://w0.example", KEYS[0], name).with_rule("all")
    assert witness_list.read(found.text(), LOG) == found


@pytest.mark.parametrize(
    "name",
    ["all", "any", "none", "2", "2-of-3", "a b", "a\tb", "a\nb", "\u2028", "\u00a0", "a\x00", "\u202e"],
)
def test_names_that_would_mean_something_else_are_refused(name: str) -> None:
    with pytest.raises(Misuse, match="cannot name"):
        EMPTY.added("https://w0.example", KEYS[0], name)


def test_a_log_key_is_not_a_witness_in_either_form() -> None:
    for vkey in (LOG.vkey, OWN.vkey):
        with pytest.raises(Misuse, match="the log itself"):
            EMPTY.added("https://w.example", vkey, "")
    other = VerifierKey("other.example", Algorithm.ED25519, parse_vkey(KEYS[0]).public_key)
    with pytest.raises(Misuse, match="signs no cosignatures"):
        EMPTY.added("https://w.example", other.vkey, "")


def test_there_is_a_most_of_them() -> None:
    found = EMPTY
    for number in range(WITNESSES):
        found = found.added(f"https://m{number}.example", Witness(f"m{number}.example").vkey, "")
    with pytest.raises(Misuse, match=f"more than {WITNESSES}"):
        found.added("https://last.example", KEYS[0], "")


@pytest.mark.parametrize(
    "text",
    [
        "quorum none\n",
        "witness a {0} https://a.example\nquorum a\n",
        "log {log}\nwitness a {0} https://a.example\nquorum none\n# mine\n",
        "witness a {0} https://a.example\nwitness b {1} https://b.example\ngroup g any a b\nquorum g\n",
        "log {log}\nwitness  a {0} https://a.example\nquorum none\n",
    ],
)
def test_a_policy_of_a_person_counts_and_is_not_edited(text: str) -> None:
    data = text.format(*KEYS, log=LOG.vkey).encode()
    witness_list.parse(data, LOG)
    with pytest.raises(Misuse, match="written by a person"):
        witness_list.read(data, LOG)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no quorum line"),
        ("quorum none", "cut off"),
        ("log {log}x\nquorum none\n", "witness policy line 1"),
        ("log other.example+{other}\nquorum none\n", "names other logs"),
        ("witness a {0} http://a.example\nquorum none\n", "only https"),
        ("witness a {0} https://me:x@a.example\nquorum none\n", "user name or password"),
        (
            "witness a {0} https://a.example\nwitness b {0} https://b.example\nquorum none\n",
            "a second witness",
        ),
        (
            "witness a {0} https://a.example\nwitness b {1} https://a.example/\ngroup g all a b\nquorum g\n",
            "count twice",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(text: str, problem: str) -> None:
    other = Witness("other.example")
    key = VerifierKey("other.example", Algorithm.ED25519, other.private.public_key().public_bytes_raw())
    data = text.format(*KEYS, log=LOG.vkey, other=key.vkey.partition("+")[2]).encode()
    with pytest.raises(AnchorError, match=problem):
        witness_list.parse(data, LOG)


def test_two_keys_of_one_operator_are_alternatives_or_not_counted() -> None:
    two = f"witness a {KEYS[0]} https://a.example\nwitness b {KEYS[1]} https://a.example/\n"
    witness_list.parse(f"{two}quorum none\n".encode(), LOG)
    witness_list.parse(f"{two}group g any a b\nquorum g\n".encode(), LOG)
    third = f"witness c {KEYS[2]} https://c.example\n"
    nested = f"{two}{third}group op 1 a b\ngroup g all op c\nquorum g\n"
    witness_list.parse(nested.encode(), LOG)

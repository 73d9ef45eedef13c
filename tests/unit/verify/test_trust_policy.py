# SPDX-License-Identifier: Apache-2.0
"""Trust policies: what a policy.toml says, and that a mistake in one is named instead of guessed around."""

import subprocess
import sys
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor.errors import Misuse
from anchor.verify.policy import (
    MAX_REGEX,
    LogSource,
    LogWitnesses,
    Policy,
    RootSource,
    Signer,
    duration,
    parse_policy,
)

DIGEST = "ab" * 32
SMALLEST = b'ledger = "facts"\n[[signer]]\nidentity = "me@example.org"\nissuer = "https://issuer.example"\n'
FULL = f"""
ledger = "facts"
min_number = 7
min_anchors = 2
min_signers = 2
tlog_policy = "witnesses.policy"
max_age = "30d"
max_root_age = "12h"
max_run_age = "90m"
trusted_root = ["public", "staging", {{path = "root.json", sha256 = "{DIGEST}"}}]

[[signer]]
identity = "me@example.org"
issuer = "https://issuer.example"
trusted_root = "root.json"

[[signer]]
identity_regex = "https://github\\\\.com/org/.*"
issuer = "https://token.example"
trusted_root = ["public", "staging"]

[[log]]
origin = "log.example"
url = "https://log.example/api/v2"

[[log]]
origin = "log.example"
folder = "copies/log"
tlog_policy = "log.policy"

[[log]]
origin = "other.example"
tlog_policy = "other.policy"
""".encode()


def test_every_key_of_the_design_is_read() -> None:
    assert parse_policy(FULL) == Policy(
        ledger="facts",
        signers=(
            Signer(identity="me@example.org", issuer="https://issuer.example", trusted_roots=("root.json",)),
            Signer(
                identity_regex=r"https://github\.com/org/.*",
                issuer="https://token.example",
                trusted_roots=("public", "staging"),
            ),
        ),
        trusted_roots=(
            RootSource(name="public"),
            RootSource(name="staging"),
            RootSource(path="root.json", sha256=bytes.fromhex(DIGEST)),
        ),
        min_number=7,
        min_anchors=2,
        min_signers=2,
        tlog_policy="witnesses.policy",
        max_age=timedelta(days=30),
        max_root_age=timedelta(hours=12),
        max_run_age=timedelta(minutes=90),
        logs=(
            LogSource(origin="log.example", url="https://log.example/api/v2"),
            LogSource(origin="log.example", folder="copies/log"),
        ),
        log_witnesses=(
            LogWitnesses(origin="log.example", tlog_policy="log.policy"),
            LogWitnesses(origin="other.example", tlog_policy="other.policy"),
        ),
    )


def test_what_is_left_out_has_the_strict_default() -> None:
    found = parse_policy(SMALLEST)
    assert found.trusted_roots == (RootSource(name="public"),)
    assert (found.min_number, found.min_anchors, found.min_signers) == (1, 1, 1)
    assert (found.max_age, found.logs, found.log_witnesses) == (None, (), ())


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('ledger = "facts"', 'ledgr = "facts"', "ledgr"),
        ('ledger = "facts"', "", "ledger"),
        ('ledger = "facts"', 'ledger = ""', "ledger"),
        ('ledger = "facts"', "ledger = 1", "ledger"),
        ("min_number = 7", "min_number = 0", "min_number"),
        ("min_number = 7", "min_number = true", "min_number"),
        ("min_anchors = 2", 'min_anchors = "2"', "min_anchors"),
        ("min_anchors = 2", "min_anchors = -1", "min_anchors"),
        ("min_anchors = 2", "min_anchor = 2", "min_anchor"),
        ("min_signers = 2", "min_signers = 3", "min_signers"),
        ("min_signers = 2", "min_signers = 0", "min_signers"),
        ("min_signers = 2", "min_signer = 2", "min_signer"),
        ('"other.policy"', "1", "log 3: tlog_policy"),
        ('tlog_policy = "other.policy"', 'tlog_polices = "x"', "tlog_polices"),
        ('tlog_policy = "other.policy"', "", "log 3"),
        ('origin = "other.example"', "", "log 3: origin"),
        ('origin = "other.example"', 'origin = "log.example"', "log 3: tlog_policy"),
        ('max_age = "30d"', "max_age = 30", "max_age"),
        ('max_age = "30d"', 'max_age = "30"', "max_age"),
        ('max_age = "30d"', 'max_age = "0d"', "max_age"),
        ('max_age = "30d"', 'max_age = "-1d"', "max_age"),
        ('max_age = "30d"', 'max_age = "1d12h"', "max_age"),
        ('max_age = "30d"', 'max_age = "999999999w"', "max_age"),
        ('["public", "staging"', '["production", "staging"', "trusted_root 1"),
        ('trusted_root = ["public", "staging", {path', 'trusted_root = [{pth = "x", path', "pth"),
        (DIGEST, DIGEST.upper(), "sha256"),
        (DIGEST, "ab", "sha256"),
        ('identity = "me@example.org"', "", "signer 1"),
        ('identity = "me@example.org"', 'identity = "a"\nidentity_regex = "b"', "signer 1"),
        ('identity = "me@example.org"', 'identity = ["a"]', "signer 1: identity"),
        ('issuer = "https://issuer.example"', "", "signer 1: issuer"),
        ('issuer = "https://issuer.example"', 'isuer = "x"', "isuer"),
        ("https://github\\\\.com/org/.*", "(", "signer 2"),
        ('trusted_root = "root.json"', 'trusted_root = "other.json"', "signer 1: trusted_root"),
        ('trusted_root = "root.json"', "trusted_root = []", "signer 1: trusted_root"),
        ('trusted_root = "root.json"', 'trusted_root = ["public", 7]', "signer 1: trusted_root"),
        ('trusted_root = "root.json"', "", "signer 1: trusted_root"),
        ('trusted_root = ["public", "staging"]', "", "signer 2: trusted_root"),
        ('origin = "log.example"\nurl', "url", "log 1: origin"),
        ('url = "https://log.example/api/v2"', "", "log 1"),
        ('url = "https://log.example/api/v2"', 'url = "ftp://x"', "log 1: url"),
        ('folder = "copies/log"', 'folder = "x"\nurl = "https://y"', "log 2"),
        ("[[log]]", "[log]", "log"),
    ],
)
def test_a_mistake_is_refused_by_its_name(old: str, new: str, named: str) -> None:
    text = FULL.decode().replace(old, new, 1)
    if old == "[[log]]":
        text = (
            text.split('origin = "log.example"\nfolder')[0]
            .removesuffix("[[log]]\n\n")
            .removesuffix("[[log]]\n")
        )
    assert text != FULL.decode()
    with pytest.raises(Misuse) as caught:
        parse_policy(text.encode(), "my.toml")
    assert named in str(caught.value)
    assert str(caught.value).startswith("my.toml")


@pytest.mark.parametrize(
    ("text", "roots"),
    [('"public"', ("public",)), ('["root.json", "staging"]', ("root.json", "staging"))],
)
def test_a_signer_may_be_tied_to_some_of_the_trusted_roots(text: str, roots: tuple[str, ...]) -> None:
    policy = parse_policy(
        FULL.decode()
        .replace("min_signers = 2", "")
        .replace('trusted_root = "root.json"', f"trusted_root = {text}")
        .replace('trusted_root = ["public", "staging"]\n', "")
        .encode()
    )
    tied, free = policy.signers
    assert tied.trusted_roots == roots
    assert {r.label for r in policy.trusted_roots if tied.under(r.label)} == set(roots)
    assert all(free.under(r.label) for r in policy.trusted_roots)


@pytest.mark.parametrize(
    "data", [b"", b"ledger", b"\xff", b"ledger = 'x'", b"a = " + b"[" * 100_000, b"x" * (2 << 20)]
)
def test_what_is_no_policy_is_refused(data: bytes) -> None:
    with pytest.raises(Misuse):
        parse_policy(data)


def test_a_policy_without_signers_accepts_nobody_and_is_refused() -> None:
    with pytest.raises(Misuse, match="signer"):
        parse_policy(b'ledger = "facts"\n')


@pytest.mark.parametrize(
    "identity", ["me@example.org", "ME@example.org", "me@example.orgx", "xme@example.org", ""]
)
def test_an_identity_is_matched_exactly(identity: str) -> None:
    signer = Signer(identity="me@example.org", issuer="https://i")
    assert signer.accepts(identity, "https://i") == (identity == "me@example.org")
    assert not signer.accepts(identity, "https://i/")


@pytest.mark.parametrize("identity", ["evil.example/a@b", "a@b\n", "a@bc", " a@b"])
def test_a_regular_expression_is_matched_whole(identity: str) -> None:
    signer = Signer(identity_regex="a@b", issuer="i")
    assert signer.accepts("a@b", "i")
    assert not signer.accepts(identity, "i")
    assert not signer.accepts("a@b", "j")


@pytest.mark.parametrize(
    ("pattern", "identity"),
    [
        (r"(a+)+", "a" * 2000 + "!"),
        (r"(a|a?)+b", "a" * 2048),
        (r"([a-z]+)*@x", "a" * 2048),
        ("(.?){900}x", "é" * 2048),
    ],
)
def test_no_identity_makes_an_expression_run_for_long(pattern: str, identity: str) -> None:
    """A stranger chose the identity. A matcher that backtracks would never end with some of these."""
    signer = Signer(identity_regex=pattern, issuer="i")
    began = time.process_time()
    assert not signer.accepts(identity, "i")
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=x)a",
        "(?!x).*",
        "(?<=x)a",
        r"(a)\1",
        "(?P<n>a)(?P=n)",
        "(",
        "a{1001}",
        "a*+",
        "\ud800",
        "(?:\\pL{9}){99}",
    ],
)
def test_what_re2_does_not_take_is_the_authors_mistake_with_its_reason(pattern: str) -> None:
    with pytest.raises(Misuse) as caught:
        Signer(identity_regex=pattern, issuer="i")
    assert caught.value.problem.startswith("not a regular expression of RE2: ")
    assert "no look-ahead, no look-behind and no back-references" in caught.value.remedy


def test_the_reason_and_the_remedy_reach_whoever_wrote_the_policy() -> None:
    text = b"ledger = 'x'\n[[signer]]\nissuer = 'i'\nidentity_regex = '(?=x)a'\n"
    with pytest.raises(Misuse) as caught:
        parse_policy(text, "my.toml")
    said = "my.toml: signer 1: not a regular expression of RE2: invalid perl operator: (?=; write it as RE2"
    assert str(caught.value).startswith(said)


def test_an_expression_is_bounded_in_length() -> None:
    assert Signer(identity_regex="a" * MAX_REGEX, issuer="i").accepts("a" * MAX_REGEX, "i")
    with pytest.raises(Misuse, match=f"{MAX_REGEX + 1} characters, more than {MAX_REGEX}"):
        Signer(identity_regex="a" * (MAX_REGEX + 1), issuer="i")


@pytest.mark.parametrize("pattern", [r"\w+", r"\d+", r"[[:alnum:]]+"])
def test_classes_of_characters_are_those_of_ascii(pattern: str) -> None:
    signer = Signer(identity_regex=pattern, issuer="i")
    assert signer.accepts("12", "i")
    assert not signer.accepts("١٢", "i")
    assert not signer.accepts("é", "i")
    assert not Signer(identity_regex=r"\s", issuer="i").accepts("\u2003", "i")
    assert Signer(identity_regex=".", issuer="i").accepts("é", "i")
    assert not Signer(identity_regex=".*", issuer="i").accepts("\ud800", "i")


def test_nothing_of_re2_reaches_stderr() -> None:
    """It logs by itself what it does not take, and where it runs out of memory as it matches."""
    code = """
from anchor.errors import Misuse
from anchor.verify.policy import Signer
for pattern in ("(", "(?=x)", r"(?:\\pL{9}){99}", "(?:.?){333}" * 8):
    try:
        print(Signer(identity_regex=pattern, issuer="i").accepts("ab" * 1024, "i"))
    except Misuse as e:
        print(e)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) == 4
    assert ran.stdout.splitlines()[3] == "True"


def test_an_overlong_identity_is_not_matched_at_all() -> None:
    assert not Signer(identity_regex=".*", issuer="i").accepts("a" * 5000, "i")


@given(st.text(max_size=8))
def test_a_duration_is_a_number_and_a_unit_or_nothing(text: str) -> None:
    try:
        found = duration(text)
    except Misuse:
        return
    assert found > timedelta()
    assert text[:-1].isdigit()
    assert text[-1] in "smhdw"


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    with pytest.raises(Misuse):
        parse_policy(data)

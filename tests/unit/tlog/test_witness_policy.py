# SPDX-License-Identifier: Apache-2.0
"""Witness policies and quorums (C2SP tlog-policy)."""

import time

import pytest

from anchor.errors import Misuse, Refused, Unsupported
from anchor.tlog import note, witness_policy
from anchor.tlog.keys import Algorithm, VerifierKey
from tests.support.logs.simlog import SimLog, key

NOW = 1_800_000_000


def vkey(name: str, seed: int, algorithm: Algorithm = Algorithm.COSIGNATURE_V1) -> str:
    return VerifierKey(name, algorithm, key(seed).public_key().public_bytes_raw()).vkey


LOG_LINE = f"log {SimLog().key.vkey}\n"
WITNESSES = {
    name: vkey(f"{name}.example", 10 + i) for i, name in enumerate(("X1", "X2", "X3", "Y1", "Y2", "Y3"))
}
EXAMPLE = (
    LOG_LINE
    + "".join(f"witness {n} {k}\n" for n, k in WITNESSES.items())
    + "group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n"
    + "group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
)


def parse(text: str) -> witness_policy.WitnessPolicy:
    return witness_policy.parse(text.encode())


def cosigned(*names: str, at: int = NOW, log: SimLog | None = None) -> bytes:
    log = log or SimLog().grow(5)
    order = list(WITNESSES)
    log.cosigners = [(f"{n}.example", key(10 + order.index(n)), at) for n in names]
    return log.sign()


def met(text: str, *names: str, at: int = NOW) -> bool:
    return witness_policy.evaluate(parse(text), note.parse(cosigned(*names, at=at)), now=NOW).met


# -- quorums ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), False),
        (("X1",), False),
        (("X1", "X2"), False),
        (("X1", "X2", "X3"), False),
        (("X1", "Y1"), False),
        (("Y1", "Y2", "Y3"), False),
        (("X1", "X2", "Y3"), True),
        (("X3", "X2", "Y1"), True),
        (("X1", "X2", "X3", "Y1", "Y2", "Y3"), True),
    ],
)
def test_the_specifications_two_level_example(names: tuple[str, ...], wanted: bool) -> None:
    assert met(EXAMPLE, *names) is wanted


def test_one_witness_signing_twice_counts_once() -> None:
    raw = cosigned("X1")
    line = note.parse(raw).signatures[1]
    twice = note.add(raw, note.line(line.name, line.key_id, line.payload))
    found = witness_policy.evaluate(
        parse(EXAMPLE.replace("quorum X-and-Y", "quorum X-witnesses")), note.parse(twice), now=NOW
    )
    assert not found.met
    assert [c.witness for c in found.cosigned] == ["X1"]


def test_quorum_none_asks_for_nothing_and_reports_all() -> None:
    text = EXAMPLE.replace("quorum X-and-Y", "quorum none")
    found = witness_policy.evaluate(parse(text), note.parse(cosigned("X1", "Y2", at=7)), now=NOW)
    assert found.met
    assert [(c.witness, c.time, c.key.name) for c in found.cosigned] == [
        ("X1", 7, "X1.example"),
        ("Y2", 7, "Y2.example"),
    ]
    assert "X1 at 7" in found.sentence
    assert met("quorum none\n")


def test_a_quorum_may_be_one_witness() -> None:
    text = f"witness w {WITNESSES['X1']}\nquorum w\n"
    assert met(text, "X1")
    assert not met(text, "X2")


def test_a_cosignature_from_the_future_does_not_count() -> None:
    text = f"witness w {WITNESSES['X1']}\nquorum w\n"
    assert met(text, "X1", at=NOW + witness_policy.FUTURE)
    assert not met(text, "X1", at=NOW + witness_policy.FUTURE + 1)
    found = witness_policy.evaluate(parse(text), note.parse(cosigned("X1", at=NOW + 9_999)), now=NOW)
    assert "(future)" in found.sentence


def test_a_known_witness_whose_cosignature_fails_refuses_the_note() -> None:
    raw = cosigned("X1", "X2", "Y1")
    line = note.parse(raw).signatures[1]
    wrong = note.line(line.name, line.key_id, bytes(72))
    broken = note.parse(raw.replace(note.line(line.name, line.key_id, line.payload), wrong))
    with pytest.raises(Refused):
        witness_policy.evaluate(parse(EXAMPLE), broken, now=NOW)


def test_a_witness_of_another_name_or_key_is_not_counted() -> None:
    stranger = SimLog().grow(5)
    stranger.cosigners = [("X1.example", key(99), NOW), ("stranger", key(10), NOW)]
    found = witness_policy.evaluate(parse(EXAMPLE), note.parse(stranger.sign()), now=NOW)
    assert (found.met, found.cosigned) == (False, ())
    assert "nobody known" in found.sentence


def test_a_cosignature_of_another_checkpoint_refuses_the_note() -> None:
    moved = note.parse(cosigned("X1")).signatures[1]
    raw = note.add(SimLog().grow(6).sign(), note.line(moved.name, moved.key_id, moved.payload))
    with pytest.raises(Refused):
        witness_policy.evaluate(parse(EXAMPLE), note.parse(raw), now=NOW)


def test_the_key_of_a_log_is_no_witness_of_it() -> None:
    """The same key as a cosigner: whoever runs the log could sign as often as he likes."""
    log = SimLog().grow(5)
    raw = log.key.public_key
    own = VerifierKey("w.example", Algorithm.COSIGNATURE_V1, raw)
    log.cosigners = [("w.example", log.private, NOW), ("X1.example", key(10), NOW)]
    signed = note.parse(log.sign())
    text = f"witness w {own.vkey}\nwitness X1 {WITNESSES['X1']}\ngroup g 2 w X1\nquorum g\n"
    alone = witness_policy.evaluate(parse(text), signed, now=NOW)
    assert alone.met, "nothing says that it is the log's key"
    for policy, log_keys in ((parse(f"log {log.key.vkey}\n{text}"), ()), (parse(text), {raw})):
        found = witness_policy.evaluate(policy, signed, now=NOW, log_keys=log_keys)
        assert not found.met
        assert [c.witness for c in found.counted] == ["X1"]
        assert "a log's own key" in found.sentence
    with pytest.raises(Refused, match="not met"):
        witness_policy.verify(parse(text), log.sign(), now=NOW, logs=[log.log])


def test_the_whole_check_needs_a_log_of_the_policy_and_the_quorum() -> None:
    parsed = parse(EXAMPLE)
    found, quorum = witness_policy.verify(parsed, cosigned("X1", "X2", "Y1"), now=NOW)
    assert (found.size, quorum.met) == (5, True)
    for raw in (
        cosigned("X1", "X2"),
        cosigned("X1", "X2", "Y1", log=SimLog(seed=2).grow(5)),
        cosigned("X1", "X2", "Y1", log=SimLog(origin="other").grow(5)),
        cosigned("X1", "X2", "Y1", log=SimLog(name="other").grow(5)),
        b"",
    ):
        with pytest.raises(Refused):
            witness_policy.verify(parsed, raw, now=NOW)
    assert witness_policy.verify(parsed, cosigned("X1", "X2", "Y1"), now=NOW, logs=[SimLog().log])
    with pytest.raises(Refused):
        witness_policy.verify(parsed, cosigned("X1", "X2", "Y1"), now=NOW, logs=[SimLog(seed=2).log])


def test_either_of_two_keys_of_one_origin_may_sign() -> None:
    both = LOG_LINE + f"log {SimLog(seed=2).key.vkey}\nquorum none\n"
    for seed in (1, 2):
        assert witness_policy.verify(parse(both), SimLog(seed=seed).grow(3).sign(), now=NOW)[0].size == 3


# -- the file -----------------------------------------------------------------------------------------------


def test_blanks_comments_urls_and_octets_are_read() -> None:
    text = (
        f"# comment \u00e9\n \t\n\t # more\n\tlog\t \t{SimLog().key.vkey}   https://log.example/ \n"
        f"witness  \u212a {WITNESSES['X1']} https://w.example\n quorum\t\u212a\t\n"
    )
    parsed = parse(text)
    assert parsed.logs[0].url == "https://log.example/"
    assert parsed.witnesses[0].url == "https://w.example"
    assert parsed.quorum == "\u212a".encode()
    octets = witness_policy.parse(
        f"witness \udcff {WITNESSES['X1']}\nquorum \udcff\n".encode(errors="surrogateescape")
    )
    assert octets.quorum == b"\xff"


def test_names_are_octets_and_not_folded() -> None:
    with pytest.raises(Misuse, match="not defined"):
        parse(f"witness \u212a {WITNESSES['X1']}\nquorum K\n")
    with pytest.raises(Misuse, match="not defined"):
        parse(f"witness k {WITNESSES['X1']}\nquorum K\n")


W = "".join(f"witness {n} {k}\n" for n, k in WITNESSES.items())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# only a comment\n",
        W,
        "quorum none",
        "quorum none\nquorum none\n",
        "quorum\n",
        "quorum none none\n",
        "quorum nobody\n",
        W + "quorum X9\n",
        "quorum X1\n" + W,
        "QUORUM none\n",
        "Quorum none\n",
        "quorum None\n",
        "quorum none # no trailing comments\n",
        "quorum none\r\n",
        "quorum none\n\0",
        "quorum\u00a0none\n",
        "quorum\vnone\n",
        "quorum none\n\x7f\n",
        "log\nquorum none\n",
        "log x\nquorum none\n",
        LOG_LINE + LOG_LINE + "quorum none\n",
        LOG_LINE[:-1] + " url more\nquorum none\n",
        LOG_LINE.replace("+", "++") + "quorum none\n",
        f"log {vkey('a', 1)}\nquorum none\n",  # a witness's key type
        f"log {vkey('a', 1, Algorithm.ED25519)}\nlog {vkey('b', 1, Algorithm.ED25519)}\nquorum none\n",
        f"witness w {vkey('a', 1, Algorithm.ED25519)}\nquorum none\n",  # a log's key type
        f"witness w {vkey('a', 1)}\nwitness v {vkey('b', 1)}\nquorum none\n",  # one key under two names
        f"witness w {vkey('a', 1)}\nwitness w {vkey('b', 2)}\nquorum none\n",
        f"witness none {vkey('a', 1)}\nquorum none\n",
        "witness w\nquorum none\n",
        f"witness w {vkey('a', 1)} url more\nquorum none\n",
        W + "group g\nquorum none\n",
        W + "group g any\nquorum none\n",
        W + "group none any X1\nquorum none\n",
        W + "group X1 any X2\nquorum none\n",
        W + "group g 0 X1\nquorum none\n",
        W + "group g 2 X1\nquorum none\n",
        W + "group g 01 X1\nquorum none\n",
        W + "group g -1 X1\nquorum none\n",
        W + "group g +1 X1\nquorum none\n",
        W + "group g 1.0 X1\nquorum none\n",
        W + "group g ALL X1\nquorum none\n",
        W + "group g " + "9" * 1_000 + " X1\nquorum none\n",
        W + "group g any X1 X1\nquorum none\n",
        W + "group g any none\nquorum none\n",
        W + "group g any g\nquorum none\n",
        W + "group g any h\ngroup h any X1\nquorum none\n",
        W + "group g any X1\ngroup h any X1\nquorum none\n",
        W + "group g any X1\ngroup h any g\ngroup i any g\nquorum none\n",
        W + "group g any X1\ngroup g any X2\nquorum none\n",
        "group g any X1\n" + W + "quorum none\n",
        "mirror m x\nquorum none\n",
    ],
)
def test_a_policy_that_is_not_exact_is_misuse(text: str) -> None:
    with pytest.raises(Misuse):
        parse(text)


def test_the_error_names_the_line() -> None:
    with pytest.raises(Misuse) as caught:
        parse("# one\n\nquorum nobody\n")
    assert caught.value.where == "witness policy line 3"


def test_a_key_type_that_is_not_known_is_unsupported() -> None:
    with pytest.raises(Unsupported) as caught:
        parse("\nlog a+00000000+/2tra2tra2s=\nquorum none\n")
    assert caught.value.where.startswith("witness policy line 2")


def test_a_cut_file_is_not_a_weaker_policy() -> None:
    data = EXAMPLE.encode()
    for end in range(len(data)):
        with pytest.raises((Misuse, Unsupported)):
            witness_policy.parse(data[:end])


def test_hundreds_of_each_are_supported_and_floods_are_refused() -> None:
    many = "".join(f"log {vkey(f'l{i}', 1_000 + i, Algorithm.ED25519)}\n" for i in range(64))
    many += "".join(f"witness w{i} {vkey(f'w{i}', i + 1)}\n" for i in range(64))
    many += "".join(f"group g{i} any w{i}\n" for i in range(64))
    assert len(parse(many + "quorum g3\n").groups) == 64
    start = time.process_time()
    for flood in ("x\n" * 500_000, "\n" * (2 << 20), "group g any" + " a" * 500_000 + "\n"):
        with pytest.raises(Misuse):
            parse(flood)
    chain = f"witness w {vkey('w', 1)}\ngroup g0 any w\n"
    chain += "".join(f"group g{i} any g{i - 1}\n" for i in range(1, 2_000))
    with pytest.raises(Misuse, match="more than"):
        parse(chain + "quorum none\n")
    assert time.process_time() - start < 5

# SPDX-License-Identifier: Apache-2.0
"""Witness quorums, from the command line: cosignatures on a checkpoint counted by ourselves."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor.embedded import key_files
from anchor.format.schemas import schemas
from anchor.log_kinds.embedded import ALONE
from anchor.tlog import cosignature, note
from anchor.tlog.keys import VerifierKey
from tests.support.process.anchor_cli import Ran
from tests.support.releases.cosigned import checkpoint, cosigned, named_by, private
from tests.support.releases.cosigned import witness as of_witness
from tests.support.releases.policies import found, judged, signer, signers
from tests.support.releases.published import NAME, Site, published

NOW = int(datetime.now(UTC).timestamp())
DAY = 86400
SCHEMA = json.loads(schemas()["verdict.schema.json"])


def witness(number: int, text: bytes, *, time: int = NOW, name: str = "") -> tuple[VerifierKey, bytes]:
    """As `cosigned.witness`, now."""
    return of_witness(number, text, time=time, name=name)


def quorum(site: Site, keys: list[VerifierKey], rule: str, *, log: str | None = None) -> Ran:
    """The release under a policy with these witnesses in one group."""
    (vkey,) = site.root.glob("release/log/*/vkey")
    path = site.policy.with_name("witnesses.policy")
    path.write_text(f"log {log or vkey.read_text().strip()}\n{named_by(keys, rule)}")
    return judged(site, f"tlog_policy = 'witnesses.policy'\n{signers(signer(site))}", "--json")


def of_log(site: Site, text: str, *, general: str = "", origin: str = "") -> Ran:
    """The release under a policy with a tlog-policy of this text for its log, and one for all others."""
    site.policy.with_name("own.policy").write_text(text)
    head = ""
    if general:
        site.policy.with_name("general.policy").write_text(general)
        head = "tlog_policy = 'general.policy'\n"
    table = f"[[log]]\norigin = '{origin or log_of(site)}'\ntlog_policy = 'own.policy'\n"
    return judged(site, f"{head}{signers(signer(site))}{table}", "--json")


def another(folder: Path) -> Site:
    """Another publisher, with a log of his own."""
    (folder / "other").mkdir()
    return published(folder / "other")


def log_of(site: Site) -> str:
    return str(site.value["anchors"][0]["log"]["origin"])


def weight(ran: Ran) -> dict[str, Any]:
    """The independence of the one anchor that counts; the notes agree with it."""
    jsonschema.Draft202012Validator(SCHEMA).validate(ran.document)
    (anchor,) = ran.document["facts"]["anchors"]
    assert anchor["independence"].keys() == SCHEMA["$defs"]["LogIndependence"]["properties"].keys()
    told = [note for note in ran.document["notes"] if note.startswith(f"log {anchor['origin']}: ")]
    assert len(told) == 1
    assert anchor["independence"]["words"] in told[0]
    assert (ALONE in told[0]) is not anchor["independent"]
    assert anchor["independent"] is anchor["independence"]["witnessed"], "the log is embedded"
    return dict(anchor["independence"])


def test_a_quorum_that_cosigned_passes_and_is_told(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, line2), (three, _) = (witness(i, text) for i in (1, 2, 3))
    cosigned(site, line1, line2)
    ran = quorum(site, [one, two, three], "2")
    assert ran.code == 0, ran.out
    detail = found(ran, "witnesses")["detail"]
    assert "met" in detail
    assert f"n0 at {NOW}" in detail
    assert "n2" not in detail
    told = weight(ran)
    assert told["words"] == "run by the publisher, witnessed by 2 of 3 (n0, n1)"
    assert (told["operator"], told["named"], told["quorum"]) == ("publisher", 3, "g")
    assert [w["key"] for w in told["witnesses"]] == ["w1.example", "w2.example"]
    assert ALONE not in ran.out


def test_too_few_cosignatures_are_pending(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, _) = (witness(i, text) for i in (1, 2))
    assert quorum(site, [one, two], "1").code == 5, "nobody cosigned"
    cosigned(site, line1)
    assert quorum(site, [one, two], "1").code == 0
    ran = quorum(site, [one, two], "2")
    assert ran.code == 5
    assert found(ran, "witnesses")["state"] == "unknown"
    assert "not met" in found(ran, "witnesses")["detail"]
    assert "witnessed by 1 of 2 (n0), fewer than the quorum g" in ran.out
    assert ALONE in ran.out


def test_a_witness_is_not_counted_twice(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, _) = (witness(i, text) for i in (1, 2))
    _, again = witness(1, text, time=NOW - 5)
    cosigned(site, line1, again)
    assert quorum(site, [one, two], "2").code == 5


def test_one_key_under_two_names_is_no_policy(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    other, _ = witness(1, text, name="other.example")
    assert quorum(site, [one, other], "2").code == 2


def test_a_cosignature_that_does_not_verify_is_invalid(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    _, forged = witness(1, text.replace(b"\n1\n", b"\n2\n"))
    cosigned(site, forged)
    ran = quorum(site, [one], "1")
    assert ran.code == 8
    assert "does not verify" in found(ran, "witnesses")["detail"]
    assert found(ran, "witnesses")["meaning"]


def test_a_cosignature_from_the_future_does_not_count(site: Site) -> None:
    one, line = witness(1, note.parse(checkpoint(site)).text, time=NOW + DAY)
    cosigned(site, line)
    ran = quorum(site, [one], "1")
    assert ran.code == 5
    assert "future" in found(ran, "witnesses")["detail"]


def test_a_stranger_under_a_witnesss_name_does_not_count(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    one, _ = witness(1, text)
    _, stranger = witness(2, text, name="w1.example")
    cosigned(site, stranger)
    assert quorum(site, [one], "1").code == 5


def test_quorum_none_demands_nothing_and_still_says_who_cosigned(site: Site) -> None:
    one, line = witness(1, note.parse(checkpoint(site)).text)
    cosigned(site, line)
    ran = quorum(site, [one], "none")
    assert ran.code == 0
    assert f"n0 at {NOW}" in found(ran, "witnesses")["detail"]
    assert weight(ran)["words"].endswith("witnessed by 1 of 1 (n0), and no quorum is demanded")
    assert ALONE in ran.out


def test_a_log_of_the_witness_policy_must_be_in_the_trusted_root(site: Site) -> None:
    one, _ = witness(1, note.parse(checkpoint(site)).text)
    key = VerifierKey("log.example", note.Algorithm.ED25519, private(3).public_key().public_bytes_raw())
    ran = quorum(site, [one], "1", log=key.vkey)
    assert ran.code == 2
    assert "log.example is not in the trusted root" in ran.err + ran.out


def test_another_key_for_the_logs_origin_is_not_the_logs(site: Site) -> None:
    """A policy that names the origin with another key: the checkpoint is not what it accepts."""
    origin = site.value["anchors"][0]["log"]["origin"]
    one, line = witness(1, note.parse(checkpoint(site)).text)
    cosigned(site, line)
    key = VerifierKey(origin, note.Algorithm.ED25519, private(3).public_key().public_bytes_raw())
    for ran in (
        quorum(site, [one], "1", log=key.vkey),
        of_log(site, f"log {key.vkey}\n{named_by([one], '1')}"),
    ):
        assert ran.code == 2
        assert f"the log {origin} has another key in the trusted root" in ran.err


@pytest.mark.parametrize(
    "text", ["", "quorum none", "quorum g\n", "witness a b\nquorum none\n", "nonsense\n", "\x01\n"]
)
def test_a_witness_policy_that_is_none_is_usage_and_named(site: Site, text: str) -> None:
    site.policy.with_name("witnesses.policy").write_text(text)
    ran = judged(site, f"tlog_policy = 'witnesses.policy'\n{signers(signer(site))}")
    assert ran.code == 2
    assert "witnesses.policy" in ran.line
    ran = judged(site, f"tlog_policy = 'absent'\n{signers(signer(site))}")
    assert (ran.code, ran.line.count("absent")) == (2, 1), ran.line


def test_without_a_witness_policy_cosignatures_are_nobodys(site: Site) -> None:
    """Lines under a checkpoint that no policy of the verifier names are not counted, and not named."""
    _, line = witness(1, note.parse(checkpoint(site)).text)
    cosigned(site, line)
    ran = judged(site, signers(signer(site)), "--json")
    assert ran.code == 0
    told = weight(ran)
    assert told["words"] == "run by the publisher, witnesses not counted: no policy of yours names any"
    assert (told["witnesses"], told["named"], told["quorum"]) == ([], None, None)
    assert "w1.example" not in ran.out


def test_a_log_has_a_quorum_of_its_own_that_goes_before_the_general_one(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, _) = (witness(i, text) for i in (1, 2))
    cosigned(site, line1)
    (vkey,) = site.root.glob("release/log/*/vkey")
    log = f"log {vkey.read_text().strip()}\n"
    strict, mild = named_by([one, two], "2"), named_by([one], "1")
    assert of_log(site, mild, general=log + strict).code == 0
    assert weight(of_log(site, log + mild, general=log + strict))["named"] == 1
    assert of_log(site, strict, general=log + mild).code == 5
    assert of_log(site, strict).code == 5
    none = of_log(site, "quorum none\n", general=log + strict)
    assert none.code == 0
    assert ALONE in none.out


def test_a_general_policy_without_log_lines_is_about_each_log_of_the_trusted_root(site: Site) -> None:
    (one, line1), (two, _) = (witness(i, note.parse(checkpoint(site)).text) for i in (1, 2))
    cosigned(site, line1)
    path = site.policy.with_name("witnesses.policy")
    for rule, code in (("1", 0), ("2", 5), ("none", 0)):
        path.write_text(named_by([one, two], rule))
        ran = judged(site, f"tlog_policy = 'witnesses.policy'\n{signers(signer(site))}", "--json")
        assert ran.code == code, rule
        assert (ALONE in ran.out) is (rule != "1")


def test_the_policy_of_another_log_demands_nothing_of_this_one(site: Site, tmp_path: Path) -> None:
    """It must be a log that the verifier trusts: a misspelt origin would demand nothing of anybody."""
    one, _ = witness(1, b"")
    for origin in ("rekor.example", log_of(site).upper(), f"{log_of(site)} "):
        ran = of_log(site, named_by([one], "1"), origin=origin)
        assert ran.code == 2
        assert "this log is not in the trusted root" in ran.err
    other = another(tmp_path)
    root = other.path("trusted_root")
    table = f"[[log]]\norigin = '{log_of(other)}'\ntlog_policy = 'own.policy'\n"
    roots = f"trusted_root = [{{root}}, {{path = '{root}'}}]\nledger = '{NAME}'\n"
    site.policy.with_name("own.policy").write_text(named_by([one], "1"))
    ran = judged(site, f"{roots}{signers(signer(site))}{table}", "--json")
    assert ran.code == 0
    assert ALONE in ran.out
    (vkey,) = other.root.glob("release/log/*/vkey")
    site.policy.with_name("own.policy").write_text(f"log {vkey.read_text()}{named_by([one], '1')}")
    assert judged(site, f"{roots}{signers(signer(site))}{table}").code == 0
    ran = of_log(site, f"log {vkey.read_text()}{named_by([one], '1')}")
    assert ran.code == 2
    assert f"names other logs than {log_of(site)}" in ran.err


def test_two_keys_of_one_operator_do_not_make_a_quorum_of_two(site: Site) -> None:
    """A witness of ours has two keys of one name as a rule."""
    text = note.parse(checkpoint(site)).text
    one, line1 = witness(1, text, name="w.example")
    other, line2 = witness(2, text, name="w.example")
    third, line3 = witness(3, text)
    cosigned(site, line1, line2, line3)
    lines = named_by([one, other, third], "any").partition("group")[0]
    for group, code in (
        ("group g 2 n0 n1\nquorum g\n", 2),
        ("group g 2 n0 n1 n2\nquorum g\n", 2),
        ("group a any n0 n2\ngroup g all a n1\nquorum g\n", 2),
        ("group a any n0 n1\ngroup g all a n2\nquorum g\n", 0),
        ("group g all n0 n2\nquorum g\n", 0),
        ("quorum n0\n", 0),
        ("quorum none\n", 0),
    ):
        ran = of_log(site, lines + group)
        assert ran.code == code, group
        assert ("keys of one operator, who would count twice" in ran.err) is bool(code), group
    urls = named_by([witness(1, text)[0], third], "all").replace("\n", " https://w.example/\n", 2)
    assert of_log(site, urls.replace(".example/\n", ".example\n", 1)).code == 2


def move_log(site: Site, port: str) -> None:
    """Give the log a URL with a port, in the trusted root of the release and in release.json."""
    path = site.path("trusted_root")
    value = json.loads(path.read_bytes())
    value["tlogs"][0]["baseUrl"] += port
    path.write_text(json.dumps(value))
    data, release = path.read_bytes(), site.value
    release["trusted_root"] |= {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    for anchor in release["anchors"]:
        anchor["log"]["url"] += port
    site.release.write_bytes(json.dumps(release, ensure_ascii=False, indent=2).encode() + b"\n")


def test_a_log_does_not_choose_its_policy_by_the_name_under_which_it_signs(site: Site) -> None:
    """A log may sign under its host alone, or with the port: a policy for one name holds for both."""
    one, line = witness(1, note.parse(checkpoint(site)).text)
    move_log(site, ":3000")
    mild = named_by([one], "1")
    assert of_log(site, mild).code == 5
    ran = of_log(site, mild, origin=f"{log_of(site)}:3000")
    assert ran.code == 5
    assert f"the witness policy does not name the log {log_of(site)}" in ran.out
    cosigned(site, line)
    assert of_log(site, mild, origin=f"{log_of(site)}:3000").code == 5
    assert of_log(site, mild).code == 0


def test_the_logs_own_key_is_no_witness(site: Site) -> None:
    """The publisher cosigns with the key of his log, under another name."""
    home = key_files.read_key(site.home / "instance" / "keys" / "log.pem")
    assert isinstance(home, Ed25519PrivateKey)
    key, payload = cosignature.cosign(note.parse(checkpoint(site)).text, "w.example", home, NOW)
    cosigned(site, note.line("w.example", key.key_id, payload))
    for ran in (quorum(site, [key], "1"), of_log(site, named_by([key], "1"))):
        assert ran.code == 2
        assert "the witness n0 has the key of the log" in ran.err


def test_a_cosignature_of_another_log_or_size_is_invalid_and_makes_nothing_independent(
    site: Site, tmp_path: Path
) -> None:
    own, other = checkpoint(site), checkpoint(another(tmp_path))
    one, _ = witness(1, b"")
    grown = note.parse(own).text.replace(b"\n1\n", b"\n7\n")
    for text in (note.parse(other).text, grown):
        copy = site.copy(tmp_path / hashlib.sha256(text).hexdigest())
        _, replayed = witness(1, text)
        cosigned(copy, replayed)
        ran = quorum(copy, [one], "1")
        assert ran.code == 8
        assert "witnesses not counted: see the check witnesses" in ran.out
        assert ALONE in ran.out


def test_a_policy_that_was_made_stricter_asks_again(site: Site) -> None:
    """Cosignatures that were enough are PENDING under a stricter policy, and OK again under a milder one."""
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, line2), (three, _) = (witness(i, text) for i in (1, 2, 3))
    cosigned(site, line1, line2)
    for rule, code in (("1", 0), ("3", 5), ("2", 0), ("all", 5), ("any", 0)):
        ran = quorum(site, [one, two, three], rule)
        assert ran.code == code, rule
        assert (ALONE in ran.out) is (code != 0)


def test_groups_of_groups_count_each_witness_in_its_place(site: Site) -> None:
    text = note.parse(checkpoint(site)).text
    (one, line1), (two, line2), (three, line3) = (witness(i, text) for i in (1, 2, 3))
    names = "".join(f"witness n{i} {key.vkey}\n" for i, key in enumerate((one, two, three)))
    rule = "group a any n0 n1\ngroup b all n2\ngroup g all a b\nquorum g\n"
    cosigned(site, line1, line2)
    pending = of_log(site, names + rule)
    assert pending.code == 5, "two of one group are not one of each"
    assert "witnessed by 2 of 3 (n0, n1), fewer than the quorum g" in pending.out
    cosigned(site, line3)
    assert weight(of_log(site, names + rule))["words"].endswith("witnessed by 3 of 3 (n0, n1, n2)")

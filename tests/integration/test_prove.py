# SPDX-License-Identifier: Apache-2.0
"""Receipts as a user makes and verifies them: `anchor prove` and `anchor verify-receipt`."""

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zxingcpp

from anchor.app import prove as app
from anchor.app import prove_all
from anchor.app.fact_code import draw
from anchor.signing.reference_client import second_opinion
from tests.support.process.anchor_cli import ROOT, Ran, anchor, says
from tests.support.releases.published import NAME, Site, published, published_file, snapshot
from tests.support.second import receipts2
from tests.support.servers.folder_server import FolderServer
from tests.support.servers.loopback import running

RELEASE = ROOT / "release/1.0.0/release.json"
POLICY = ("--policy", ROOT / "release/policy.toml")
BUNDLES = sum(p.stat().st_size for p in (ROOT / "release/1.0.0").glob("*.sigstore.json"))
LEAVES = [
    line.removesuffix(",") for line in (ROOT / "release/1.0.0/ledger.json").read_text().split("\n")[1:-2]
]
LABELS = ("A", "a", "B", "b", "C\\|D", "x", "É")
ROWS = "".join(f"| {label} | {i} |\n" for i, label in enumerate(LABELS))
LEDGER = f"| Label | Value |\n|---|---|\n{ROWS}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return published(tmp_path_factory.mktemp("site"), LEDGER)


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A release of version 2: JSON with null and absent values."""
    data = b'[{"id":"a","n":null},{"id":"b"},{"id":"c","n":[1]}]'
    return published_file(tmp_path_factory.mktemp("second"), "facts.json", data)


def verified(receipt: Path, *words: object) -> Ran:
    return anchor("verify-receipt", "-v", receipt, *words)


def test_one_fact_of_the_release_of_this_repository(tmp_path: Path) -> None:
    file = tmp_path / "fact.json"
    made = anchor("prove", RELEASE, "--fact", 37, "-o", file, *POLICY)
    assert made.code == 0, made.err
    assert "fact 37 of 681 in openclassrooms-sovereign-ledger 1.0.0" in made.err
    assert f"anchor verify-receipt {file} --policy POLICY" in made.err
    ran = verified(file, *POLICY)
    assert (ran.code, ran.err) == (0, "")
    for line in (
        "fact 37 of 681 stands in openclassrooms-sovereign-ledger 1.0.0",
        "fact 37      label: ",
        'label: "Condition for Mission Referent',
        "signed by    publisher@e561...invalid, accepted by your policy",
        "time         22 Nov 2026 03:05:38 UTC, at the latest",
        "recorded in  e561...invalid, entry 0, run by the publisher",
        "not known whether this was withdrawn since",
        "no independent evidence",
    ):
        assert line in ran.out
    assert ran.out.endswith(f"OK: {file}\n")
    shown = verified(file, *POLICY, "--json").document
    assert (shown["kind"], shown["verdict"]) == ("receipt", "OK")
    assert shown["facts"]["facts"][0]["fact"] == json.loads(LEAVES[37])


def test_another_client_verifies_the_bundles_of_a_receipt() -> None:
    """They are in it as they are, so any Sigstore client can take them out."""
    receipt = json.loads(anchor("prove", RELEASE, "--fact", 37).out)
    release = ROOT / "release/1.0.0"
    (signed,) = json.loads((release / "release.json").read_bytes())["anchors"]
    root = (release / "trusted_root.json").read_bytes()
    (bundle,) = receipt["bundles"]
    payload = second_opinion(json.dumps(bundle).encode(), root, signed["identity"], signed["issuer"])
    assert payload == (release / "statement.json").read_bytes()


def test_a_receipt_is_as_small_as_it_may_be(tmp_path: Path) -> None:
    """At most the bundles, 4 kB, the fact and its proof."""
    longest = max(range(681), key=lambda i: len(LEAVES[i]))
    for index in (0, longest, 680):
        anchor("prove", RELEASE, "--fact", index, "-o", tmp_path / "fact.json")
        data = (tmp_path / "fact.json").read_bytes()
        proof = json.loads(data)["proof"]
        assert len(data) <= BUNDLES + 4096 + len(LEAVES[index].encode()) + len(json.dumps(proof))
        assert receipts2.check(data)["tree"]["size"] == 681


def test_several_facts_have_one_receipt(tmp_path: Path) -> None:
    made = anchor("prove", RELEASE, "--fact", 3, "--fact", 680, "--fact", 3)
    assert made.code == 0
    assert [f["index"] for f in json.loads(made.out)["facts"]] == [3, 680]
    (tmp_path / "two.json").write_text(made.out)
    ran = verified(tmp_path / "two.json", *POLICY)
    assert ran.code == 0
    assert "these 2 facts of 681 stand in" in ran.out
    assert "\n  fact 3       label: " in ran.out
    assert "\n  fact 680     label: " in ran.out


def test_a_label_of_fourteen_facts_is_ambiguous(tmp_path: Path) -> None:
    wanted = ("prove", RELEASE, "--where", "label=RNCP Code")
    ran = anchor(*wanted, "-o", tmp_path / "none.json")
    says(ran, 10, "14 facts have label='RNCP Code'")
    lines = ran.out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"fact {i}" for i in range(103, 117)]
    assert '"value": "RNCP39391"' in lines[0]
    shown = anchor(*wanted, "--json", "-o", tmp_path / "none.json")
    assert (shown.code, shown.document["verdict"], shown.document["facts"]) == (10, "NOT-FOUND", 14)
    assert [m["index"] for m in shown.document["matches"]] == list(range(103, 117))
    assert not list(tmp_path.iterdir())
    one = anchor(*wanted, "--where", "value=RNCP39391", "-o", tmp_path / "one.json")
    assert one.code == 0
    assert "fact 103 of 681 stands in" in verified(tmp_path / "one.json", *POLICY).out
    every = anchor(*wanted, "--all-matches", "-o", tmp_path / "all.json")
    assert every.code == 0
    facts = json.loads((tmp_path / "all.json").read_bytes())["facts"]
    assert [f["index"] for f in facts] == list(range(103, 117))
    assert verified(tmp_path / "all.json", *POLICY).out.count('label: "RNCP Code"') == 14


def test_a_fact_that_is_not_there_is_not_found(site: Site) -> None:
    says(anchor("prove", site.release, "--where", "label=Z"), 10, "no fact has label='Z'")
    says(anchor("prove", site.release, "--where", "label=Z", "--all-matches"), 10, "values are exact")
    says(anchor("prove", site.release, "--fact", 7), 10, "the ledger has facts 0 to 6")
    says(anchor("prove", site.release, "--where", "name=A"), 2, "the columns are 'label', 'value'")
    says(anchor("prove", site.release, "--where", "label"), 2, "column=value")
    for label, index in (("A", 0), ("a", 1), ("C|D", 4), ("É", 6)):
        made = anchor("prove", site.release, "--where", f"label={label}", "--json", "-o", os.devnull)
        assert [f["index"] for f in made.document["facts"]] == [index]


def test_facts_that_only_look_like_the_one_are_listed(site: Site) -> None:
    """The ledger of this repository has labels that differ in case alone."""
    ran = anchor("prove", RELEASE, "--where", "label=company AMBITION")
    says(ran, 10, "take the exact value of one of these")
    assert ran.out.startswith('similar: fact 1: {"label": "Company Ambition"')
    shown = anchor("prove", RELEASE, "--where", "label=company AMBITION", "--json", "-o", os.devnull).document
    assert (shown["matches"], [f["index"] for f in shown["similar"]]) == ([], [1])
    decomposed = anchor("prove", site.release, "--where", "label=E\u0301", "--where", "value= 6")
    assert decomposed.out.startswith("similar: fact 6:")


def test_facts_of_version_2_have_receipts(second: Site, tmp_path: Path) -> None:
    for index, line in ((0, "n: null"), (1, 'id: "b"'), (2, 'n: "[1]"')):
        made = anchor(
            "prove", second.release, "--fact", index, "-o", tmp_path / "f.json", "--policy", second.policy
        )
        assert made.code == 0, made.err
        ran = verified(tmp_path / "f.json", "--policy", second.policy)
        assert ran.code == 0, ran.out
        assert line in ran.out
        assert (" n: " in ran.out) == (index != 1), "an absent column is not shown"


def test_all_facts_at_once(site: Site, tmp_path: Path) -> None:
    together, single = tmp_path / "all", tmp_path / "single"
    made = anchor("prove", site.release, "--all", "-o", together, "--split", single, "--json")
    assert made.code == 0, made.err
    assert made.document["receipts"] == 7
    assert sorted(p.name for p in together.iterdir()) == ["bundles.json", "receipts.jsonl"]
    assert sorted(p.name for p in single.iterdir()) == [f"{i}.json" for i in range(7)]
    words = (together / "receipts.jsonl", "--bundles", together / "bundles.json", "--policy", site.policy)
    ran = verified(*words)
    assert (ran.code, ran.err) == (0, "")
    assert f"OK: {together / 'receipts.jsonl'}: line 7: fact 6 of 7\n" in ran.out
    assert ran.out.endswith(f"OK: {together / 'receipts.jsonl'}: 7 receipts\n")
    shown = verified(*words, "--json")
    verdicts = [json.loads(line) for line in shown.out.splitlines()]
    assert [v["facts"]["facts"][0]["index"] for v in verdicts] == list(range(7))
    bundles = json.loads((together / "bundles.json").read_bytes())["bundles"]
    for index, line in enumerate((together / "receipts.jsonl").read_bytes().splitlines()):
        receipts2.check(line, bundles)
        receipts2.check((single / f"{index}.json").read_bytes())
        assert verified(single / f"{index}.json", "--policy", site.policy).code == 0


def test_several_receipts_are_verified_together(site: Site, second: Site, tmp_path: Path) -> None:
    anchor("prove", site.release, "--all", "--split", tmp_path)
    anchor("prove", second.release, "--fact", 0, "-o", tmp_path / "other.json")
    files = [tmp_path / f"{i}.json" for i in range(7)]
    ran = anchor("verify-receipt", "-v", *files, "--policy", site.policy)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n  signed by ") == 1
    assert ran.out.startswith("OK  7 files: all 7 receipts hold, of small-ledger 1.0.0 (release 1)\n")
    assert f"\nOK: {files[0]}: fact 0 of 7\n" in ran.out
    short = anchor("verify-receipt", *files, "--policy", site.policy)
    assert short.out == ran.out[: ran.out.index("\nOK: ")].replace("7 OK", "7 OK (--verbose shows them)")
    assert anchor("verify-receipt", "-q", *files, "--policy", site.policy).out == ""
    assert ran.out.endswith("OK: 7 files: 7 receipts\n")
    mixed = anchor(
        "verify-receipt", "-v", files[0], tmp_path / "other.json", files[1], "--policy", site.policy
    )
    assert mixed.code == 8
    assert f"anchor: {tmp_path / 'other.json'}: INVALID" in mixed.err
    assert mixed.out.count("OK: ") == 2
    shown = anchor("verify-receipt", *files, "--policy", second.policy, "--json")
    assert [json.loads(line)["verdict"] for line in shown.out.splitlines()] == ["INVALID"] * 7


def test_a_dialect_is_named_also_for_many_receipts(tmp_path: Path) -> None:
    site = published_file(tmp_path, "facts.csv", b"a;b\n1;2\n3;4\n", "--delimiter", ";")
    assert anchor("prove", site.release, "--all", "-o", tmp_path / "all").code == 0
    words = (tmp_path / "all/receipts.jsonl", "--bundles", tmp_path / "all/bundles.json")
    ran = verified(*words, "--policy", site.policy)
    assert ran.code == 0
    assert "read as      ledger.csv: delimiter" in ran.out


def test_one_line_that_was_changed_is_named(site: Site, tmp_path: Path) -> None:
    anchor("prove", site.release, "--all", "-o", tmp_path)
    lines = tmp_path / "receipts.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"value":"3"', b'"value":"4"'))
    words = (lines, "--bundles", tmp_path / "bundles.json", "--policy", site.policy)
    ran = verified(*words)
    assert ran.code == 8
    assert f"{lines}: line 4: INVALID: receipt-facts" in ran.err
    assert ran.err.count("\n") == 1
    assert ran.out.endswith(f"INVALID: {lines}: 7 receipts\n")
    shown = verified(*words, "--json")
    assert shown.code == 8
    assert [json.loads(line)["verdict"] for line in shown.out.splitlines()].count("INVALID") == 1


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [(b"", 8, "no receipt in it"), (b"\n", 8, "receipt"), (b"{}\n", 8, "receipt"), (b"[", 8, "receipt")],
)
def test_lines_that_are_no_receipts_are_invalid(
    data: bytes, code: int, word: str, site: Site, tmp_path: Path
) -> None:
    anchor("prove", site.release, "--all", "-o", tmp_path)
    (tmp_path / "receipts.jsonl").write_bytes(data)
    words = ("--bundles", tmp_path / "bundles.json", "--policy", site.policy)
    says(verified(tmp_path / "receipts.jsonl", *words), code, word)


def test_bundles_of_another_release_do_not_vouch(site: Site, second: Site, tmp_path: Path) -> None:
    anchor("prove", site.release, "--all", "-o", tmp_path / "a")
    anchor("prove", second.release, "--all", "-o", tmp_path / "b")
    words = (tmp_path / "a/receipts.jsonl", "--bundles", tmp_path / "b/bundles.json")
    ran = verified(*words, "--policy", second.policy)
    assert (ran.code, ran.out.count("\nOK")) == (8, 0)
    assert "one-statement" in ran.err
    says(verified(tmp_path / "a/receipts.jsonl", "--bundles", tmp_path / "a/receipts.jsonl"), 8, "not JSON")


def test_no_receipt_is_made_of_a_release_that_is_refused(site: Site, tmp_path: Path) -> None:
    broken = site.copy(tmp_path)
    path = broken.path("ledger.md")
    path.write_bytes(path.read_bytes().replace(b"| 3 |", b"| 4 |"))
    before = snapshot(tmp_path)
    for words in (("--fact", 0), ("--where", "label=A"), ("--all",)):
        for policy in ((), ("--policy", broken.policy)):
            ran = anchor("prove", broken.release, *words, "-o", tmp_path / "made", *policy)
            assert ran.code == 8, ran
            assert "no receipt is made" in ran.err
    assert snapshot(tmp_path) == before


def test_a_policy_that_does_not_accept_the_signer_makes_no_receipt(site: Site, second: Site) -> None:
    ran = anchor("prove", site.release, "--fact", 0, "--policy", second.policy)
    assert ran.code == 8
    assert ran.out.startswith("INVALID  ")
    assert "nobody whom your policy names vouches for it" in " ".join(ran.out.split())


def test_without_a_policy_the_receipt_is_made_and_it_is_said(site: Site, tmp_path: Path) -> None:
    made = anchor("prove", site.release, "--fact", 0, "-o", tmp_path / "f.json")
    assert made.code == 0
    assert "nobody said whose signature counts" in made.err
    ran = verified(tmp_path / "f.json")
    assert ran.code == 2
    assert 'label: "A"' not in ran.out, "nobody vouches for it"
    assert verified(tmp_path / "f.json", "--policy", site.policy).code == 0


def test_the_four_options_say_the_same_as_a_policy(site: Site, tmp_path: Path) -> None:
    anchor("prove", site.release, "--fact", 0, "-o", tmp_path / "f.json")
    signed = site.value["anchors"][0]
    signer = ("--identity", signed["identity"], "--issuer", signed["issuer"])
    words = (*signer, "--trusted-root", site.path("trusted_root"))
    assert verified(tmp_path / "f.json", "--ledger", NAME, *words).code == 0
    says(verified(tmp_path / "f.json", "--ledger", "other", *words), 8, "policy-ledger")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--fact", 0, "--where", "label=A"),
        ("--all", "--fact", 0),
        ("--all",),
        ("--all", "-o", "-"),
        ("--fact", 0, "--all-matches"),
        ("--fact", 0, "--split", "d"),
        ("--fact", 0, "--json"),
        ("--fact", 0, "--qr", "a.svg"),
        ("--fact", 0, "--url", "https://example.org"),
        ("--fact", 0, "--qr", "-", "--url", "https://example.org"),
        ("--fact", 0, "--fact", 1, "--qr", "a.svg", "--url", "https://example.org"),
        ("--fact", 0, "-o", "f.json", "--qr", "a.gif", "--url", "https://example.org"),
        ("--fact", 0, "-o", "f.json", "--qr", "a.svg", "--url", "example.org"),
        ("--fact", 0, "-o", "q.svg", "--qr", "q.svg", "--url", "https://example.org"),
        ("--fact", 0, "-o", "q.svg", "--qr", "./q.svg", "--url", "https://example.org"),
        ("--fact", -1),
    ],
)
def test_options_that_do_not_fit_write_nothing(words: tuple[object, ...], site: Site, tmp_path: Path) -> None:
    ran = anchor("prove", site.release, *words, cwd=tmp_path)
    assert ran.code == 2, ran
    assert "anchor: " in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["-o", "--qr"])
def test_no_receipt_is_written_over_what_is_read(option: str, site: Site, tmp_path: Path) -> None:
    before, policy = snapshot(site.root), site.policy.read_bytes()
    (tmp_path / "link").symlink_to(site.release)
    others = ("--url", "https://example.org", "-o", tmp_path / "f.json") if option == "--qr" else ()
    for release, output in (
        (site.release, site.release),
        (site.root, tmp_path / "link"),
        (site.release, site.policy),
        (site.release, site.path("ledger.md")),
        (site.root, next(site.root.rglob("statement.json"))),
        (site.release, next(site.root.rglob("*.sigstore.json"))),
        (site.release, next(site.root.rglob("trusted_root.json"))),
    ):
        words = ("--fact", 0, "--policy", site.policy, *others, option, output)
        ran = anchor("prove", release, *words)
        assert (ran.code, "would overwrite the input" in ran.line) == (2, True), ran
    assert (snapshot(site.root), site.policy.read_bytes()) == (before, policy)


def test_two_documents_are_not_written_into_one_file(site: Site, tmp_path: Path) -> None:
    """The same file by another name, a link, or with something in it."""
    (tmp_path / "q.svg").write_text("mine")
    (tmp_path / "link.svg").symlink_to("q.svg")
    (tmp_path / "hard.svg").hardlink_to(tmp_path / "q.svg")
    for name in ("q.svg", "link.svg", "hard.svg"):
        words = ("--fact", 0, "-o", tmp_path / "q.svg", "--qr", tmp_path / name, "--url", "https://a.example")
        ran = anchor("prove", site.release, *words)
        assert (ran.code, "two documents in one file" in ran.line) == (2, True), ran
    assert (tmp_path / "q.svg").read_text() == "mine"


def test_a_code_names_the_fact(site: Site, tmp_path: Path) -> None:
    words = ("prove", site.release, "--fact", 2, "-o", tmp_path / "f.json", "--url", "https://example.org/l/")
    shown = anchor(*words, "--qr", tmp_path / "code.png", "--json").document
    (fact,) = shown["facts"]
    url = f"https://example.org/l/#fact=2&leaf={fact['leaf']}&statement={shown['statement']}"
    facts = verified(tmp_path / "f.json", "--policy", site.policy, "--json").document["facts"]
    assert (fact["leaf"], shown["statement"]) == (facts["facts"][0]["leaf"], facts["statement"])
    for suffix in (".svg", ".txt"):
        assert anchor(*words, "--qr", tmp_path / f"code{suffix}").code == 0
        assert (tmp_path / f"code{suffix}").read_bytes() == draw(url, suffix)
    assert (tmp_path / "code.png").read_bytes() == draw(url, ".png")
    printed = anchor(*words, "--qr", "-")
    assert printed.out == draw(url, ".txt").decode()
    assert read_code(printed.out) == url


def read_code(text: str) -> str:
    """The text of a code that is drawn in half blocks, by another implementation."""
    halves = {"█": (255, 255), "▀": (255, 0), "▄": (0, 255), " ": (0, 0)}
    rows = []
    for line in text.splitlines():
        rows += [[halves[c][half] for c in line for _ in range(4)] for half in (0, 1) for _ in range(4)]
    width = len(rows[0])
    picture = memoryview(bytes(v for row in rows for v in row)).cast("B", (len(rows), width))
    (found,) = zxingcpp.read_barcodes(picture)
    return str(found.text)


@pytest.fixture
def served(site: Site) -> Iterator[FolderServer]:
    with running(FolderServer(site.root)) as server:
        yield server


def test_a_release_is_proven_from_its_url(
    served: FolderServer, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANCHOR_ALLOW_HTTP", "1")
    url = f"{served.url}/release.json"
    made = anchor("prove", url, "--where", "label=B", "-o", tmp_path / "f.json", "--policy", site.policy)
    assert made.code == 0, made.err
    assert verified(tmp_path / "f.json", "--policy", site.policy).code == 0
    assert len(served.asked) == len(set(served.asked)), "each file is fetched once"
    says(anchor("prove", url, "--fact", 0, "--offline"), 2, "offline")


def test_a_file_that_is_no_receipt_is_named(site: Site, tmp_path: Path) -> None:
    says(verified(tmp_path / "none.json", "--policy", site.policy), 2, "none.json")
    (tmp_path / "bad.json").write_text("{}")
    says(verified(tmp_path / "bad.json", "--policy", site.policy), 8, "receipt")
    says(verified(site.release, "--policy", site.policy), 2, "a release.json, where a receipt is wanted")


def test_what_cannot_be_written_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    """A file where a folder should go, a folder where a file should go, and a full disk."""
    (tmp_path / "file").write_text("old")
    (tmp_path / "all" / "receipts.jsonl").mkdir(parents=True)
    for words in (("--all", "-o", tmp_path / "file"), ("--all", "--split", tmp_path / "file")):
        says(anchor("prove", site.release, *words), 2, "file")
    says(anchor("prove", site.release, "--all", "-o", tmp_path / "all"), 2, "receipts.jsonl")
    says(anchor("prove", site.release, "--fact", 0, "-o", tmp_path / "all"), 2, "all")
    assert (tmp_path / "file").read_text() == "old"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["all", "file", "receipts.jsonl"]


def test_a_release_that_changes_between_its_two_readings_gives_no_receipt(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It verified a moment ago. Its facts are read once more, and are others now."""
    changing = site.copy(tmp_path)
    path, read = changing.path("ledger.md"), app.chunks

    def chunks(*words: Any) -> Any:
        path.write_bytes(path.read_bytes().replace(b"| 3 |", b"| 4 |"))
        return read(*words)

    for module in (app, prove_all):
        monkeypatch.setattr(module, "chunks", chunks)
    before = path.read_bytes()
    for words in (("--fact", 0), ("--where", "label=A"), ("--all",)):
        ran = anchor("prove", changing.release, *words, "-o", tmp_path / "made")
        assert ran.code == 8, ran
        assert "SHA-256" in ran.line
        assert not (tmp_path / "made").exists()
        path.write_bytes(before)


def test_a_receipt_without_a_policy_says_whom_it_claims_and_leads_to_a_policy_under_which_it_holds(
    site: Site, tmp_path: Path
) -> None:
    receipt = tmp_path / "fact.json"
    assert anchor("prove", site.release, "--fact", 3, "-o", receipt).code == 0
    ran = anchor("verify-receipt", "-v", receipt)
    assert ran.code == 2
    (named,) = site.value["anchors"]
    text = " ".join(ran.out.split())
    assert f"{NAME} 1.0.0 (release 1): this is claimed, and not verified" in text
    assert f"{named['identity']} (issuer {named['issuer']}): this is claimed, and not verified" in text
    (shown,) = re.findall(r"^ +(anchor policy .*)$", ran.out, re.MULTILINE)
    assert ran.out.splitlines()[-1].startswith(f"next: {shown}, where RELEASE is ")
    words = [str(site.root) if word == "RELEASE" else word for word in shlex.split(shown)[1:]]
    digest = hashlib.sha256(site.path("trusted_root").read_bytes()).hexdigest()
    assert anchor(*words, "--yes", "--trusted-root-sha256", digest, cwd=tmp_path).code == 0
    assert verified(receipt, "--policy", tmp_path / words[-1]).code == 0


def test_several_receipts_without_a_policy_name_each_release_and_signer_once(
    site: Site, second: Site, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("a.json", "b.json", "c.json")]
    for file, release, fact in zip(files, (site, site, second), (0, 1, 0), strict=True):
        assert anchor("prove", release.release, "--fact", fact, "-o", file).code == 0
    ran = anchor("verify-receipt", "-v", *files)
    assert ran.code == 2
    text = " ".join(ran.out.split())
    for one in (site, second):
        assert text.count(f"{one.value['anchors'][0]['identity']} (issuer ") == 1
    assert ran.out.splitlines()[-1].startswith("next: anchor policy RELEASE -o policy.toml, ")


def test_a_refused_receipt_without_a_policy_claims_nothing_and_leads_to_no_policy(
    site: Site, tmp_path: Path
) -> None:
    """Its fact is not the one that was signed: no policy would change that."""
    receipt = tmp_path / "fact.json"
    assert anchor("prove", site.release, "--fact", 3, "-o", receipt).code == 0
    document = json.loads(receipt.read_bytes())
    document["facts"][0]["fact"]["value"] = "4"
    receipt.write_text(json.dumps(document))
    ran = anchor("verify-receipt", "-v", receipt)
    assert ran.code == 8
    assert "claimed" not in ran.out
    assert "anchor policy" not in ran.out

# SPDX-License-Identifier: Apache-2.0
"""Messages about facts and receipts: `prove`, `verify-receipt`, `find`, `log`, `diff`."""

import pytest

from anchor.format import receipt
from tests.support.releases.published import LEDGER, NAME
from tests.support.remedies.walk import Walk, row

MANY = "| Label | Value |\n|---|---|\n" + "".join(f"| A | {n} |\n" for n in range(400))


@row("--where, --fact, --leaf")
def which_fact(w: Walk) -> None:
    w.provoke("find", w.site.release, "--policy", w.site.policy)
    w.give("--where", "label=A")
    w.give("--fact", '{"label":"A","value":"1"}')
    found = w.ok(*w.words, "--where", "label=A").out
    w.give("--leaf", found.split("fact ")[1].split()[0])


@row("name facts with --fact or --where")
def all_of_a_confidential_ledger(w: Walk) -> None:
    opening = w.folder / "opening"
    site = w.new_site(LEDGER, "--blind", "--opened-out", opening)
    w.provoke("prove", site.release, "--all", "-o", "receipts", "--opened", opening)
    words = ("prove", site.release, "--opened", opening, "-o")
    w.follow("--fact")
    w.follow("--where")
    w.ok(*words, "a.json", "--fact", 0)
    w.ok(*words, "b.json", "--where", "label=A")


@row("give its opening with --opened FILE")
def a_confidential_ledger(w: Walk) -> None:
    opening = w.folder / "opening"
    site = w.new_site(LEDGER, "--blind", "--opened-out", opening)
    w.provoke("prove", site.release, "--fact", 0, "-o", "a.json")
    w.give("--opened", opening)


@row("give --complete or --absent")
def an_index_without_a_key(w: Walk) -> None:
    site = w.new_site(LEDGER, "--index", "label")
    w.provoke("prove", site.release, "--where", "label=A", "--index", "label", "-o", "a.json")
    w.follow("--complete")
    w.follow("--absent")
    words = ("prove", site.release, "--index", "label", "-o")
    w.ok(*words, "a.json", "--complete", "A")
    w.ok(*words, "b.json", "--absent", "Z")


@row("give --where")
def all_matches_of_nothing(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--all-matches", "--fact", 0, "-o", "a.json")
    w.follow("--where")
    w.ok("prove", w.site.release, "--all-matches", "--where", "label=A", "-o", "a.json")


@row("name a folder with -o or --split")
def every_fact_to_nowhere(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--all")
    w.give("-o", "together")
    w.give("--split", "single")


@row("give --all, or -o for one receipt")
def one_fact_split(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--fact", 0, "--split", "single")
    w.follow("--all")
    w.follow("-o")
    w.ok("prove", w.site.release, "--all", "--split", "single")
    w.ok("prove", w.site.release, "--fact", 0, "-o", "a.json")


@row("{}/receipts.jsonl --bundles {}/bundles.json")
def what_follows_many_receipts(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--all", "-o", "receipts", code=0)
    w.follow("--bundles")
    w.ok("verify-receipt", *w.printed.split(), "--policy", w.site.policy)


@row("next: anchor verify-receipt {} --policy POLICY")
def what_follows_a_receipt(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--fact", 0, "-o", "a fact.json", code=0)
    w.run("anchor verify-receipt", POLICY=w.site.policy)


@row("give one of these indexes with --fact, another --where, or --all-matches")
def too_many_matches(w: Walk) -> None:
    site = w.new_site("| Label | Value |\n|---|---|\n| A | 1 |\n| A | 2 |\n")
    w.provoke("prove", site.release, "--where", "label=A", "-o", "a.json", code=10)
    w.give("--all-matches")
    w.give("--where", "value=2")
    w.follow("--fact")
    w.ok("prove", site.release, "--fact", 1, "-o", "a.json")


@row("--complete proves that these are all")
def a_key_with_several_facts(w: Walk) -> None:
    site = w.new_site("| Label | Value |\n|---|---|\n| A | 1 |\n| A | 2 |\n", "--index", "label")
    w.provoke("prove", site.release, "--absent", "A", "-o", "a.json")
    w.follow("--complete")
    w.ok("prove", site.release, "--complete", "A", "-o", "a.json")


@row("look for its exact value in the ledger, or prove with --absent that there is no such fact")
def a_key_without_a_fact(w: Walk) -> None:
    site = w.new_site(LEDGER, "--index", "label")
    w.provoke("prove", site.release, "--complete", "a", "-o", "a.json", code=10)
    w.ok("prove", site.release, "--complete", "A", "-o", "b.json")
    w.follow("--absent")
    w.ok("prove", site.release, "--absent", "a", "-o", "a.json")


@row("only its publisher can make one: anchor publish --index COLUMN, with the next version")
def no_index(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--complete", "A", "-o", "a.json")
    file = w.write("ledger.md", LEDGER)
    named = ("--name", NAME, "--version", "1.1.0", "--root", w.site.root, "--home", w.site.home)
    w.use("anchor publish", "--index", "label", file, *named)
    w.ok(*w.words)


@row("name the root release.json of a ledger with a status, or leave --staple out")
def no_status(w: Walk) -> None:
    w.provoke("prove", w.site.release, "--fact", 0, "--staple", "-o", "a.json")
    w.leave_out("--staple", 0)


@row("ask for fewer facts, or make a receipt of each with --all")
def too_large_a_receipt(w: Walk) -> None:
    value = "x" * 20_000
    rows = "".join(f'{{"label":"A","value":"{value}{n}"}}\n' for n in range(20))
    site = w.new_file_site("ledger.jsonl", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receipt, "MAX_RECEIPT", 200_000)  # one at the true limit takes ten seconds to make
        w.provoke("prove", site.release, "--where", "label=A", "--all-matches", "-o", "a.json")
        w.ok("prove", site.release, "--where", f"value={value}1", "--all-matches", "-o", "a.json")
        w.follow("--all")
        w.ok("prove", site.release, "--all", "-o", "receipts")


@row("name a file that 'anchor prove --all' wrote")
def no_receipts(w: Walk) -> None:
    w.ok("prove", w.site.release, "--all", "-o", "receipts")
    words = ("--policy", w.site.policy, "--bundles", "receipts/bundles.json")
    w.write("none.jsonl", "")
    w.provoke("verify-receipt", "none.jsonl", *words, code=8)
    w.use("anchor prove", "--all", w.site.release, "-o", "again")
    w.ok("verify-receipt", "again/receipts.jsonl", *words)


@row("'anchor verify' lists all checks")
def a_release_that_fails(w: Walk) -> None:
    ledger = w.site.path("ledger.md")
    ledger.write_text(ledger.read_text().replace("| 2 |", "| 7 |"))
    other = w.untouched()
    w.provoke("diff", w.site.release, other.release, "--policy", w.site.policy, code=8)
    w.use("anchor verify", w.site.release, "--policy", w.site.policy, code=8)


@row("key: no column; a fact that changed is a removed one and an added one. --key names columns")
def no_key(w: Walk) -> None:
    site = w.new_file_site("a.csv", "k,v\n1,1\n2,2\n")
    new = w.write("b.csv", "k,v\n1,1\n2,3\n")
    w.provoke("diff", site.release, new, "--policy", site.policy, code=0)
    assert "1 changed" in w.give("--key", "k").out


@row("  {}--all shows them")
def more_differences(w: Walk) -> None:
    site = w.new_file_site("a.csv", "k,v\n" + "".join(f"{n},1\n" for n in range(100)))
    new = w.write("b.csv", "k,v\n" + "".join(f"{n},2\n" for n in range(100)))
    w.provoke("diff", site.release, new, "--policy", site.policy, "--key", "k", code=0)
    assert "99" in w.give("--all").out


@row("and {} more facts; --json lists all")
def more_facts(w: Walk) -> None:
    site = w.new_site(MANY)
    w.provoke("find", site.release, "--policy", site.policy, "--where", "label=A", code=0)
    assert '"399"' in w.give("--json").out

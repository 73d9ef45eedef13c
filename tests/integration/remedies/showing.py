# SPDX-License-Identifier: Apache-2.0
"""Messages about words that were typed, and lines that name what shows more."""

import functools
import json
import shlex
import subprocess
import sys

import pytest

from tests.support.forge import bundles, keys
from tests.support.process import fork_server
from tests.support.process.anchor_cli import Ran, anchor
from tests.support.releases.published import LEDGER
from tests.support.remedies.walk import NAMED, Walk, row

SOURCE = "Employees: 120\n"
LIST = '[[document]]\nfile = "a.txt"\n'


@row("which command? see '{} --help'")
def no_command(w: Walk) -> None:
    w.provoke("records")
    w.follow("--help")
    assert "export" in w.use("anchor records", "--help").out


@row("{}{}; see '{} --help'")
def a_mistyped_option(w: Walk) -> None:
    ran = w.provoke("verify", w.site.release, "--polcy", w.site.policy)
    meant = ran.line.split("did you mean ")[1].split("?")[0]
    w.instead_of("--polcy", meant)
    w.use("anchor verify", "--help")
    w.rest -= {"--polcy", "--help", meant}


@functools.cache
def demo() -> Ran:
    """One demo for all rows: it is the slowest command here."""
    with fork_server.forks():
        ran = anchor("demo")
    assert ran.code == 0, ran
    return ran


@row("anchor publish LEDGER --name NAME --version 1.0.0 --root site --policy-out policy.toml")
def after_the_demo(w: Walk) -> None:
    w.take(w.text, demo())
    w.run("anchor publish", "--home", "home", LEDGER=w.write("l.md", LEDGER), NAME="mine")
    w.ok("verify", "site/release.json", "--policy", "policy.toml")


@row("anchor demo --keep FOLDER")
def a_demo_to_look_at(w: Walk) -> None:
    w.take(w.text, demo())
    with fork_server.forks():
        w.run("anchor demo", FOLDER=w.folder / "kept")
    assert (w.folder / "kept" / "policy.toml").is_file()


@row("a defect of this program: {}: {}; set ANCHOR_DEBUG=1 for the trace")
def a_defect(w: Walk) -> None:
    def fail(*_: object, **_more: object) -> None:
        raise RuntimeError("made up")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anchor.inspect.document.inspect", fail)
        w.provoke("inspect", w.site.release, code=70)
        name, value = w.printed.split("set ")[1].split()[0].split("=")
        w.follow(name)
        patch.setenv(name, value)
        with pytest.raises(RuntimeError, match="made up"):  # it leaves the command with its trace
            w.ok(*w.words)


@row("name a file, or leave --policy-out out")
def two_documents(w: Walk) -> None:
    w.provoke(*w.publish(LEDGER, "1.0.0", "--json", "--policy-out", "-"))
    w.leave_out("--policy-out")
    w.ok(*w.words[:-1], w.folder / "policy.toml")


@row("name a folder with -o")
def evidence_to_nowhere(w: Walk) -> None:
    w.ok("reverify", w.site.release, "--policy", w.site.policy, "--home", "records")
    w.provoke("records", "export", "--evidence", "--home", "records")
    w.give("-o", "evidence")


@row("correct the line, or give the file that 'anchor policy' wrote")
def a_slip_in_a_policy(w: Walk) -> None:
    w.provoke("verify", w.site.release, "--policy", w.write("p.toml", "ledger = \n"))
    w.use("anchor policy", w.site.root, "--not-compared", "--force", "-o", "p.toml")
    w.ok(*w.words)


@row("name each signer in a [[signer]] table of his own")
def one_signer_of_two(w: Walk) -> None:
    text = w.site.policy.read_text()
    w.provoke("verify", w.site.release, "--policy", w.write("p.toml", f"min_signers = 2\n{text}"))
    w.follow("[[signer]]")
    w.write("p.toml", f'min_signers = 2\n{text}\n[[signer]]\nidentity = "b"\nissuer = "https://b.example"\n')
    w.ok(*w.words, code=5)  # the policy is read, and the second one has not signed


@row("add a [[watch]] table")
def a_watched_identity_without_a_log(w: Walk) -> None:
    text = '[[watched_identity]]\nidentity = "b"\nissuer = "https://b.example"\n'
    whole = w.site.policy.read_text() + text
    w.provoke("verify", w.site.release, "--policy", w.write("p.toml", whole))
    w.follow("[[watch]]")
    w.write("p.toml", f"{whole}[[watch]]\n")
    w.ok(*w.words)


@row("chmod -R go= {}")
def keys_that_others_can_read(w: Walk) -> None:
    home = w.folder / "my home"
    w.ok("instance", "init", "--home", home)
    for path in [*home.rglob("*"), home]:
        path.chmod(0o755)
    ran = w.ok("instance", "export", "-o", "out", "--home", home, code=2)
    w.take("chmod -R go= {}", ran)
    subprocess.run(shlex.split(w.printed), check=True)
    w.rest.clear()
    w.ok("instance", "export", "-o", "out", "--home", home)


@row("give --reader {}")
def a_mark_that_the_reader_does_not_read(w: Walk) -> None:
    w.provoke("lint", w.write("a.csv", b"\xef\xbb\xbfa,b\n1,2\n"), "--reader", "csv-v1")
    w.instead("--reader", w.printed.split()[-1])


@row("{}, or give --schema-unchecked")
def no_library_for_schemas(w: Walk) -> None:
    w.write("schema.json", '{"fields": [{"name": "a", "type": "integer"}]}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "frictionless", None)
        w.provoke("seal", w.write("a.csv", "a\n1\n"), *NAMED, "--schema", "schema.json")
        w.give("--schema-unchecked")


@row("anchor verify-receipt --bundles")
def bundles_as_a_receipt(w: Walk) -> None:
    w.ok("prove", w.site.release, "--all", "-o", "all")
    w.provoke("verify-receipt", "all/bundles.json", "--policy", w.site.policy)
    w.follow("--bundles")
    words = ("all/receipts.jsonl", "--policy", w.site.policy)
    w.use("anchor verify-receipt", *words, "--bundles", "all/bundles.json")


@row("that the index covers the whole ledger: 'anchor verify' of the release checks it.")
def what_a_receipt_of_a_key_does_not_prove(w: Walk) -> None:
    site = w.new_site(LEDGER, "--index", "label")
    w.ok("prove", site.release, "--complete", "A", "-o", "a.json")
    w.provoke("verify-receipt", "a.json", "--policy", site.policy, code=0)
    w.use("anchor verify", site.release, "--policy", site.policy)


@row(
    "That it fits its source documents: --evidence compares them.",
    "committed to, and not checked here (compare them with --evidence FOLDER): {}",
)
def documents_that_were_not_compared(w: Walk) -> None:
    w.write("papers/a.txt", SOURCE)
    site = w.new_site(LEDGER, "--evidence", w.write("papers/evidence.toml", LIST))
    w.provoke("verify", site.release, "--policy", site.policy, "-v", code=0)
    w.give("--evidence", "papers")


@row("and {} more keys; --json lists all", "    and more facts; --json lists all")
def more_than_is_shown(w: Walk) -> None:
    rows = "".join(f"L{n % 2 if 'facts' in w.text else n},1,{n}\n" for n in range(400))
    site = w.new_file_site("a.csv", f"label,value,n\n{rows}")
    keys = () if "facts" in w.text else ("--key", "label")
    keys = ("--key", "value", *keys)
    w.provoke("log", site.release, "--policy", site.policy, "--where", "value=1", *keys, code=0)
    assert '"399"' in w.give("--json").out


@row(
    "alone it proves nothing: a bundle must sign exactly these bytes (anchor verify)",
    "release.json is an index: nothing in it is signed; anchor verify compares it with what is",
    "your own word: anchor verify demands it of a release; nothing signs it, so keep the file yours",
    "anchor verify-receipt checks it, under the policy that you name",
    "whoever has this file knows every fact; anchor verify --opened compares it with what is signed",
    "the signature of each bundle; verify --evidence compares the digests of the documents that you have",
)
def a_file_in_words(w: Walk) -> None:
    w.write("papers/a.txt", SOURCE)
    more: tuple[object, ...] = ("--evidence", w.write("papers/evidence.toml", LIST))
    if "--opened" in w.text:
        more = ("--blind", "--opened-out", w.folder / "opening")
    site = w.new_site(LEDGER, *more)
    if more[0] != "--blind":
        w.ok("prove", site.release, "--fact", 0, "-o", "fact.json")
    file = {
        "alone": site.path("statement"),
        "release.json": site.release,
        "your": site.policy,
        "anchor": w.folder / "fact.json",
        "whoever": w.folder / "opening",
        "the": site.path("statement"),
    }[w.text.split()[0]]
    w.provoke("inspect", file, code=0)
    trust = ("--policy", site.policy)
    if "verify-receipt" in w.text:
        w.use("anchor verify-receipt", file, *trust)
    elif "--evidence" in w.text:
        w.follow("--evidence")
        w.ok("verify", site.release, *trust, "--evidence", "papers")
    else:
        w.use("anchor verify", site.release, *trust, *(("--opened", file) if "--opened" in w.text else ()))


@row("    and {} more; --json lists all")
def a_fact_that_is_withdrawn_in_many_places(w: Walk) -> None:
    site = w.new_site("| Label | Value |\n|---|---|\n" + "| A | 1 |\n" * 11)
    said = ("--kind", "withdrawn", "--reason", "a wrong table", "--release", "1.0.0", "--fact")
    for number in range(11):
        w.ok("withdraw", site.root, "--home", site.home, *said, number)
    w.provoke("find", site.release, "--policy", site.policy, "--where", "label=A", code=11)
    assert "fact 10 of" not in w.line
    assert "fact 10 of" in w.give("--json", code=11).out


@row("a hint; the key is the one that you give with --key")
def a_bundle_of_a_key(w: Walk) -> None:
    managed = keys.ecdsa("managed")
    file = w.write("bundle.json", json.dumps(bundles.make(bundles.V2.but(managed=managed))))
    w.provoke("inspect", file, code=0)
    words = ("verify-bundle", w.write("artifact", bundles.ARTIFACT), "--bundle", file, "--trusted-root")
    w.follow("--key")
    key = w.write("key.pub", managed.pem)
    w.ok(*words, w.write("root.json", json.dumps(bundles.trusted_root())), "--key", key)

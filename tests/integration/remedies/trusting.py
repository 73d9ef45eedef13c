# SPDX-License-Identifier: Apache-2.0
"""Messages about trust, and about files of another kind."""

import hashlib
import shutil

import pytest

from tests.support.releases.published import NAME
from tests.support.remedies.walk import Walk, row


def digest(w: Walk) -> str:
    return hashlib.sha256(w.site.path("trusted_root").read_bytes()).hexdigest()


@row("ask the publisher for the digest, and give --trusted-root-sha256 HEX; or --not-compared")
def nobody_compares(w: Walk) -> None:
    w.provoke("policy", w.site.root, "--yes", "-o", "p.toml")
    w.give("--trusted-root-sha256", digest(w))
    w.follow("--not-compared")
    w.ok("policy", w.site.root, "--not-compared", "-o", "q.toml")


@row("{}; or --not-compared")
def nobody_is_there_to_compare(w: Walk) -> None:
    w.provoke("policy", w.site.root, "-o", "p.toml")
    w.give("--not-compared")


@row("give --trusted-root-sha256 HEX, or --identity and --issuer, as the publisher told them to you")
def nobody_is_there_to_type(w: Walk) -> None:
    signer = w.site.value["anchors"][0]
    w.provoke("policy", w.site.root, "-o", "p.toml")
    w.give("--trusted-root-sha256", digest(w), "--yes")
    w.follow("--identity")
    w.follow("--issuer")
    named = ("--identity", signer["identity"], "--issuer", signer["issuer"])
    w.ok(*w.words[:-1], "q.toml", *named, "--trusted-root-sha256", digest(w))


@row("name another file, or give --force to replace it")
def an_edited_policy(w: Walk) -> None:
    w.write("p.toml", "# mine\n")
    words = ("policy", w.site.root, "--not-compared", "-o")
    w.provoke(*words, "p.toml")
    w.ok(*words, "q.toml")
    w.give("--force")


@row("name another file, or give --force")
def a_stricter_policy(w: Walk) -> None:
    words = ("policy", w.site.root, "--not-compared", "-o")
    shutil.copytree(w.site.root, w.folder / "older")
    w.ok(*w.publish("| a |\n|---|\n| 1 |\n", "1.1.0"))
    w.ok(*words, "p.toml")
    w.provoke("policy", w.folder / "older", *words[2:], "p.toml")
    w.ok("policy", w.folder / "older", *words[2:], "q.toml")
    w.give("--force")


@row("anchor trust show {}")
def what_the_publisher_sees(w: Walk) -> None:
    w.provoke("policy", w.site.root, "--not-compared", "-o", "p.toml", code=0)
    assert digest(w) in w.run("anchor trust show").out.replace(" ", "")


@row("say where to write the root with -o FILE")
def a_pin_without_a_file(w: Walk) -> None:
    w.provoke("trust", "pin", "public", "--offline")
    w.give("-o", "root.json")


@row("give one of --json and -o -")
def two_documents(w: Walk) -> None:
    root = w.site.path("trusted_root")
    w.provoke("trust", "pin", root, "--json", "-o", "-")
    w.leave_out("-o")
    w.follow("--json")
    w.ok("trust", "pin", root, "-o", "-")


@row("ask the publisher for it by another way than the release, and keep it here: anchor trust pin FILE")
def a_root_that_is_not_here(w: Walk) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(w.folder / "data"))
        w.ok("prove", w.site.release, "--fact", 0, "-o", "fact.json")
        root = shutil.copy(w.site.path("trusted_root"), w.folder / "theirs.json")
        w.provoke("verify-receipt", "fact.json", "--policy", w.site.policy, code=3)
        w.run("anchor trust pin", FILE=root)
        w.ok(*w.words)


@row("give --certificate-identity and --certificate-oidc-issuer, or --key")
def a_bundle_without_a_signer(w: Walk) -> None:
    signer = w.site.value["anchors"][0]
    root = ("--trusted-root", w.site.path("trusted_root"))
    w.provoke("verify-bundle", w.site.path("ledger.md"), "--bundle", w.site.path("bundle"), *root)
    w.follow("--certificate-oidc-issuer")
    w.give(
        *("--certificate-identity", signer["identity"]),
        *("--certificate-oidc-issuer", signer["issuer"]),
    )
    w.follow("--key")
    key = w.write("key.pem", "no key")
    w.ok(*w.words, "--key", key, code=2)


@row("give a file that 'anchor prove' made")
def no_receipt(w: Walk) -> None:
    w.provoke("verify-receipt", w.site.release, "--policy", w.site.policy)
    w.use("anchor prove", w.site.release, "--fact", 0, "-o", "fact.json")
    w.ok("verify-receipt", "fact.json", "--policy", w.site.policy)


@row("give the TOML file that 'anchor policy' wrote")
def no_policy(w: Walk) -> None:
    for wrong in (w.site.path("bundle"), w.write("any.json", '{"a": 1}'), w.write("a.md", "| a |\n")):
        w.provoke("verify", w.site.release, "--policy", wrong)
    w.use("anchor policy", w.site.root, "--not-compared", "-o", "p.toml")
    w.ok("verify", w.site.release, "--policy", "p.toml")


@row("give --policy, or --vkey")
def compare_without_trust(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ANCHOR_POLICY", raising=False)
        w.provoke("compare", note, "--home", "records")
    w.give("--policy", w.site.policy, "--log", note.parent)
    w.follow("--vkey")
    w.ok("instance", "export", "-o", "exported", "--home", w.site.home)
    key = (w.folder / "exported" / "vkey").read_text().strip()
    w.ok(*w.words, "--vkey", key, "--log", note.parent)


@row("give --policy, or set ANCHOR_POLICY; 'anchor policy RELEASE -o FILE' makes one")
def reverify_without_a_policy(w: Walk) -> None:
    w.provoke("reverify", w.site.release, "--home", "records")
    w.run("anchor policy", "--not-compared", RELEASE=str(w.site.release), FILE="made.toml")
    w.give("--policy", "made.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANCHOR_POLICY", str(w.folder / "made.toml"))
        w.follow("ANCHOR_POLICY")
        w.ok(*w.words)


@row(
    "it names its signer, and has no trusted root that you could compare: 'anchor policy RELEASE -o FILE' "
    "makes a policy from the release that the publisher names; with a trusted root of your own, 'anchor "
    "verify-receipt' takes --ledger, --identity, --issuer and --trusted-root in place of a policy"
)
def a_policy_from_a_receipt_alone(w: Walk) -> None:
    w.ok("prove", w.site.release, "--fact", 0, "-o", "far/fact.json")
    w.provoke("policy", "far/fact.json")
    w.run("anchor policy", "--not-compared", RELEASE=str(w.site.release), FILE="made.toml")
    w.ok("verify-receipt", "far/fact.json", "--policy", "made.toml")
    signer = w.site.value["anchors"][0]
    for option in ("--ledger", "--identity", "--issuer", "--trusted-root"):
        w.follow(option)
    w.use(
        "anchor verify-receipt",
        "far/fact.json",
        *("--ledger", NAME, "--identity", signer["identity"], "--issuer", signer["issuer"]),
        *("--trusted-root", w.site.path("trusted_root")),
    )


@row("Say whose signature counts: give your policy with --policy FILE.")
def verify_without_a_policy(w: Walk) -> None:
    w.ok("prove", w.site.release, "--fact", 0, "-o", "fact.json")
    w.provoke("verify-receipt", "fact.json")
    w.give("--policy", w.site.policy)


@row(" (--verbose shows them)")
def checks_are_not_shown(w: Walk) -> None:
    w.provoke("verify", w.site.release, "--policy", w.site.policy, code=0)
    assert "stock-client" in w.give("--verbose").out


@row("the sigstore client was not asked; 'anchor verify --second-opinion' asks it")
def no_second_opinion(w: Walk) -> None:
    w.provoke("verify", w.site.release, "--policy", w.site.policy, "-v", code=0)
    w.use("anchor verify", "--second-opinion", w.site.release, "--policy", w.site.policy, "-v")


@row(
    "the trusted root of your policy was taken from the release itself, and compared with nothing: whoever "
    "made the release could have chosen whom you trust; 'anchor policy' says how to compare it"
)
def a_root_that_nobody_compared(w: Walk) -> None:
    w.ok("policy", w.site.root, "--not-compared", "-o", "p.toml")
    w.provoke("verify", w.site.release, "--policy", "p.toml", code=0)
    w.use("anchor policy", w.site.root, "--yes", "--trusted-root-sha256", digest(w), "-o", "p.toml")
    assert "compared with nothing" not in " ".join(w.ok(*w.words).out.split())


@row("add a [[signer]] table")
def nobody_counts(w: Walk) -> None:
    text = w.site.policy.read_text()
    start = text.index("[[signer]]")
    end = text.index("\n\n", start) if "\n\n" in text[start:] else len(text)
    w.provoke("verify", w.site.release, "--policy", w.write("p.toml", text[:start] + text[end:]))
    w.follow("[[signer]]")
    w.write("p.toml", text[:start] + text[end:] + "\n" + text[start:end] + "\n")
    w.ok(*w.words)


@row("name the key columns with --key, or look for values with anchor find")
def no_key_column(w: Walk) -> None:
    site = w.new_file_site("a.csv", "label,value\nA,1\nB,2\n")
    w.provoke("log", site.release, "--policy", site.policy, "--where", "value=1")
    w.give("--key", "value")
    w.use("anchor find", site.release, "--policy", site.policy, "--where", "value=1")


@row("say more with --where")
def a_fact_of_many(w: Walk) -> None:
    rows = "".join(f"A,{n}\n" for n in range(10_100))
    site = w.new_file_site("a.csv", "label,value\n" + rows)
    w.provoke("find", site.release, "--policy", site.policy, "--where", "label=A")
    w.give("--where", "value=7")


@row("give the folder that 'anchor publish' filled, its --root")
def a_folder_without_a_release(w: Walk) -> None:
    (w.folder / "empty").mkdir()
    w.provoke("verify", "empty", "--policy", w.site.policy)
    w.follow("anchor publish")
    w.follow("--root")
    w.ok("verify", w.site.root, "--policy", w.site.policy)

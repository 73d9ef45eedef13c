# SPDX-License-Identifier: Apache-2.0
"""Messages of a publication: `publish`, `withdraw`, `renew` and `seal`."""

import re
import shlex
import shutil
from datetime import UTC, datetime

import pytest

from anchor import limits
from anchor.embedded.instance import Instance
from tests.support.process.clocked import clocked
from tests.support.releases.published import LEDGER, NAME
from tests.support.remedies.walk import NAMED, Walk, row

OTHER = LEDGER.replace("| C | 3 |", "| C | 4 |")
NEXT = ("--name", NAME, "--version", "1.1.0")
THIRD = LEDGER.replace("| C | 3 |", "| C | 5 |")


def withdraw(w: Walk, *options: object) -> tuple[object, ...]:
    said = ("--kind", "withdrawn", "--reason", "a wrong table")
    return ("withdraw", w.folder / "site", "--home", w.folder / "home", *said, *options)


def renew(w: Walk) -> tuple[object, ...]:
    return (w.folder / "site", "--home", w.folder / "home")


def another(w: Walk, ledger: str, *more: object) -> tuple[object, ...]:
    """A publication of the same home into another folder."""
    words = list(w.publish(ledger, "1.0.0", *more))
    words[words.index("--root") + 1] = w.folder / "another"
    return tuple(words)


@row("leave --resume out")
def nothing_to_resume(w: Walk) -> None:
    w.provoke(*w.publish(LEDGER, "1.0.0", "--resume"))
    w.leave_out("--resume", 0)


@row("a published version never changes: publish the new ledger as the next --version")
def a_version_with_other_facts(w: Walk) -> None:
    assert w.site.release.is_file()
    w.provoke(*w.publish(OTHER, "1.0.0"), code=8)
    w.instead("--version", "1.1.0")


@row("name that ledger, or another --root")
def the_folder_of_another_ledger(w: Walk) -> None:
    words = ("publish", w.write("a.md", OTHER), "--root", w.site.root, "--version", "2.0.0")
    w.provoke(*words, "--home", w.folder / "home2", "--name", "other-ledger")
    w.instead("--root", w.folder / "other")
    w.ok(*words, "--home", w.site.home, "--name", NAME)


@row("run anchor verify on this folder")
def a_statement_of_another_release(w: Walk) -> None:
    statement = w.site.path("statement")
    statement.write_bytes(statement.read_bytes().replace(b'"size":3', b'"size":4'))
    w.provoke(*w.publish(OTHER, "1.1.0"), code=8)
    w.use("anchor verify", w.site.root, "--policy", w.site.policy, code=8)


@row("move it away, or choose another --version")
def a_folder_in_the_way(w: Walk) -> None:
    w.write("site/release/1.0.0/notes.txt", "mine")
    w.provoke(*w.publish(LEDGER, "1.0.0"))
    w.instead("--version", "1.0.1")
    shutil.rmtree(w.folder / "site")
    shutil.rmtree(w.folder / "home")
    w.write("site/release/1.0.0/notes.txt", "mine")
    shutil.move(w.folder / "site" / "release" / "1.0.0", w.folder / "away")
    w.ok(*w.words)


@row("give --blind; or --no-blind, if the facts are meant to be public")
def a_public_release_after_a_confidential_one(w: Walk) -> None:
    w.new_site(LEDGER, "--blind")
    w.provoke(*w.publish(OTHER, "1.1.0"))
    w.give("--blind")
    w.follow("--no-blind")
    w.ok(*w.publish(THIRD, "1.2.0", "--no-blind"))


@row("name the home that published it with --home; 'anchor verify' needs no secret")
def a_secret_in_another_home(w: Walk) -> None:
    site = w.new_site(LEDGER, "--blind")
    shutil.copytree(w.folder / "home", w.folder / "theirs")
    for folder in w.folder.glob("home/**/secrets"):
        shutil.rmtree(folder)
    for folder in [p for p in w.folder.glob("home/*") if "secret" in p.name]:
        shutil.rmtree(folder)
    w.provoke(*w.publish(LEDGER, "1.0.0", "--blind"))
    w.instead("--home", w.folder / "theirs")
    w.use("anchor verify", site.release, "--policy", site.policy)


@row(
    "bring the newest state of the published folder here, and publish the next number; or publish the very "
    "bytes of that version, which gives the same release in another folder; or complete what was interrupted "
    "with --resume; or name a home of its own with --home, for a trial"
)
def the_number_was_signed_before(w: Walk) -> None:
    assert w.site.release.is_file()
    w.provoke(*another(w, OTHER))
    w.instead("--home", w.folder / "trial")
    shutil.rmtree(w.folder / "another")
    w.ok(*another(w, LEDGER))
    shutil.rmtree(w.folder / "another")
    shutil.copytree(w.site.root, w.folder / "another")
    w.stopped_after("entry", *w.words, "--version", "1.1.0")
    w.follow("--resume")
    w.ok(*w.words, "--version", "1.1.0", "--resume")


@row("get the newest state of the published folder; or name a home of its own with --home")
def the_release_before_is_another(w: Walk) -> None:
    keep = w.folder / "newest"
    shutil.copytree(w.site.root, keep)
    theirs = ("--home", w.folder / "theirs")
    shutil.rmtree(w.folder / "site")
    w.ok(*w.publish(OTHER, "1.0.0", *theirs))
    w.provoke(*w.publish(THIRD, "1.1.0"))
    w.instead("--home", w.folder / "theirs")
    shutil.rmtree(w.folder / "site")
    shutil.move(keep, w.folder / "site")
    w.ok(*w.words)


@row(
    "get the newest state of the published folder; complete what was interrupted with 'anchor renew'; or "
    "give that up with --abandon"
)
def the_status_was_signed_before(w: Walk) -> None:
    shutil.copytree(w.site.root, w.folder / "older")
    w.ok(*withdraw(w, "--release", "1.0.0"))
    newest = w.folder / "newest"
    shutil.move(w.folder / "site", newest)
    shutil.copytree(w.folder / "older", w.folder / "site")
    w.provoke("renew", *renew(w))
    shutil.rmtree(w.folder / "site")
    shutil.move(newest, w.folder / "site")
    w.ok(*w.words)
    w.stopped_after("entry", *withdraw(w, "--release", "1.0.0", "--fact", 0))
    w.use("anchor renew", *renew(w))
    w.stopped_after("entry", *withdraw(w, "--release", "1.0.0", "--fact", 1))
    w.give("--abandon")


@row("complete it with 'anchor renew', and run this command then")
def another_status_was_interrupted(w: Walk) -> None:
    assert w.site.release.is_file()
    w.stopped_after("entry", *withdraw(w, "--release", "1.0.0", "--fact", 0))
    w.provoke(*withdraw(w, "--release", "1.0.0", "--fact", 1))
    w.use("anchor renew", *renew(w))
    w.ok(*w.words)


@row("complete it with 'anchor renew'", "{}; --abandon gives it up")
def a_status_stands_in_the_way(w: Walk) -> None:
    assert w.site.release.is_file()
    for way in ("anchor renew", "--abandon"):
        w.stopped_after("entry", *withdraw(w, "--release", "1.0.0"))
        w.provoke(*w.publish(OTHER, "1.1.0"))
        w.take("complete it with 'anchor renew'; --abandon gives it up", w.last)
        if way == "anchor renew":
            w.use(way, *renew(w))
            w.ok(*w.words)
            shutil.rmtree(w.folder / "site")
            shutil.rmtree(w.folder / "home")
            shutil.copytree(w.untouched().root, w.folder / "site")
            shutil.copytree(w.untouched().home, w.folder / "home")
        else:
            w.give("--abandon")
    w.rest = set()


@row("complete it first: publish that version again, with --resume")
def a_release_stands_in_the_way(w: Walk) -> None:
    assert w.site.release.is_file()
    w.stopped_after("entry", *w.publish(OTHER, "1.1.0"))
    w.provoke(*withdraw(w, "--release", "1.0.0"))
    w.follow("--resume")
    w.ok(*w.publish(OTHER, "1.1.0", "--resume"))
    w.ok(*w.words)


@row("name another one with --home")
def a_file_as_home(w: Walk) -> None:
    w.write("home", "a file")
    w.provoke(*w.publish(LEDGER, "1.0.0"))
    w.instead("--home", w.folder / "home2")


@row("name another folder with --home")
def a_home_inside_the_root(w: Walk) -> None:
    file = w.write("ledger.md", LEDGER)
    w.provoke("publish", file, *NAMED, "--root", w.folder)
    w.give("--home", w.folder.parent / f"{w.folder.name}-home")


@row("name it, with --fact for one fact of it")
def no_version(w: Walk) -> None:
    assert w.site.release.is_file()
    w.provoke(*withdraw(w))
    w.follow("--fact")
    w.ok(*w.words, "--release", "1.0.0", "--fact", 1)
    w.ok(*w.words, "--release", "1.0.0")


@row("give --home {}")
def the_signer_is_at_home_elsewhere(w: Walk) -> None:
    words = ("publish", w.write("ledger.md", LEDGER), *NEXT[:2], "--root", w.folder / "site", "--version")
    w.ok(*words, "1.0.0")
    w.write("ledger.md", OTHER)
    w.provoke(*words, "1.1.0", "--home", w.folder / "home2")
    w.follow("--home")
    w.ok(*words, "1.1.0", "--home", shlex.split(w.printed)[2].rstrip(";"))
    w.follow("--new-signer")
    w.ok(*words, "1.2.0", "--home", w.folder / "home3", "--new-signer")


@row("restore that home from a copy ('anchor instance restore'), and name its folder with --home")
def the_signer_is_gone(w: Walk) -> None:
    w.ok("instance", "backup", w.folder / "copy", "--home", w.site.home)
    shutil.move(w.site.home, w.folder / "gone")
    w.provoke(*w.publish(OTHER, "1.1.0"))
    shutil.rmtree(w.folder / "home", ignore_errors=True)
    w.use("anchor instance restore", w.folder / "copy", "--home", w.folder / "back", "--root", w.site.root)
    w.instead("--home", w.folder / "back")


@row("--new-signer goes on as another one")
def another_signer(w: Walk) -> None:
    assert w.site.release.is_file()
    w.provoke(*w.publish(OTHER, "1.1.0", "--home", w.folder / "home2"))
    assert "--policy" not in w.line, "two homes have two issuers"
    w.give("--new-signer")


@row("leave --number out")
def a_number_of_a_first_release(w: Walk) -> None:
    w.provoke("seal", w.write("a.md", LEDGER), *NEXT, "--number", 3, "--previous", w.site.path("statement"))
    w.leave_out("--number")


@row("name the statement of the release before with --previous")
def a_number_without_the_release_before(w: Walk) -> None:
    w.provoke("seal", w.write("a.md", LEDGER), *NEXT, "--number", 2)
    w.give("--previous", w.site.path("statement"))


@row("statement  SHA-256 {}, shown by --json")
def the_statement_of_a_dry_run(w: Walk) -> None:
    w.provoke(*w.publish(LEDGER, "1.0.0", "--dry-run"), code=0)
    assert "statement" in w.give("--json").document


@row("  and {} more; 'anchor diff' shows them")
def many_changes(w: Walk) -> None:
    many = "| Label | Value |\n|---|---|\n" + "".join(f"| L{n} | 1 |\n" for n in range(60))
    site = w.new_site(many)
    w.provoke(*w.publish(many.replace("| 1 |", "| 2 |"), "1.1.0", "--dry-run"), code=0)
    ran = w.use("anchor diff", site.release, w.folder / "ledger.md", "--policy", site.policy, "--all")
    assert "L59" in ran.out


@row("           anchor instance backup FOLDER {}", "--home {}")
def the_place_of_a_new_home(w: Walk) -> None:
    w.provoke(*w.publish(LEDGER, "1.0.0"), code=0)
    w.take("           anchor instance backup FOLDER {}", w.last)
    w.run("anchor instance backup", FOLDER=w.folder / "copy")


@row("--ledger {}")
def the_place_of_a_home_by_its_ledger(w: Walk) -> None:
    file = w.write("ledger.md", LEDGER)
    words = ("publish", file, "--name", "my ledger", "--version", "1.0.0", "--root", "site")
    w.provoke(*words, code=0)
    w.take("           anchor instance backup FOLDER {}", w.last)
    w.run("anchor instance backup", FOLDER=w.folder / "copy")


@row("run anchor verify on it")
def a_release_of_another_ledger_in_the_folder(w: Walk) -> None:
    other = ("--name", "other-ledger", "--version", "2.0.0", "--root", "other", "--home", w.folder / "home2")
    w.ok("publish", w.write("a.md", OTHER), *other)
    shutil.copytree(w.folder / "other" / "release" / "2.0.0", w.site.root / "release" / "2.0.0")
    w.provoke(*withdraw(w, "--release", "2.0.0"))
    there = w.site.root / "release" / "2.0.0"
    assert "other-ledger" in w.use("anchor verify", there, "--policy", w.site.policy, code=8).out
    shutil.rmtree(there)
    w.ok(*withdraw(w, "--release", "1.0.0"))


@row("the release {} (so says its release.json; anchor verify checks it)")
def a_release_with_a_time_that_is_to_come(w: Walk) -> None:
    release = w.site.release
    honest = release.read_text()
    release.write_text(re.sub(r'"time": "20\d\d', '"time": "2099', honest))
    for words in (w.publish(OTHER, "1.1.0"), withdraw(w, "--release", "1.0.0")):
        w.provoke(*words)
        w.use("anchor verify", w.site.root, "--policy", w.site.policy, code=8)
    release.write_text(honest)
    w.ok(*w.publish(OTHER, "1.1.0"))
    w.ok(*w.words)


@row(
    "set the clock where it is wrong; where it is right, publish as another signer with a home that is new "
    "(--home FOLDER --new-signer)"
)
def keys_that_have_ended(w: Walk) -> None:
    (w.folder / "home").mkdir(mode=0o700)
    Instance.create(w.folder / "home" / "instance", clock=lambda: datetime(1970, 1, 2, tzinfo=UTC)).close()
    w.provoke(*w.publish(LEDGER, "1.0.0"))
    w.follow("--home")
    w.follow("--new-signer")
    w.ok(*w.publish(LEDGER, "1.0.0", "--home", w.folder / "home2", "--new-signer"))


@row("nothing was sent: publish with a home that is new (--home FOLDER --new-signer)")
def a_list_of_signed_statements_that_is_full(w: Walk) -> None:
    size = (w.site.home / "signed.jsonl").stat().st_size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "SIGNED", size + 100)
        entries = w.site.entries()
        w.provoke(*w.publish(OTHER, "1.1.0"))
        assert w.site.entries() == entries
    w.follow("--home")
    w.follow("--new-signer")
    w.ok(*w.publish(OTHER, "1.1.0", "--home", w.folder / "home2", "--new-signer"))


@row("Ask the publisher to run 'anchor renew', which signs the status again as of now.")
def a_status_that_is_too_old(w: Walk) -> None:
    policy = w.site.policy
    w.ok("renew", *renew(w))
    policy.write_text(f'max_status_age = "1d"\n{policy.read_text()}')
    words = ("verify", w.site.release, "--policy", policy)
    w.ok(*words)
    with clocked(w.folder) as clock:
        late = clock.run(2 * 86400.0, *words)
        assert late.code == 4, late
        w.take(w.text, late)
        w.follow("anchor renew")
        for command in (("renew", *renew(w)), words):
            ran = clock.run(2 * 86400.0, *command)
            assert ran.code == 0, ran

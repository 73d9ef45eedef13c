# SPDX-License-Identifier: Apache-2.0
"""Messages about homes, records, instances and witnesses."""

import os
import shutil

from anchor.witness import store_mark
from tests.support.process.need import need
from tests.support.releases.published import LEDGER, NAME
from tests.support.remedies.walk import Walk, row

VKEY = "witness.example/w+61472bd6+AUPwG/QpxEFJZtzRzZZnPgH4ZyHTPGX0/jvZF9+XTiqD"
FIRST = ("--name", NAME, "--version", "1.0.0", "--root")


def cosigner(w: Walk) -> str:
    """The verifier key of a witness of our own, which is not reachable."""
    w.ok("witness", "init", "--name", "witness.example/w", "--home", "w0")
    shown = w.ok("witness", "show", "--home", "w0").out
    return next(word for word in shown.split() if word.startswith("witness.example/w+"))


def reverified(w: Walk, *home: object) -> tuple[object, ...]:
    words = ("reverify", w.site.release, "--policy", w.site.policy, *home)
    w.ok(*words)
    return words


@row("run 'anchor reverify RELEASE' first")
def no_records(w: Walk) -> None:
    w.provoke("status", "--home", "records")
    w.run("anchor reverify", "--policy", w.site.policy, "--home", "records", RELEASE=w.site.release)
    w.ok(*w.words)


@row("name a release: anchor reverify release.json")
def nothing_is_watched(w: Walk) -> None:
    w.provoke("reverify", "--policy", w.site.policy, "--home", "records", code=3)
    w.follow("anchor reverify")
    words = w.printed.split("anchor ")[1].split()
    assert words == ["reverify", "release.json"]
    w.ok(*words[:1], w.site.root / words[1], *w.words[1:])
    w.ok(*w.words)


@row("name them as anchor status does")
def forget_nothing(w: Walk) -> None:
    reverified(w, "--home", "records")
    w.provoke("reverify", "--forget", "--home", "records")
    shown = w.use("anchor status", "--home", "records", "--json").document
    w.ok(*w.words, shown["targets"][0]["target"])


@row("anchor status names what is")
def forget_another(w: Walk) -> None:
    reverified(w, "--home", "records")
    w.provoke("reverify", "other.json", "--forget", "--home", "records")
    shown = w.use("anchor status", "--home", "records", "--json").document
    w.ok("reverify", shown["targets"][0]["target"], "--forget", "--home", "records")


@row("accept what is served; anchor reverify looks again")
def accept_another_number(w: Walk) -> None:
    words = reverified(w, "--home", "records")
    accept = ("records", "accept", w.site.release, "--home", "records", "--reason", "meant", "--number")
    w.provoke(*accept, 7)
    w.use("anchor reverify", *words[1:])
    w.ok(*accept, 1)


@row(
    "name a home of its own with --home; or, where the new policy replaces the other one, 'anchor reverify "
    "--forget {}' with the --home of this command, and then this command again"
)
def watched_with_another_policy(w: Walk) -> None:
    reverified(w, "--home", "records")
    other = w.write("other.toml", f"# another one\n{w.site.policy.read_text()}")
    w.provoke("reverify", w.site.release, "--policy", other, "--home", "records")
    w.ok(*w.words[:-1], "others")
    w.follow("--home")
    w.run("anchor reverify", "--home", "records")
    w.ok(*w.words)


@row("give --csv or --json")
def two_formats(w: Walk) -> None:
    reverified(w, "--home", "records")
    w.provoke("history", "--csv", "--json", "--home", "records")
    for option, other in (("--csv", "--json"), ("--json", "--csv")):
        w.follow(option)
        w.ok(*[word for word in w.words if word != other])


@row("name the home with --home, or its ledger with --ledger")
def nothing_to_copy(w: Walk) -> None:
    words = ("publish", w.write("ledger.md", LEDGER), *FIRST, w.folder / "elsewhere")
    w.ok(*words)
    w.provoke("instance", "backup", "copy", "--home", w.folder / "nothing")
    w.follow("--ledger")
    w.ok("instance", "backup", "copy", "--ledger", NAME)
    w.follow("--home")
    w.ok("instance", "backup", "copy2", "--home", w.site.home)


@row("name what 'anchor instance backup' made")
def no_copy(w: Walk) -> None:
    (w.folder / "nothing").mkdir()
    w.provoke("instance", "restore", "nothing", "--home", "home2", "--newest")
    w.use("anchor instance backup", "copy", "--home", w.site.home)
    shutil.move(w.site.home, w.folder / "away")
    w.ok("instance", "restore", "copy", "--home", "home2", "--newest")


@row("give --ledger with its name, or --home")
def several_homes(w: Walk) -> None:
    file = w.write("ledger.md", LEDGER)
    for name in ("one", "two"):
        w.ok("publish", file, "--name", name, "--version", "1", "--root", w.folder / name)
    w.provoke("instance", "backup", "copy")
    w.give("--ledger", "one")
    w.follow("--home")
    home = next(
        p for p in (w.folder / "user" / "STATE" / "ledger-anchor").iterdir() if p.name.startswith("two")
    )
    w.ok("instance", "backup", "copy2", "--home", home)


@row("name the folder with --home")
def a_copy_without_a_ledger(w: Walk) -> None:
    w.ok("instance", "init", "--home", "home1")
    w.ok("instance", "backup", "copy", "--home", "home1")
    shutil.move(w.folder / "home1", w.folder / "away")
    w.provoke("instance", "restore", "copy", "--newest")
    w.give("--home", "home2")


@row("name another --home")
def an_instance_is_there(w: Walk) -> None:
    w.provoke("instance", "init", "--home", w.site.home)
    w.instead("--home", w.folder / "home2")
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.provoke("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.instead("--home", w.folder / "w2")


@row("make one with 'anchor instance init', or name another --home")
def no_instance(w: Walk) -> None:
    w.provoke("instance", "export", "-o", "out", "--home", w.folder / "nothing")
    w.instead("--home", w.site.home)
    w.use("anchor instance init", "--home", w.folder / "nothing")
    w.ok("instance", "export", "-o", "out2", "--home", w.folder / "nothing")


@row("no witnesses: 'anchor instance witness add URL VKEY' adds one")
def no_witnesses(w: Walk) -> None:
    w.provoke("instance", "witness", "list", "--home", w.site.home, code=0)
    w.run("anchor instance witness add", "--home", w.site.home, URL="http://127.0.0.1:9/", VKEY=cosigner(w))
    assert "witness.example/w" in w.ok(*w.words).out


@row("change it with 'anchor instance witness quorum' first")
def the_last_witness_of_a_quorum(w: Walk) -> None:
    home = ("--home", w.site.home)
    w.ok("instance", "witness", "add", "http://127.0.0.1:9/", cosigner(w), *home)
    w.ok("instance", "witness", "quorum", "1", *home)
    w.provoke("instance", "witness", "remove", "witness.example/w", *home)
    w.use("anchor instance witness quorum", "none", *home)
    w.ok(*w.words)


@row("change your file, and give it again with 'anchor instance witness policy FILE'")
def a_list_that_a_person_wrote(w: Walk) -> None:
    home = ("--home", w.site.home)
    w.ok("instance", "export", "-o", "out", *home)
    log = (w.folder / "out" / "vkey").read_text()
    text = f"# mine\nlog {log}witness a {cosigner(w)} http://127.0.0.1:9/\nquorum none\n"
    w.ok("instance", "witness", "policy", w.write("mine.policy", text), *home)
    w.provoke("instance", "witness", "quorum", "none", *home)
    w.run("anchor instance witness policy", *home, FILE=w.write("mine.policy", f"{text}# changed\n"))


@row("next    name the logs that it accepts: anchor witness logs add VKEY")
def after_a_new_witness(w: Walk) -> None:
    w.provoke("witness", "init", "--name", "example.com/w1", "--home", "w1", code=0)
    w.run("anchor witness logs add", "--home", "w1", VKEY=VKEY)


@row("folder  {}   keep it private, and keep a copy ('anchor witness backup')")
def keep_a_copy(w: Walk) -> None:
    w.provoke("witness", "init", "--name", "example.com/w1", "--home", "w1", code=0)
    w.use("anchor witness backup", "copy", "--home", "w1")


@row("key {}+{}   whole: anchor witness show")
def the_whole_key(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.rest = set()
    w.printed = "anchor witness show"
    assert "example.com/w1+" in w.use("anchor witness show", "--home", "w1").out


@row("name a key of the log, or --list")
def no_key_of_a_log(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.provoke("witness", "logs", "add", "--home", "w1")
    w.ok(*w.words, VKEY)
    w.follow("--list")
    text = f"logs/v0\nvkey {VKEY}\nqpd 1440\ncontact a\n"
    w.ok(*w.words, "--list", w.write("list.txt", text))


@row("see 'anchor witness restore --help', or make a witness with new keys")
def a_copy_that_may_be_old(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.ok("witness", "backup", "copy", "--home", "w1")
    shutil.move(w.folder / "w1", w.folder / "away")
    w.provoke("witness", "restore", "copy", "--home", "w1")
    assert "--newest" in w.use("anchor witness restore", "--help").out
    w.ok(*w.words, "--newest")


@row(
    "restore it ('anchor witness restore'); {}",
    "a witness with new keys ('anchor witness init') can cosign nothing that contradicts this one",
)
def a_store_that_is_gone(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    w.ok("witness", "backup", "copy", "--home", "w1")
    for file in (w.folder / "w1").glob("store.sqlite*"):
        file.unlink()
    w.provoke("witness", "show", "--home", "w1")
    if "anchor witness restore" in w.rest:
        shutil.move(w.folder / "w1", w.folder / "away")
        w.use("anchor witness restore", "copy", "--home", "w1", "--newest")
        w.ok(*w.words)
    if "anchor witness init" in w.rest:
        w.use("anchor witness init", "--name", "example.com/w1", "--home", "w2")


@row("put the newest store back, or see 'anchor witness catch-up --help'; ")
def a_store_that_was_put_back(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    store_mark.create(w.folder / "w1" / "store.mark", 5)  # that of a newer store
    w.provoke("witness", "serve", "--listen", "127.0.0.1:0", "--home", "w1")
    assert "--accept-store" in w.use("anchor witness catch-up", "--help").out
    w.ok("witness", "catch-up", "--accept-store", "--home", "w1")


@row("make one with 'anchor witness init', or name --home")
def no_witness(w: Walk) -> None:
    w.provoke("witness", "show", "--home", "w1")
    w.use("anchor witness init", "--name", "example.com/w1", "--home", "w1")
    w.ok(*w.words)
    w.follow("--home")
    w.ok("witness", "init", "--name", "example.com/w2", "--home", "w2")
    w.ok("witness", "show", "--home", "w2")


@row("add it first ('anchor witness logs add')")
def a_head_of_an_unknown_log(w: Walk) -> None:
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    w.provoke("witness", "catch-up", note, "--home", "w1")
    w.ok("instance", "export", "-o", "out", "--home", w.site.home)
    w.use("anchor witness logs add", (w.folder / "out" / "vkey").read_text().strip(), "--home", "w1")
    assert "not in the list" not in w.ok(*w.words, code=2).err  # the witness has not cosigned it


@row("run it as this user: runuser -u {} -- anchor witness ...")
def the_home_of_another_user(w: Walk) -> None:
    need(os.geteuid() == 0, "run as root: only root changes the owner of a folder")
    w.ok("witness", "init", "--name", "example.com/w1", "--home", "w1")
    os.chown(w.folder / "w1", 65534, 65534)
    w.provoke("witness", "logs", "add", VKEY, "--home", "w1")
    w.follow("-u")
    assert "runuser -u nobody -- anchor witness" in w.printed
    os.chown(w.folder / "w1", 0, 0)  # what runs as the owner
    w.use("anchor witness", "logs", "add", VKEY, "--home", "w1")


@row("run the witness as another user, on another machine, or name another --home")
def a_witness_in_the_home_of_a_publisher(w: Walk) -> None:
    w.provoke("witness", "init", "--name", "example.com/w1", "--home", w.site.home)
    w.instead("--home", w.folder / "w1")


@row("name a release, or name one later: anchor reverify RELEASE --interval {}")
def an_interval_for_nothing(w: Walk) -> None:
    w.provoke("watch", "--policy", w.site.policy, "--home", "records", "--interval", "12h")
    more = ("--policy", w.site.policy, "--home", "records")
    w.run("anchor reverify", *more, RELEASE=w.site.release)


@row("name the log with --log", "name its place with --log")
def a_log_that_nobody_reads(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    w.ok("instance", "export", "-o", "out", "--home", w.site.home)
    key = (w.folder / "out" / "vkey").read_text().strip()
    w.provoke("compare", "-v", note, "--vkey", key, "--home", "records", code=3)
    w.give("--log", note.parent)


@row("name the log's key with --vkey, or a policy whose trusted root has the log")
def a_log_that_nobody_knows(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    w.provoke("compare", note, "--vkey", VKEY, "--home", "records", code=8)
    w.ok("instance", "export", "-o", "out", "--home", w.site.home)
    place = ("--log", note.parent)
    w.give("--vkey", (w.folder / "out" / "vkey").read_text().strip(), *place)
    w.ok("compare", note, "--policy", w.site.policy, "--home", "records", *place)


@row("leave --witness out")
def a_witness_offline(w: Walk) -> None:
    (note,) = w.site.root.glob("release/log/*/checkpoint")
    words = (
        "compare",
        note,
        "--policy",
        w.site.policy,
        "--home",
        "records",
        "--log",
        note.parent,
        "--offline",
    )
    w.provoke(*words, "--witness", "https://witness.example/")
    w.leave_out("--witness")


@row("allow more with --max-size, if you trust what is there")
def a_mirror_without_room(w: Walk) -> None:
    w.provoke("mirror", w.site.root, "mirror", "--policy", w.site.policy, "--max-size", 1, code=3)
    w.instead("--max-size", 1 << 20)

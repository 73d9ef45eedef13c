# SPDX-License-Identifier: Apache-2.0
"""The attacks of docs/attacks.md, and what each of their four acts comes to."""

from tests.support.attacks.acts import (
    EQUIVOCATION,
    INVALID,
    OK,
    UNAVAILABLE,
    USAGE,
    Act,
    Attack,
    nothing,
)
from tests.support.attacks.attacked import dump
from tests.support.attacks.steps import (
    a_strangers,
    ahead_of_the_end,
    always,
    another_change,
    another_key,
    apart_faces,
    at_once,
    behind_cdn,
    beside,
    changed_log,
    cleared,
    clock,
    deaf,
    doubt,
    edited,
    ended,
    ends_soon,
    first_statement,
    forked,
    forked_and_honest,
    gone,
    good_again,
    grown,
    headless,
    hears_again,
    in_turns,
    large_log,
    mended,
    mended_reachable,
    newer_view,
    one_face,
    put_back,
    reachable,
    read_only,
    recovered,
    saved_and_forked,
    saved_and_grown,
    second_statement,
    signed_again,
    spoilt_tile,
    swapped,
    tampered_unreachable,
    thawed,
    told_of_two,
    truth,
    two_faces,
    written_over,
)
from tests.support.attacks.table_cdn import CDN, PUT_BACK
from tests.support.logs.simlog import SimLog

LOG = [
    Attack(
        line="the log forks at equal size, or grows from another history",
        how="at equal size",
        lie=lambda p: p.serve(p.log.fork(1)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
        apart=True,
        both=True,
    ),
    Attack(
        line="the log forks at equal size, or grows from another history",
        how="larger",
        lie=lambda p: p.serve(p.log.fork(1, size=400)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
    ),
    Attack(
        line="it forks before it was first watched",
        how="the bundle knows",
        seen=False,
        lie=lambda p: p.serve(p.log.fork(1, size=400)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
        both=True,
    ),
    Attack(
        line="rewind (wiped storage, same key)",
        how="to 3",
        scene=grown,
        lie=lambda p: p.serve(p.log.rewind(3)),
        honest=truth,
        acts=doubt((2, 0, 1)),
        apart=True,
        both=True,
    ),
    Attack(
        line="old checkpoint",
        how="of size 10",
        scene=grown,
        lie=lambda p: p.serve(p.log.clone().show(10)),
        honest=truth,
        acts=doubt((3, 0, 1)),
    ),
    Attack(
        line="it forks, and then is silent, smaller, honest, or signs with another key",
        how="silent",
        scene=forked,
        lie=lambda p: changed_log(p, lambda g: g.withhold("checkpoint")),
        honest=truth,
        acts=(
            Act(EQUIVOCATION, (), (2, 1, 1)),
            Act(EQUIVOCATION, ("UNAVAILABLE",), (2, 1, 1)),
            Act(EQUIVOCATION, (), (2, 1, 1)),
            Act(EQUIVOCATION, (), (2, 1, 1)),
        ),
    ),
    Attack(
        line="it forks, and then is silent, smaller, honest, or signs with another key",
        how="honest",
        scene=forked,
        lie=truth,
        honest=truth,
        acts=always(EQUIVOCATION, (2, 1, 1)),
    ),
    Attack(
        line="it forks, and then is silent, smaller, honest, or signs with another key",
        how="another key",
        scene=forked,
        lie=another_key,
        honest=truth,
        acts=(
            Act(EQUIVOCATION, (), (2, 1, 1)),
            Act(EQUIVOCATION, ("UNAVAILABLE",), (2, 1, 1)),
            Act(EQUIVOCATION, (), (2, 1, 1)),
            Act(EQUIVOCATION, (), (2, 1, 1)),
        ),
    ),
    Attack(
        line="two faces to two watchers, seen through a second view, or one database",
        how="second view",
        scene=grown,
        lie=two_faces,
        honest=one_face,
        acts=(
            Act(EQUIVOCATION, ("EQUIVOCATION",), (3, 1, 1)),
            Act(EQUIVOCATION, (), (3, 1, 1)),
            Act(EQUIVOCATION, ("UNAVAILABLE",), (3, 1, 1)),
            Act(EQUIVOCATION, (), (3, 1, 1)),
        ),
        both=True,
    ),
    Attack(
        line="two faces to two watchers who share nothing",
        how="two homes",
        lie=apart_faces,
        honest=nothing,
        acts=always(OK, (2, 0, 1)),
    ),
    Attack(
        line="rewind that is written over",
        how="larger",
        scene=grown,
        lie=written_over,
        honest=truth,
        acts=at_once(EQUIVOCATION, (3, 1, 1)),
    ),
    Attack(
        line="smaller head of another history, tiles kept",
        how="of size 200",
        scene=grown,
        lie=lambda p: p.serve(p.log.fork(1, size=200)),
        honest=truth,
        acts=at_once(EQUIVOCATION, (3, 1, 1), Act(EQUIVOCATION, ("EQUIVOCATION",), (3, 2, 1))),
    ),
    Attack(
        line="one signed head of another history without tiles, then honest again",
        how="of size 1500",
        scene=large_log,
        lie=lambda p: headless(p, 1500),
        honest=truth,
        acts=(
            *doubt((3, 0, 1))[:2],
            Act(UNAVAILABLE, ("UNAVAILABLE",), (3, 0, 1)),
            Act(EQUIVOCATION, ("EQUIVOCATION",), (3, 1, 1)),
        ),
        both=True,
    ),
    Attack(
        line="signed heads whose tiles never come (of size 2^63-1, say)",
        how="the largest",
        lie=lambda p: headless(p, 2**63 - 1),
        honest=truth,
        acts=(
            *doubt((2, 0, 1))[:2],
            Act(UNAVAILABLE, ("UNAVAILABLE",), (2, 0, 1)),
            Act(UNAVAILABLE, (), (2, 0, 1)),
        ),
    ),
    Attack(
        line="frozen",
        how="and a view is newer",
        scene=grown,
        lie=newer_view,
        honest=thawed,
        acts=(
            Act(OK, (), (3, 0, 1)),
            Act(UNAVAILABLE, (), (3, 0, 1), damped=True),
            Act(UNAVAILABLE, ("UNAVAILABLE",), (3, 0, 1)),
            Act(OK, ("recovered",), (3, 0, 1)),
        ),
    ),
    Attack(
        line="entry hidden, or swapped under the same tiles",
        how="hidden",
        lie=lambda p: changed_log(p, lambda g: g.withhold("tile/entries/000.p/3")),
        honest=truth,
        acts=doubt(),
    ),
    Attack(
        line="entry hidden, or swapped under the same tiles",
        how="swapped",
        lie=swapped,
        honest=truth,
        acts=doubt(),
    ),
    Attack(
        line="entry swapped in a tree that is signed again",
        how="entry 2",
        lie=signed_again,
        honest=truth,
        acts=at_once(EQUIVOCATION, (2, 1, 1)),
    ),
    Attack(
        line="one byte of a tile, a proof, an entry bundle",
        how="tile",
        lie=spoilt_tile,
        honest=truth,
        acts=(
            *doubt((2, 0, 1))[:2],
            Act(UNAVAILABLE, ("UNAVAILABLE",), (2, 0, 1)),
            Act(OK, ("recovered",), (2, 0, 1)),
        ),
    ),
    Attack(
        line="checkpoint by another key, of another origin, of a size never signed, no note",
        how="another key",
        lie=another_key,
        honest=truth,
        acts=doubt(),
    ),
    Attack(
        line="checkpoint by another key, of another origin, of a size never signed, no note",
        how="another origin",
        lie=lambda p: dump(SimLog(p.log.stored, origin="elsewhere.example"), p.served),
        honest=truth,
        acts=doubt(),
    ),
    Attack(
        line="a retired log grows",
        how="by one",
        scene=ended,
        lie=lambda p: changed_log(p, lambda g: g.grow(1)),
        honest=truth,
        acts=at_once(INVALID, (2, 0, 1)),
    ),
    Attack(
        line="a retired log is silent, its last head held",
        how="silent",
        scene=ended,
        lie=lambda p: changed_log(p, lambda g: g.withhold("checkpoint")),
        honest=truth,
        acts=always(OK),
    ),
    Attack(
        line="100 MB, redirects elsewhere, 404, 5xx, silence: log or CDN",
        how="CDN 503",
        scene=behind_cdn,
        lie=lambda p: setattr(p.cdn, "status", 503),
        honest=cleared,
        acts=doubt(),
        both=True,
    ),
    Attack(
        line="100 MB, redirects elsewhere, 404, 5xx, silence: log or CDN",
        how="log 404",
        lie=lambda p: changed_log(p, lambda g: g.withhold("checkpoint")),
        honest=truth,
        acts=doubt(),
    ),
]


PUBLISHER = [
    Attack(
        world="tongues",
        line="publisher: two statements with one name and number",
        how="in its place",
        lie=second_statement,
        honest=first_statement,
        acts=at_once(EQUIVOCATION, (2, 1, 2)),
        both=True,
    ),
    Attack(
        world="tongues",
        line="publisher: a release whose `previous` is another one than was shown",
        how="release 2",
        lie=lambda p: p.show(p.sites["later"].root),
        honest=first_statement,
        acts=at_once(EQUIVOCATION, (2, 1, 2), Act(EQUIVOCATION, ("UNAVAILABLE",), (2, 1, 2))),
        both=True,
    ),
    Attack(
        world="tongues",
        line="publisher: two statements, then a later release, or nothing",
        how="nothing",
        scene=told_of_two,
        lie=gone,
        honest=first_statement,
        acts=(
            Act(EQUIVOCATION, (), (2, 1, 2)),
            Act(EQUIVOCATION, ("UNAVAILABLE",), (2, 1, 2)),
            *(Act(EQUIVOCATION, (), (2, 1, 2)),) * 2,
        ),
    ),
    Attack(
        world="tongues",
        line="somebody else signs a release with that number",
        how="another ledger",
        lie=a_strangers,
        honest=first_statement,
        acts=(Act(INVALID, ("INVALID",)), Act(INVALID, ("UNAVAILABLE",)), Act(INVALID), recovered()),
    ),
    Attack(
        world="tongues",
        line="two publishers share a ledger name, each accepted by a policy of its own in one home",
        how="in turns",
        lie=beside,
        honest=nothing,
        acts=always(OK, (2, 0, 2)),
        both=True,
    ),
]
RECORDS = [
    Attack(
        line="records rolled back or deleted",
        how="rolled back",
        scene=saved_and_grown,
        lie=put_back,
        honest=nothing,
        acts=(*(Act(UNAVAILABLE, (PUT_BACK,), (2, 0, 1)),) * 3, Act(OK, (), (2, 0, 1))),
    ),
    Attack(
        line="the same after an equivocation",
        how="rolled back",
        scene=saved_and_forked,
        lie=put_back,
        honest=nothing,
        acts=(
            *(Act(EQUIVOCATION, (PUT_BACK, "EQUIVOCATION"), (2, 1, 1)),) * 3,
            Act(EQUIVOCATION, (), (2, 1, 1)),
        ),
    ),
    Attack(
        line="records edited, triggers dropped",
        how="checkpoints",
        lie=edited("UPDATE checkpoints SET seen_ms = 1"),
        honest=nothing,
        acts=at_once(INVALID),
    ),
    Attack(
        line="what is watched, due or told edited; releases or messages taken out",
        how="releases",
        lie=edited(
            "DELETE FROM anchors",
            "DELETE FROM shown",
            "UPDATE targets SET release_id = NULL",
            "DELETE FROM releases",
        ),
        honest=nothing,
        acts=at_once(INVALID, (1, 0, 0)),
    ),
    Attack(
        line="evidence edited, triggers dropped",
        how="found",
        scene=forked_and_honest,
        lie=edited("UPDATE evidence SET found_ms = 1"),
        honest=nothing,
        acts=at_once(INVALID, (2, 1, 1)),
    ),
    Attack(
        line="records full or not to be reached, by `reverify` and `watch`",
        how="an edited ledger",
        lie=tampered_unreachable,
        honest=mended_reachable,
        acts=(*(Act(INVALID, ("INVALID",)),) * 3, Act(OK)),
    ),
    Attack(
        line="records read-only",
        how="SQLite",
        lie=read_only,
        honest=reachable,
        acts=(Act(USAGE, (), (0, 0, 0)),) * 3 + (Act(OK),),
    ),
]
CLOCK = [
    Attack(line="clock ahead by years", how="400 days", lie=clock(400), honest=clock(401), acts=always(OK)),
    Attack(
        line="clock ahead for a moment",
        how="400 days",
        lie=clock(400),
        honest=clock(0),
        acts=always(OK, last=Act(UNAVAILABLE)),
    ),
    Attack(
        line="clock ahead of a log's end, then right again",
        how="60 days",
        scene=ends_soon,
        lie=ahead_of_the_end,
        honest=nothing,
        acts=always(OK, (2, 0, 1)),
    ),
    Attack(
        line="clock back",
        how="400 days",
        lie=clock(-400),
        honest=clock(0),
        acts=(Act(UNAVAILABLE), Act(OK), Act(OK), Act(OK)),
    ),
]
TOLD = [
    Attack(
        line="a harmless change, and after it was told another one, or edited records",
        how="another",
        lie=another_change,
        honest=good_again,
        acts=(Act(INVALID, ("INVALID",)), Act(INVALID, ("INVALID",)), Act(INVALID), recovered()),
    ),
    Attack(
        line="a site or a log that is bad in every other run",
        how="site",
        lie=in_turns,
        honest=mended,
        acts=(Act(INVALID, ("INVALID",)), recovered(), Act(INVALID, ("INVALID",)), Act(OK)),
    ),
    Attack(
        line="receiver gone",
        how="answers 500",
        lie=deaf,
        honest=hears_again,
        acts=always(INVALID, last=Act(INVALID, ("INVALID",))),
    ),
]

TABLE = [*LOG, *CDN, *PUBLISHER, *RECORDS, *CLOCK, *TOLD]

ELSEWHERE = {
    "publisher: a version published again under another number": "test_publisher_attacks",
    "the same, and an earlier release or its bundles are withheld": "test_publisher_attacks",
    "publisher: another history, of which only a release is shown whose neighbours were never seen "
    "(1 was verified, 3' is shown)": "test_publisher_attacks",
    "an online log's proof, entry or head changed on the way (Rekor v1)": "needs a Rekor: test_rekor_v1_lies",
    "CDN: a whole release swapped between two requests": "is over within a run: test_torn_copies",
    "a stranger's release with a higher number, verified at the same target under another policy": (
        "two policies in turns: test_rollbacks"
    ),
    "CDN: anchors of strangers, stamps and authorities that multiply each other": (
        "half a minute for each run: test_costly_releases"
    ),
    "CDN: one anchor of several left out, whose log then forks": "in four runs: test_left_out_anchor",
    "a log that once counted is no longer named by today's trust": "with two roots: test_left_out_anchor",
    "records deleted or replaced under a running `watch`": "one process runs in all acts: test_watch_attacks",
    "the disk becomes full in the middle of a run, then there is room again": "a disk: test_records_outage",
    "`watch` killed in a run": "the restart is the attack: test_watch_attacks",
    "another cause in each of thousands of runs": "needs a day of runs: test_alarms",
    "CDN: an old status, or a release.json without its status": "needs a status: test_status_history",
    "the same with records that were deleted or cannot be read": "needs a status: test_status_history",
    "CDN: a status by somebody else": "needs a status: test_status_history",
    "publisher: two statuses of one sequence, a status that lost or changed an entry, or one that names "
    "another statement for a release that was seen": "needs a status: test_status_history",
    "publisher: a release or a fact is withdrawn": "needs a status: test_status_history",
    "an index that hides a fact, and a receipt of its absence": "is in a receipt: test_hidden_key",
    "a message that holds markup, mentions, forged lines, or is longer than its receiver takes": (
        "is about one message: test_receivers_limits"
    ),
    "the same, and one of them gets the other's checkpoint (`anchor compare`)": (
        "needs a stranger's checkpoint: test_compare_heads"
    ),
    "a checkpoint of another history, larger than the log shows; then withdrawn": (
        "needs a stranger's checkpoint: test_compare_heads"
    ),
    "a log that withholds or spoils the tiles between a stranger's checkpoint and its own": (
        "needs a stranger's checkpoint: test_compare_heads"
    ),
    "a source of `anchor mirror` goes back, leaves an anchor or a status out, spoils or withholds files": (
        "is about a mirror: test_mirror_attacks"
    ),
    "the same source shows another history, of releases, statuses or a log": (
        "is about a mirror: test_mirror_attacks"
    ),
    "somebody signs in the publisher's name, at the end of a tile, in a partial tile, or in a shard "
    "that began later": ("needs a log that is read whole: test_names"),
    "the same, and the log hides the entry, serves an older head, or the watch starts again": (
        "needs a log that is read whole: test_names"
    ),
    "the same in a tile that is pruned or hidden before it was read": (
        "needs a log that is read whole: test_names"
    ),
    "the same, and the records are deleted": "needs a log that is read whole: test_names",
    "10,000 entries in the publisher's name": "needs a log that is read whole: test_names",
    "certificates that anybody made, with the publisher's name": (
        "needs a log that is read whole: test_names"
    ),
    "a server of tiles makes up an entry in the publisher's name": (
        "needs a log that is read whole: test_names"
    ),
    "a copied home publishes another history, and asks the same witnesses": (
        "needs witnesses: test_witness_attacks"
    ),
    "two histories, each shown to one of two witnesses": "needs witnesses: test_witness_attacks",
    "a home that was restored from an old copy publishes": "needs witnesses: test_witness_attacks",
    "a witness whose store was rolled back": "needs witnesses: test_witness_attacks",
    "a cosignature that is replayed, of another log, of another key, from the future, of time 0, or "
    "altered": ("needs witnesses: test_witness_attacks"),
    "one witness key under two names or at two URLs, the log's own key as a witness": (
        "needs witnesses: test_witness_attacks"
    ),
    "a witness that is down, hangs, drips, floods, redirects, or names another size each time": (
        "needs witnesses: test_witness_attacks"
    ),
    "one person signs as two: in two logs, under two issuers, in another case, through one "
    "expression, with an authority of his own": ("is a verification: test_two_signers"),
    "one of two anchors is left out, or cannot be read": "is a verification: test_two_signers",
    "the second signer is killed anywhere": "is a publication: test_crash_second_signer",
    "cosignatures of another log or size, from the future, of a key under two names, of the log's own"
    " key, or of strangers": ("is a verification: test_policy_witnesses"),
    "two keys of one operator as two witnesses of a quorum": "is a verification: test_policy_witnesses",
    "a log signs under another of its names than the one with a `tlog_policy`; a bundle without a log under "
    "`--tlog-policy`": "is a verification: test_policy_witnesses, test_verify_bundle_command",
    "a log goes on without its witnesses": "needs a quorum: test_reverify_witnesses",
    "a policy whose quorum became weaker between two runs": "needs a quorum: test_reverify_witnesses",
}
"""Lines that are not played here, and why: where they are played instead."""

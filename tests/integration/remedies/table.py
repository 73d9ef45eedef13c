# SPDX-License-Identifier: Apache-2.0
"""The table of all messages with a way out: followed in a module here, followed by another test, or no way.

A new message needs a row. Write it beside those of its kind: a function that provokes the message with a
command, and follows every command, option and setting that the printed text names. The helper is
`tests/support/remedies/walk.py`.
"""

from tests.integration.remedies import (
    contradictions,
    facts,
    instances,
    keeping,
    publishing,
    reading,
    showing,
    trusting,
    watching,
)

MODULES = (contradictions, facts, instances, keeping, publishing, reading, showing, trusting, watching)
"""Their import fills `walk.ROWS`."""

_SIGNER = "tests/attacks/test_another_signer.py"
_ONE_TABLE = "tests/integration/test_corpus.py::test_a_table_that_looks_like_two_can_be_one"
_CORPUS = "tests/integration/test_corpus.py::test_a_file_is_read_right_or_its_remedy_gives_the_right_ledger"
_TAGS = f"{_SIGNER}::test_the_tags_of_a_workflow_are_one_signer_for_the_policy_that_says_so"
_KINDS = "tests/integration/test_given_files.py::test_the_command_that_the_line_names_reads_the_file"
_DATABASE = "tests/integration/test_given_files.py::test_the_command_that_the_line_names_reads_the_database"
_HOMES = "tests/attacks/test_adopted_homes.py"
_COPIES = "tests/attacks/test_home_backup.py"
_RUNBOOK = "tests/attacks/test_alarm_words.py::test_every_line_of_the_runbook_works_as_it_is_printed"
_TWO_HOMES = f"{_HOMES}::test_two_homes_that_could_be_meant_are_refused_with_both_paths"
_TWO_RECORDS = f"{_HOMES}::test_several_records_of_version_0_1_are_not_begun_anew"
_LOST_HOME = f"{_HOMES}::test_a_lost_home_that_was_adopted_is_restored_in_its_place"
_OLD_COPY = f"{_COPIES}::test_what_the_refusal_says_then_works"
_NEWEST = f"{_COPIES}::test_nobody_knows_whether_it_is_the_newest"
_OUTDATED = "tests/unit/records/test_outdated.py::test_outdated_tables_that_cannot_be_made_again_are_not_read"
_AHEAD = f"{_SIGNER}::test_a_clock_that_was_ahead_and_is_right_again_names_the_way_out"
_HELP = "tests/unit/cli/test_help.py::test_each_example_is_one_command_line_of_a_shell"
_WATCHED = "test_a_watch_of_nothing_waits_and_says_how_a_release_is_named_which_it_then_takes_up"
_WATCH = f"tests/integration/test_watch.py::{_WATCHED}"
_ROLLBACK = (
    "tests/attacks/test_alarm_words.py::test_a_rollback_that_is_meant_is_accepted_as_the_runbook_prints_it"
)
_PROVEN = "tests/unit/records/test_run_proofs.py"
_INSPECTED = "tests/unit/inspect/test_inspect_proof_of_runs.py::test_a_proof_that_is_given_elsewhere_is_named"
_PROVING = f"{_PROVEN}::test_the_commands_prove_and_verify"
_DAMAGED = f"{_PROVEN}::test_damaged_records_make_no_proof"
_UNANCHORED = f"{_PROVEN}::test_without_an_anchored_head_nothing_is_proven"
_MANY_RUNS = f"{_PROVEN}::test_too_many_single_runs_are_proven_by_a_time"
_QUORUM = "test_a_quorum_that_is_missing_is_pending_and_resume_completes_the_same_entry"
_PENDING = f"tests/integration/test_instance_witnesses.py::{_QUORUM}"
_EACH = "tests/integration/test_policy_command.py::test_one_pin_for_each_instance"
_ADDED = (
    "tests/integration/test_policy_command.py::test_a_publisher_is_told_whom_somebody_added_to_his_release"
)
_SERVED = "tests/interop/test_remedies_real.py::test_the_lines_that_a_served_instance_prints_sign_and_verify"
_MIRRORED = (
    "tests/interop/test_remedies_real.py::test_the_tiles_of_a_log_of_others_are_in_the_mirror_on_demand"
)
_LATE = "tests/interop/test_rekor_v1_late.py"
_GIVEN_UP = f"{_LATE}::test_without_a_time_stamp_it_is_kept_and_listed_until_it_is_given_up"
_LET_GO = (
    "tests/attacks/test_left_out_anchor.py::"
    "test_a_root_that_no_longer_names_the_log_is_told_until_a_person_lets_it_go"
)
_UNASKED = f"{_SIGNER}::test_bundles_of_another_signer_that_are_kept_are_put_in_no_other_folder_unasked"
_EACH_LOG = "tests/integration/test_withdraw.py::test_a_status_is_in_each_log_of_the_release"
_PUT_BACK = "tests/attacks/test_anchored_heads.py::test_what_is_said_of_records_that_were_put_back_then_works"
_OTHER_EVENTS = (
    "tests/attacks/test_anchored_heads.py::test_records_whose_last_head_is_of_other_events_are_not_anchored"
)
_ONE_LOG_LEFT = "tests/interop/test_heads_real.py::test_a_log_that_may_have_it_is_named_again_or_given_up"
ELSEWHERE = {
    "{} did not sign from this home, and the policy accepts him: give it to nobody unless you know him: with "
    "--policy, whom your own policy does not accept is refused. A new --version has the signatures of this "
    "home alone.": _ADDED,
    "--cert-identity {} --cert-oidc-issuer {}": _SERVED,
    "--certificate-identity {} --certificate-oidc-issuer {}": _SERVED,
    "{} sigstore --trust-config {} sign FILE": _SERVED,
    "sigstore --trust-config {} verify identity {} FILE": _SERVED,
    "--signing-config {} --trusted-root {}": _SERVED,
    "cosign sign-blob --yes {} --identity-token {} --bundle FILE.sigstore.json FILE": _SERVED,
    "cosign verify-blob --trusted-root {} --bundle FILE.sigstore.json {} FILE": _SERVED,
    "not mirrored: it is not run by the publisher; --public-logs has its tiles too": _MIRRORED,
    "it may still come into the log; --abandon gives it up and signs anew": _GIVEN_UP,
    "; its certificate has expired, so look with --resume, or give it up with --abandon": _GIVEN_UP,
    "trust it again, or let it go with 'anchor records forget-log'": _LET_GO,
    "nothing was put in place: --new-signer goes on as another one": _UNASKED,
    "nothing was put in place: run it again, with --also for each further log of the release": _EACH_LOG,
    "anchor publish ledger.md --name my-ledger --version 1.0.0 --root site --policy-out policy.toml": _HELP,
    "anchor evidence check ledger.md --evidence evidence/evidence.toml": _HELP,
    "anchor trust pin public -o trusted_root.json": _HELP,
    "anchor withdraw site --release 1.0.0 --fact 12 --kind corrected --reason 'row 12 was 44,010'": _HELP,
    " --policy {}": _WATCH,
    " --home {}": _WATCH,
    "  anchor reverify RELEASE{}{}": _WATCH,
    "ask the publisher; if it is meant: anchor records accept {} --number {} --reason ...": _ROLLBACK,
    "run it again with --resume": _PENDING,
    "nothing was put in place: run it again with --resume": _PENDING,
    "ask the publisher for its digest, and give --trusted-root-sha256 once for each of them": _EACH,
    "give --home with the one that signed the newest release; or move the other one out of {} if you do not "
    "need it": _TWO_HOMES,
    "give --home with one of them, or run the command in the folder for which it was made; --home {} begins "
    "others, which are used from then on": _TWO_RECORDS,
    "put that folder back, or restore a copy with 'anchor instance restore'": _LOST_HOME,
    "restore a newer copy; without one, these keys must not sign again: publish as another signer, with a "
    "home that is new (--home FOLDER --new-signer), and hand out the new policy": _OLD_COPY,
    "name each published site with --root and --online; or say --newest, if you know that nothing "
    "was": _NEWEST,
    "set the clock where it is wrong; where it is right, that time was signed by a clock that was ahead: "
    "wait until then, or publish as another signer with a home that is new (--home FOLDER "
    "--new-signer)": _AHEAD,
    "run 'anchor reverify' where they can be written": _OUTDATED,
    "anchor status": _RUNBOOK,
    "anchor history --limit 5 --release {target}": _RUNBOOK,
    "anchor verify {target}": _RUNBOOK,
    "anchor records export --evidence -o evidence/": _RUNBOOK,
    "anchor records check": _RUNBOOK,
    "anchor records anchor": _RUNBOOK,
    "nothing was signed: put the newest state of the database back; records that are lost for good begin "
    "again as another history, in another home (--home)": _PUT_BACK,
    "nothing was signed: 'anchor records check' says what was changed; put the newest state of the database "
    "back": _OTHER_EVENTS,
    "name its instance too, with --instance; --abandon gives it up there": _ONE_LOG_LEFT,
    "anchor records export -o records.jsonl": _RUNBOOK,
    "anchor verify": _KINDS,
    "anchor verify-receipt": _KINDS,
    "anchor verify-bundle": _KINDS,
    "anchor verify-history": _INSPECTED,
    "anchor verify-history checks it, and counts its runs": _PROVING,
    "anchor compare": _KINDS,
    "anchor verify --policy": _KINDS,
    "anchor verify --trusted-root": _KINDS,
    "anchor inspect": _KINDS,
    "anchor status --database sqlite:///{}": _DATABASE,
    "anchor witness show --home {folder}": _DATABASE,
    "give --policy with an identity_regex that both meet, which says that they are one": _TAGS,
    ", or give --empty-lines all {} if it is one table": _ONE_TABLE,
    "get the file: git lfs pull --include {}": _CORPUS,
    "give a file that 'anchor records prove' made": _PROVING,
    "give the numbers of runs, or --since": _PROVING,
    "give --since too": _PROVING,
    "name a file with -o": _PROVING,
    "'anchor history --json' lists the runs with their numbers": _PROVING,
    "'anchor records check' says what was changed": _DAMAGED,
    "run 'anchor records anchor'": _UNANCHORED,
    "{} ended after the newest anchored head, and cannot be proven yet: run 'anchor records "
    "anchor'": _UNANCHORED,
    "prove fewer runs at once, or use --since": _MANY_RUNS,
}
"""Messages whose way another test follows, with that test."""

OTHER_PROGRAMS = frozenset(
    {
        "get the file: git lfs pull --include {}",
        "--cert-identity {} --cert-oidc-issuer {}",
        "--certificate-identity {} --certificate-oidc-issuer {}",
        "{} sigstore --trust-config {} sign FILE",
        "sigstore --trust-config {} verify identity {} FILE",
        "--signing-config {} --trusted-root {}",
        "cosign sign-blob --yes {} --identity-token {} --bundle FILE.sigstore.json FILE",
        "cosign verify-blob --trusted-root {} --bundle FILE.sigstore.json {} FILE",
    }
)
"""Command lines of git, cosign and sigstore-python."""

_WHERE = "the place of a fault; the remedy is another string"
_GIVEN = "says what an option that was given did"
_DATA = "Markdown, TOML or a file of ours that is written, not printed as a remedy"
NO_WAY = {
    ": anchor verify-evidence ": "the part of a note before which it is broken",
    "the document of --json has the policy": _WHERE,
    "--kind reinstated": _WHERE,
    "-c lock_timeout={} -c idle_in_transaction_session_timeout=600000": "options of PostgreSQL",
    "# A [[watch]] table finds what is signed in this name and published nowhere: see docs/policy.md.": _DATA,
    "no log is followed whole: the policy has no [[watch]]": _GIVEN,
    "not followed whole: the policy has no [[watch]] for it": _GIVEN,
    "the policy has it under [[watch]], and today's trust names no such log": _WHERE,
    "--keep {}": _WHERE,
    "--instance {}": _WHERE,
    "--opened-out {}": _WHERE,
    "--where {}": _WHERE,
    "{} and --policy say the same thing": _WHERE,
    "--reader and the like": _WHERE,
    "not fetched: --offline": _GIVEN,
    "the file is read the same without `{}`": _WHERE,
    "leave `bom` out": "about the dialect of a signed statement, which nobody types",
    "( {0,3})(?:(`{3,})[^`]*|(~{3,}).*)": "a regular expression",
    "# The logs of this witness, as 'anchor witness logs' writes them. See docs/witness.md.\n": _DATA,
    "[[log]] is wanted": _WHERE,
    "docs/policy.md, [[watch]]": "a heading of a page",
    "What anchor status would exit with": "the description of a metric",
    "ANCHOR_DATABASE_URL is not a SQLAlchemy URL": _WHERE,
    "is used only with [[watch]]": _WHERE,
    "{} demanded, and {} [[signer]] named: one of them counts once": _WHERE,
    "With --blind: write secret and facts for an auditor, who then knows every fact.": "help of an option",
    "anchor: no alarm yet: --alarm-after has not passed": _GIVEN,
    "nobody is notified: --notify is not given": _GIVEN,
}
"""Messages that name an option or a setting and ask for nothing, with the reason."""

OF_OTHER_COMMANDS = {
    "{}/receipts.jsonl --bundles {}/bundles.json": ("verify-receipt",),
    "--ledger {}": ("instance", "backup"),
}
"""Parts of a command line of another command than the one that prints them."""

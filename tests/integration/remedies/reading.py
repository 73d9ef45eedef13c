# SPDX-License-Identifier: Apache-2.0
"""Messages about how a file is read: `lint`, `seal`, `publish`, `convert` and `files`."""

import io
import json
import subprocess

import pytest

from anchor import limits
from tests.support.releases.published import NAME
from tests.support.remedies.walk import NAMED, Walk, row

TABLES = "| a |\n|---|\n| 1 |\n\n| b |\n|---|\n| 2 |\n"


@row("choose one: --table NUMBER")
def two_tables(w: Walk) -> None:
    w.provoke("lint", w.write("a.md", TABLES), "--reader", "markdown-table-v2")
    w.give("--table", 2)


@row("leave --table out")
def one_table(w: Walk) -> None:
    w.provoke("lint", w.write("a.md", TABLES[:18]), "--table", 1)
    w.leave_out("--table")


@row("a file holds one JSON document; for one object a line, give --reader jsonl-v2")
def several_documents(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '[{"a":"1"}]\n{"a":"2"}\n'), "--reader", "json-v2")
    w.write("a.json", '{"a":"1"}\n{"a":"2"}\n')
    w.follow("--reader")
    w.ok("lint", "a.json", "--reader", "jsonl-v2")


@row("leave --key-column out")
def an_array_and_a_key_column(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '[{"a":"1"}]'), "--key-column", "k")
    w.leave_out("--key-column")


@row("give --reader jsonl-v2, if the file has one object a line")
def lines_read_as_one(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '{"a":"1"}\n{"a":"2"}\n'), "--as-read")
    w.give("--reader", "jsonl-v2")


@row("name the array of facts with --at")
def a_document_that_breaks(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '{"x":1,"items":[{"a":"1"}],"y":[{"a":"1"'), "--as-read")
    w.write("a.json", '{"x":1,"items":[{"a":"1"}],"y":[{"a":"1"}]}')
    w.give("--at", "/items")


@row('write each value as an object, {"value": ...}, or one value a line for --reader lines-v1')
def an_array_of_values(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", "[1, 2, 3]"), "--reader", "json-v2")
    w.ok("lint", w.write("b.json", '[{"value": 1}, {"value": 2}]'))
    w.write("a.json", "1\n2\n3\n")
    w.instead("--reader", "lines-v1")


@row("leave --at out")
def facts_at_the_top(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '[{"a":"1"}]'), "--at", "/items")
    w.leave_out("--at")


@row("add --at {} ({})")
def facts_inside(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '{"items":[{"a":"1"},{"a":"2"}]}'), "--as-read")
    w.give_printed("--at")


@row("add --at with one of {}{}")
def facts_in_two_places(w: Walk) -> None:
    w.provoke("lint", w.write("a.json", '{"n":1,"x":[{"a":"1"}],"y":[{"a":"2"}]}'), "--as-read")
    for place in ("/x", "/y"):
        assert f"{place} (1 object)" in w.printed
        w.give("--at", place)


@row("--at {} ", "add {}--key-column key, and the names of its {} members become this column")
def facts_as_members(w: Walk) -> None:
    data = '{"n":{"one":{"a":"1"},"two":{"a":"2"}}}'
    w.provoke("lint", w.write("a.json", data), "--as-read")
    w.printed, w.rest = w.line[w.line.index("add ") :], {"--at", "--key-column"}
    words = w.printed.split(",")[0].split()[1:]
    assert words == ["--at", "/n", "--key-column", "key"]
    w.follow("--at")
    w.follow("--key-column")
    w.ok(*w.words, *words)


@row("write the file with 'anchor seal'")
def a_spoilt_ledger_json(w: Walk) -> None:
    w.ok("seal", w.write("a.csv", "a\n1\n"), *NAMED, "-o", "sealed")
    spoilt = (w.folder / "sealed" / "ledger.json").read_text().replace('"1"', '"1" ')
    w.provoke("lint", w.write("ledger.json", spoilt), "--reader", "ledger-json-v1")
    w.use("anchor seal", "a.csv", *NAMED, "-o", "again")
    w.ok("lint", "again/ledger.json", "--reader", "ledger-json-v1")


@row("write the table into a CSV file: anchor convert")
def a_cell_that_github_shows_otherwise(w: Walk) -> None:
    w.provoke("lint", w.write("a.md", "| a |\n|---|\n| &amp; |\n"), "--reader", "markdown-table-v2")
    w.use("anchor convert", "a.md", "-o", "a.csv")
    w.ok("lint", "a.csv")


@row("take it out, or give --empty-lines all")
def empty_lines_between(w: Walk) -> None:
    w.provoke("lint", w.write("a.csv", "a,b\n1,2\n\n3,4\n"), "--empty-lines", "end", "--as-read")
    w.follow("--empty-lines")
    w.ok("lint", "a.csv", "--empty-lines", "all")


@row("leave --{} out")
def a_setting_without_an_effect(w: Walk) -> None:
    w.provoke("seal", w.write("a.csv", "a,b\n1,2\n"), *NAMED, "--null", "NULL")
    w.leave_out("--null")
    w.provoke("seal", w.write("a.csv", "a,b\n1,2\n"), *NAMED, "--empty-lines", "end")
    w.leave_out("--empty-lines")


@row("name a file that --opened-out wrote")
def no_opening(w: Walk) -> None:
    opening = w.folder / "opening"
    words = ("--blind", "--opened-out", opening)
    site = w.new_site("| a |\n|---|\n| 1 |\n", *words)
    w.write("other", "no line end")
    w.provoke("verify", site.release, "--policy", site.policy, "--opened", "other", code=8)
    w.follow("--opened-out")
    w.ok("verify", site.release, "--policy", site.policy, "--opened", opening)


@row("--ignore '/{}'")
def a_link_in_a_folder(w: Walk) -> None:
    w.write("data/a", "1")
    (w.folder / "data" / "my link").symlink_to("a")
    w.provoke("files", "data", "-o", "files.csv")
    w.give("--ignore", w.printed.split("'")[1])


@row("rename the file, or leave it out with --ignore")
def a_name_that_no_list_holds(w: Walk) -> None:
    w.write("data/a", "1")
    w.write("data/b\nc", "1")
    w.provoke("files", "data", "-o", "files.csv")
    w.give("--ignore", "/b*")
    (w.folder / "data" / "b\nc").rename(w.folder / "data" / "bc")
    w.ok(*w.words)


@row("name the folder above all of them with --base")
def files_apart(w: Walk) -> None:
    w.write("one/a", "1")
    w.write("two/b", "1")
    w.provoke("files", "one/a", "two/b", "--base", "one", "-o", "files.csv")
    w.instead("--base", ".")


@row("anchor publish {list} --reader files-v1 --name NAME --version VERSION")
def after_a_list_of_files(w: Walk) -> None:
    w.write("data/a", "1")
    ran = w.ok("files", "data", "-o", "files.csv")
    w.take("anchor publish files.csv --reader files-v1 --name NAME --version VERSION", ran)
    w.run("anchor publish", "--root", "site", "--home", "home", NAME=NAME, VERSION="1")


@row("a list of files has {}, and {} if you like; 'anchor files' writes one")
def no_list_of_files(w: Walk) -> None:
    w.write("data/a", "1")
    w.provoke("lint", w.write("a.csv", "a,b\n1,2\n"), "--reader", "files-v1")
    w.use("anchor files", "data", "-o", "a.csv")
    w.ok(*w.words)


@row("sort the list; 'anchor files' does")
def an_unsorted_list_of_files(w: Walk) -> None:
    w.write("data/a", "1")
    w.write("data/b", "1")
    w.ok("files", "data", "-o", "a.csv")
    head, *lines = (w.folder / "a.csv").read_text().splitlines()
    w.provoke("lint", w.write("a.csv", "\n".join([head, *reversed(lines), ""])), "--reader", "files-v1")
    w.use("anchor files", "data", "-o", "a.csv")
    w.ok(*w.words)


@row("give --reader {} if the text is meant, and not what is shown")
def shown_uncertainly(w: Walk) -> None:
    w.provoke("lint", w.write("a.md", "| a |\n|---|\n| <b>x</b> |\n"))
    w.give_printed("--reader")


@row("give --reader {} to read what is shown, or {}")
def shown_otherwise(w: Walk) -> None:
    ran = w.provoke("lint", w.write("a.md", "| a |\n|---|\n| \\*x |\n"))
    w.give_printed("--reader")
    w.ok(*w.words, "--reader", ran.err.split("--reader ")[2].split()[0])


@row("give --schema FILE")
def no_schema(w: Walk) -> None:
    w.write("schema.json", '{"fields": [{"name": "a", "type": "string"}]}')
    w.provoke("seal", w.write("a.csv", "a\n1\n"), *NAMED, "--schema-unchecked")
    w.give("--schema", "schema.json")


@row("correct the ledger or the schema (anchor lint --schema lists more), or give --schema-unchecked")
def not_as_the_schema_says(w: Walk) -> None:
    pytest.importorskip("frictionless")
    w.write("schema.json", '{"fields": [{"name": "a", "type": "integer"}]}')
    w.provoke("seal", w.write("a.csv", "a\nx\n"), *NAMED, "--schema", "schema.json")
    w.give("--schema-unchecked")
    assert "'x'" in w.use("anchor lint", "--schema", "schema.json", "a.csv", code=2).out
    w.write("a.csv", "a\n1\n")
    w.ok(*w.words)


@row("  and {} more; --json lists them")
def many_findings(w: Walk) -> None:
    names = ",".join(f"c{n}" for n in range(60))
    w.provoke("lint", w.write("a.csv", f"{names}\n" + ",".join(["x "] * 60) + "\n"), code=0)
    w.give("--json")


@row("give --blind, or leave it out")
def an_opening_of_a_public_ledger(w: Walk) -> None:
    w.provoke(*w.publish("| a |\n|---|\n| 1 |\n", "1.0.0", "--opened-out", "opening"))
    w.give("--blind")


@row("leave --index or --blind out")
def an_index_of_a_confidential_ledger(w: Walk) -> None:
    w.provoke(*w.publish("| a |\n|---|\n| 1 |\n", "1.0.0", "--blind", "--index", "a"))
    w.leave_out("--index")
    w.follow("--blind")
    w.ok(*w.publish("| a |\n|---|\n| 1 |\n", "1.1.0", "--index", "a", "--no-blind"))


@row("leave --files out")
def files_of_another_ledger(w: Walk) -> None:
    w.write("data/a", "1")
    w.provoke("verify", w.site.release, "--policy", w.site.policy, "--files", "data")
    w.leave_out("--files")


@row("leave --opened out")
def an_opening_of_published_facts(w: Walk) -> None:
    opening = w.folder / "opening"
    w.ok(*w.publish("| a |\n|---|\n| 1 |\n", "1.0.0", "--blind", "--opened-out", opening))
    released = w.untouched()
    w.provoke("verify", released.release, "--policy", released.policy, "--opened", opening)
    w.leave_out("--opened")


@row("leave --evidence out")
def no_source_documents(w: Walk) -> None:
    w.write("evidence/a.txt", "1")
    w.provoke("verify", w.site.release, "--policy", w.site.policy, "--evidence", "evidence")
    w.leave_out("--evidence")


@row("give --encoding, or repair the line")
def one_line_of_another_encoding(w: Walk) -> None:
    text = "a,b\n" + "ä,ö\n" * 50
    w.write("a.csv", text.encode() + "ü,ß\n".encode("latin-1") + text.encode())
    w.provoke("convert", "a.csv", "-o", "b.csv")
    w.give("--encoding", "iso-8859-1")
    w.write("a.csv", text)
    w.ok(*w.words)


@row("give another --encoding")
def a_wrong_encoding(w: Walk) -> None:
    w.write("a.csv", "a,b\nä,1\n".encode("latin-1"))
    w.provoke("convert", "a.csv", "-o", "b.csv", "--encoding", "utf-8")
    w.instead("--encoding", "iso-8859-1")


@row("repair the line, or give --quote or --delimiter")
def an_open_quote(w: Walk) -> None:
    w.provoke("convert", w.write("a.csv", 'a,b\n1,2\n"3,4\n'), "-o", "b.csv")
    w.give("--quote", "'")
    w.follow("--delimiter")
    w.write("c.csv", 'a;b\n1;"x" y,z\n')
    w.write("a.csv", "a,b\n1,2\n3,4\n")
    w.ok(*w.words)


@row("the facts are objects in one array, or one object a line; --at names a place inside for publish")
def no_json(w: Walk) -> None:
    w.provoke("convert", w.write("a.json", '{"items":[{"a":"1"}]}\n{'), "-o", "b.jsonl")
    w.write("a.json", '{"items":[{"a":"1"}]}')
    w.follow("--at")
    w.ok("publish", "a.json", *NAMED, "--at", "/items", "--root", "site", "--home", "home")


@row("give --table")
def two_tables_to_convert(w: Walk) -> None:
    w.provoke("convert", w.write("a.md", TABLES), "-o", "b.csv")
    w.give("--table", 2)


@row("give --sheet")
def two_sheets(w: Walk) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("second")):
        sheet.append(["a", "b"])
        sheet.append([1, 2])
    data = io.BytesIO()
    book.save(data)
    w.provoke("convert", w.write("a.xlsx", data.getvalue()), "-o", "b.csv")
    w.give("--sheet", "second")


@row("give --skip, the number of {}s above the header")
def no_table(w: Walk) -> None:
    w.provoke("convert", w.write("a.csv", "a,b\n1,2\n"), "-o", "b.csv", "--skip", 5)
    w.instead("--skip", 0)


@row("name its column, or give --skip, the number of {}s above the header")
def too_wide(w: Walk) -> None:
    w.provoke("convert", w.write("a.csv", "a,b\n1,2,3\n"), "-o", "b.csv", "--skip", 0)
    w.write("a.csv", "title\na,b,c\n1,2,3\n")
    w.instead("--skip", 1)
    w.write("a.csv", "a,b,c\n1,2,3\n")
    w.ok(*w.words)


@row(" without --reader {}")
def a_reader_without_the_setting(w: Walk) -> None:
    ran = w.provoke("lint", w.write("a.csv", "a;b\n1;2\n3;4\n"), "--reader", "csv-v1")
    assert "--delimiter ';'" in ran.err
    w.follow("--reader")
    w.ok("lint", "a.csv", "--delimiter", ";")
    w.give("--as-read")


@row("it looks like --reader {}{}")
def a_likely_kind(w: Walk) -> None:
    w.provoke("lint", w.write("a.dat", "a;b\n1;2\n3;4\n"))
    words = w.printed.split("like ")[1].replace("'", "").split()
    assert words == ["--reader", "delimited-v2", "--delimiter", ";"]
    for option in ("--reader", "--delimiter"):
        w.follow(option)
    w.ok(*w.words, *words)


@row("{}: {}; next: anchor lint {}")
def after_a_conversion(w: Walk) -> None:
    w.provoke("convert", w.write("a.csv", "a;b\n1;2\n3;4\n"), "-o", "my b.csv", code=0)
    w.run("anchor lint")


@row("write the list with 'anchor files'")
def too_many_lines_of_sha256sum(w: Walk) -> None:
    w.write("data/a", "1")
    w.write("data/b", "2")
    sums = subprocess.run(["sha256sum", "a", "b"], cwd=w.folder / "data", capture_output=True, check=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "LISTED_FILES", 1)
        w.provoke("lint", w.write("sums", sums.stdout), "--reader", "files-v1")
        w.use("anchor files", "data", "-o", "files.csv")
        w.ok("lint", "files.csv", "--reader", "files-v1")


@row("sed -n 1p FILE > one.json writes the first; so each line into a file of its own")
def several_bundles_in_one_file(w: Walk) -> None:
    bundle = json.dumps(json.loads(w.site.path("bundle").read_bytes()))
    signer = w.site.value["anchors"][0]
    who = ("--certificate-identity", signer["identity"], "--certificate-oidc-issuer", signer["issuer"])
    words = ("verify-bundle", w.site.path("ledger.md"), "--trusted-root", w.site.path("trusted_root"), *who)
    w.provoke(*words, "--bundle", w.write("two.jsonl", f"{bundle}\n{bundle}\n"), code=7)
    line = w.printed.split(" writes")[0].replace("FILE", "two.jsonl")
    subprocess.run(["sh", "-c", line], cwd=w.folder, check=True)
    w.follow("-n")
    w.ok(*words, "--bundle", "one.json")


@row("name it once, or give --as-read if it is meant")
def a_file_that_is_named_twice(w: Walk) -> None:
    part = w.write("part.csv", "a,b\n1,2\n")
    w.provoke("lint", part, part)
    w.ok("lint", part)
    assert "2 facts" in w.give("--as-read").out

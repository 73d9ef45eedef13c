# SPDX-License-Identifier: Apache-2.0
"""The source documents that the releases of a mirror commit to, by name and digest (FORMAT.md section 25).

No release publishes them. Whoever mirrors says where they are. Only documents with the signed digest are
kept.
"""

from anchor import limits
from anchor.app.mirror_releases import Reading, Walked
from anchor.errors import AnchorError
from anchor.format import names
from anchor.format import statement as statements
from anchor.net import release_files
from anchor.verdict import failed, passed
from anchor.verify.release_files import Files

FOLDER = "evidence"
"""The folder of the documents in a mirror, as `anchor verify --evidence` takes it."""


def fetch(place: str, walked: Walked, reading: Reading) -> list[str]:
    """Have the documents of all releases, each once. Returns the paths that wait; adds a check."""
    import hashlib

    wanted: dict[str, str] = {}
    for number, version in enumerate(walked.versions):
        payload = reading.statement(version, "" if number == 0 else version.base)
        for one in statements.decode(payload).evidence:
            wanted.setdefault(one.name, one.digest.sha256)
    source: Files
    if release_files.is_url(place):
        source = release_files.Remote(place if place.endswith("/") else f"{place}/", reading.budget)
    else:
        from pathlib import Path

        source = release_files.Folder(Path(place))
    paths: list[str] = []
    error: AnchorError | None = None
    for name, digest in sorted(wanted.items()):
        path = f"{FOLDER}/{name}"
        try:
            names.require(names.path_problem(path), name, where="the name of a document")
            data = reading.folder.read(path, limit=limits.EVIDENCE_DOCUMENT)
            if data is not None and hashlib.sha256(data).hexdigest() == digest:
                continue
            data = reading.traffic.add(source.read_up_to(name, limit=limits.EVIDENCE_DOCUMENT))
            names.require(
                "" if hashlib.sha256(data).hexdigest() == digest else "has another digest", name, where=place
            )
            walked.every.add_file(path, len(data), digest)  # in the place of no release's file
            reading.folder.add(path, [data])
            paths.append(path)
        except AnchorError as e:
            error = error or e
    if error is not None:
        walked.checks.append(failed("documents", error, meaning="a source document is not in the mirror"))
    else:
        walked.checks.append(passed("documents", f"{len(wanted)} source documents have their signed digests"))
    return paths

# SPDX-License-Identifier: Apache-2.0
"""The trusted roots that the installed sigstore client ships: what is known without any connection.

They are as old as the client's release; a refresh through TUF is another module's work. The client itself is
not imported: only its data files are read.
"""

import importlib.util
from pathlib import Path
from urllib.parse import quote

from anchor import trusted_root
from anchor.edge import files
from anchor.errors import Misuse

INSTANCES = {
    "public": "https://tuf-repo-cdn.sigstore.dev",
    "staging": "https://tuf-repo-cdn.sigstage.dev",
}


def read(name: str) -> bytes:
    """The bytes of the shipped trusted root of `public` or `staging`; raises Misuse when there is none."""
    found = importlib.util.find_spec("sigstore")
    places = list(found.submodule_search_locations or ()) if found else []
    if name not in INSTANCES or not places:
        raise Misuse(f"no trusted root of {name!r} is installed", where="trusted root", remedy="name a file")
    path = Path(places[0]) / "_store" / quote(INSTANCES[name], safe="") / "trusted_root.json"
    return files.read(path, limit=trusted_root.MAX_SIZE)

# SPDX-License-Identifier: Apache-2.0
"""Bundles that are no vectors, signed anew for a comparison with the reference client.

`statements`: each member of a statement, changed in each way, and signed by its signer as it then stands.
`products`: honest bundles of each kind of entry, version, time and key, in every combination.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.support.forge import entry_bodies as bodies
from tests.support.forge.authorities import Leaf
from tests.support.forge.bundles import ARTIFACT, V1, V1_DSSE, V1_INTOTO, V2, V2_DSSE, Recipe, Stamp, make
from tests.support.forge.keys import ecdsa, rsa_key
from tests.support.forge.mutations import changed, others, places
from tests.vectors.case import COMMON, Case, dump

DIGEST = {"sha256": bodies.hex256(ARTIFACT)}
WHOLE: dict[str, Any] = {
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [
        {
            "name": "artifact",
            "uri": "https://vectors.example/artifact",
            "digest": {**DIGEST, "sha512": hashlib.sha512(ARTIFACT).hexdigest()},
            "content": "AA==",
            "downloadLocation": "https://vectors.example/",
            "mediaType": "text/plain",
            "annotations": {"checked": True},
        }
    ],
    "predicateType": "https://vectors.example/predicate/v1",
    "predicate": {"note": "made for a test"},
}
"""A statement that has every member of its specification."""
OLD = WHOLE | {"_type": "https://in-toto.io/Statement/v0.1"}
GIT = WHOLE | {
    "subject": [
        *WHOLE["subject"],
        {"name": "source", "digest": {"gitCommit": "00" * 20, "gitTree": "00" * 20}},
    ]
}
PLAIN: dict[str, Any] = WHOLE | {"subject": [{"name": "artifact", "digest": DIGEST}]}
RECIPES = {
    "v2": V2,
    "v2-dsse": V2_DSSE,
    "v1": V1,
    "v1-dsse": V1_DSSE,
    "v1-intoto": V1_INTOTO,
    "v1-dsse-as-hashedrekord": V1_DSSE.but(kind="hashedrekord"),
}
LEAVES = {"p256": Leaf(), "p384": Leaf(key=ecdsa("leaf", "p384")), "rsa": Leaf(key=rsa_key(2048))}
TIMES: dict[str, dict[str, Any]] = {
    "promise": {},
    "stamp": {"stamps": (Stamp(),), "promised": False},
    "both": {"stamps": (Stamp(),)},
}


def _case(name: str, recipe: Recipe) -> Case:
    return Case(
        name=name,
        why="",
        clause="",
        expect="",
        check=None,
        bundle=dump(make(recipe)),
        root=COMMON["trusted_root.json"],
    )


def statement(name: str, value: Any, recipe: Recipe = V2_DSSE) -> Case:
    """A bundle whose signer signed this statement."""
    return _case(name, recipe.but(payload=json.dumps(value).encode()))


def statements() -> Iterator[Case]:
    """Honest statements, and a plain and a whole one with each place changed in each way."""
    for kind, value in (("plain", PLAIN), ("whole", WHOLE), ("v0.1", OLD), ("git", GIT)):
        yield statement(f"{kind}:as-it-is", value)
    for kind, value in (("plain", PLAIN), ("whole", WHOLE)):
        for path, found in places(value):
            label = ".".join(map(str, path))
            for name, other in others(found):
                yield statement(f"{kind}:{label}:{name}", changed(value, path, other))


def products() -> Iterator[Case]:
    """Honest bundles of every combination."""
    for (kind, recipe), (key, leaf), version, (time, knobs) in product(
        RECIPES.items(), LEAVES.items(), ("0.1", "0.2", "0.3"), TIMES.items()
    ):
        if recipe.v1 or time == "promise":
            yield _case(f"{kind}:{key}:{version}:{time}", recipe.but(leaf=leaf, version=version, **knobs))

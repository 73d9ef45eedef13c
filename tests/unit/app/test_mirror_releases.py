# SPDX-License-Identifier: Apache-2.0
"""A release that is mirrored loses none of its anchors."""

import msgspec
import pytest

from anchor.app.mirror_releases import check_anchors
from anchor.errors import Unavailable
from anchor.format import release as release_file
from tests.support.process.anchor_cli import ROOT

OWN = release_file.load((ROOT / "release/1.0.0/release.json").read_bytes())
(ANCHOR,) = OWN.anchors
OTHER = msgspec.structs.replace(ANCHOR, log=msgspec.structs.replace(ANCHOR.log, index=7))
BOTH = msgspec.structs.replace(OWN, anchors=(ANCHOR, OTHER))


def test_an_anchor_may_be_added_and_not_left_out() -> None:
    check_anchors(OWN, BOTH)
    check_anchors(BOTH, BOTH)
    for served in (OWN, msgspec.structs.replace(OWN, anchors=(OTHER,))):
        with pytest.raises(Unavailable, match="is left out, and it is kept here"):
            check_anchors(BOTH, served)

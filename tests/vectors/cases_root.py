# SPDX-License-Identifier: Apache-2.0
"""What a trusted root says of a log binds: how its key signs, by which ids it goes, and what is not known."""

from collections.abc import Callable

from tests.support.forge import Edit, log_instance, v2_log
from tests.support.forge_keys import Key, ecdsa, ed
from tests.support.forge_log import V2_ORIGIN, Log, note_id
from tests.vectors.case import Checks, Setting, put


def held(key: Key, origin: str = V2_ORIGIN) -> Callable[[], Log]:
    """A Rekor v2 log with this key."""

    def made() -> Log:
        log = v2_log(origin=origin)
        log.key, log.id = key, note_id(origin, key)
        return log

    return made


def instead(key: Key) -> Edit:
    """The trusted root with this key for the Rekor v2 log."""
    return put("tlogs.1", log_instance(held(key)()))


P384, P521 = ecdsa("log v2", "p384"), ecdsa("log v2", "p521")
signs = Setting(clause="sigstore_common.proto, PublicKey.key_details: key encoding and signature algorithm")
signs.accept(
    "root-log-p384",
    "A log whose P-384 key signs SHA-384, as its details say.",
    log=held(P384),
    root=instead(P384),
)
signs.accept("root-log-p521", "The same with P-521 and SHA-512.", log=held(P521), root=instead(P521))
signs.refuse(
    "root-log-p384-signs-sha256",
    Checks.CHECKPOINT,
    "The checkpoint is signed over SHA-256, which the details of the log's key forbid.",
    log=held(P384.using("PKIX_ECDSA_P384_SHA_256")),
    root=instead(P384),
)
signs.refuse(
    "root-log-ed25519ph",
    Checks.CHECKPOINT,
    "A log that pre-hashes what it signs: no kind of note signature is that.",
    expect="UNSUPPORTED",
    log=held(ed("log v2").using("PKIX_ED25519_PH")),
    root=instead(ed("log v2").using("PKIX_ED25519_PH")),
)

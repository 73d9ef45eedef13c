# SPDX-License-Identifier: Apache-2.0
"""Who signed: the certificate's identity against the signers that are accepted, or a managed key.

Decides whether it is one of the wanted ones. Identity and issuer are compared together, never one of them.
"""

from collections.abc import Sequence

from anchor.errors import Refused
from anchor.sigstore.bundle import Bundle, Envelope
from anchor.sigstore.keys import Key
from anchor.verify.certificate import Leaf
from anchor.verify.policy import Signer


def check_signer(leaf: Leaf, signers: Sequence[Signer], root: str = "") -> str:
    """Return if one of the signers accepts the certificate; raises Refused.

    `root`: the policy's label of the trusted root that the certificate was verified under.
    """
    who = f"{leaf.identity} (issuer {leaf.issuer})"
    fitting = [s for s in signers if s.accepts(leaf.identity, leaf.issuer)]
    if any(s.under(root) for s in fitting):
        return f"{who}, as asked for"
    if fitting:
        only = ", ".join(sorted({label for s in fitting for label in s.trusted_roots}))
        problem = (
            f"{who[:300]} is accepted under the trusted root {only[:300]}, not under {root or 'another'}"
        )
        raise Refused(problem, where="certificate")
    wanted = "; ".join(str(s) for s in signers[:3])
    raise Refused(f"signed by {who[:300]}, not by {wanted[:300]}", where="certificate")


def check_hint(bundle: Bundle) -> str:
    """Return if the key hints agree. A hint itself is not authenticated; sigstore_bundle.proto, Bundle."""
    content = bundle.content
    if isinstance(content, Envelope) and content.keyid and content.keyid != bundle.hint:
        raise Refused("the envelope's keyid is not the bundle's key hint", where="bundle")
    return "a managed key, given by you; the bundle's hint of it is not authenticated"


def choose(key: Key, stated: str) -> Key:
    """The key with the details that a log entry states, or else with those that its kind has by default."""
    return key.using(stated, where="log entry keyDetails") if stated else key

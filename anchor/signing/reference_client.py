# SPDX-License-Identifier: Apache-2.0
"""The second opinion: what the sigstore client itself says of a bundle.

It is one check among ours, and a weaker one: it passes forged log indices, tree sizes and origins.
"""

from sigstore.errors import Error as SigstoreError
from sigstore.models import Bundle, TrustedRoot
from sigstore.verify import Verifier, policy
from sigstore_models.trustroot import v1 as trustroot

from anchor.errors import AnchorError, Refused, Unavailable


def second_opinion(bundle: bytes, trusted_root: bytes, identity: str, issuer: str) -> bytes:
    """The payload of a DSSE bundle that the reference client verifies for exactly this signer.

    Raises `Refused` when the client refuses it, `Unavailable` when the client breaks.
    """
    try:
        verifier = Verifier(trusted_root=TrustedRoot(trustroot.TrustedRoot.from_json(trusted_root)))
        signer = policy.Identity(identity=identity, issuer=issuer)
        _, payload = verifier.verify_dsse(Bundle.from_json(bundle), signer)
    except SigstoreError as e:
        raise Refused(f"the sigstore client refuses the bundle: {e}") from None
    except AnchorError:
        raise
    except Exception as e:  # noqa: BLE001  the client lets errors of other libraries through
        raise Unavailable(f"the sigstore client failed: {type(e).__name__}: {e}") from None
    return payload

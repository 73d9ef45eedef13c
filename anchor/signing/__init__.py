# SPDX-License-Identifier: Apache-2.0
"""Signing: tokens, remote Sigstore services, and the sigstore client.

`tokens`, `ambient` and `token_claims` get an identity token and judge it. `signer` signs through the sigstore
client, with the services of `remote_instance` or of `anchor.embedded`. `reference_client` asks that client
about a bundle. Only `signer` and `reference_client` import it, because it is slow.
"""

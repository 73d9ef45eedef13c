# SPDX-License-Identifier: Apache-2.0
"""Sigstore's documents and keys as values: bundles, trusted roots, signing configs. Verifies nothing.

`bundle`, `trusted_root`, `signing_config` and `timestamp_response` read one document each. `protojson`,
`rfc3161` and `x509` read the encodings below them, and `keys` and `ed25519ph` check bare signatures.
`containers` finds these documents inside those of other tools. `services` has the interfaces of an instance.
"""

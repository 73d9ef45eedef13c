# SPDX-License-Identifier: Apache-2.0
"""Sigstore's documents and keys as values: bundles, trusted roots, signing configs. Decides on no
evidence.

`bundle`, `trusted_root`, `signing_config` and `timestamp_response` read one document each. `protojson`,
`rfc3161` and `x509` read the encodings below them. `keys` and `ed25519ph` check bare signatures, and
`certification_path` the path from a certificate to an authority's trust anchor.
`containers` finds these documents inside those of other tools. `services` has the interfaces of an instance.
"""

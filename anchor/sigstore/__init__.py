# SPDX-License-Identifier: Apache-2.0
"""Sigstore's documents and keys as values: bundles, trusted roots, signing configs. Verifies nothing."""

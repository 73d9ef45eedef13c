# SPDX-License-Identifier: Apache-2.0
"""Signing: tokens, remote Sigstore services, and the sigstore client."""

# SPDX-License-Identifier: Apache-2.0
"""The edge: files, sockets, clocks and the sigstore client. Nothing in the core imports it."""

# SPDX-License-Identifier: Apache-2.0
"""Core and edge brought together, a module a purpose. Only these and the commands know both sides."""

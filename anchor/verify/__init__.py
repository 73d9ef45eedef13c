# SPDX-License-Identifier: Apache-2.0
"""Verification: functions of bytes and a time; `verify_release` and `verify_bundle`."""

from anchor.verify.bundle import verify_bundle
from anchor.verify.release import Trust, verify_release

__all__ = ["Trust", "verify_bundle", "verify_release"]

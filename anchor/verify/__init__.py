# SPDX-License-Identifier: Apache-2.0
"""Verification: functions of bytes and a time. `verify_release` for a release, `verify_bundle` for a bundle."""

from anchor.verify.bundle import verify_bundle
from anchor.verify.release import Trust, verify_release

__all__ = ["Trust", "verify_bundle", "verify_release"]

# SPDX-License-Identifier: Apache-2.0
"""Verification: functions of bytes and a time; `examine_release`, `verify_release` and `verify_bundle`."""

from anchor.verify.bundle import verify_bundle
from anchor.verify.release import ReleaseResult, Trust, examine_release, verify_release

__all__ = ["ReleaseResult", "Trust", "examine_release", "verify_bundle", "verify_release"]

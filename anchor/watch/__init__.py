# SPDX-License-Identifier: Apache-2.0
"""The worker that re-verifies what is due, and the scheduler that calls it."""

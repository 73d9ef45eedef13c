# SPDX-License-Identifier: Apache-2.0
"""Publishing: seal, anchor in each log, verify from disk, put in place. One file a stage.

`run` calls the stages in order: `plan`, `sealing`, `recording` (which uses `anchoring`), `checks`, `install`.
`since_before` shows the differences from the release before. `journal` and `interrupted` let a killed
publication continue. `statement_guard` and `signing_history` prevent a second statement of one release, and
`same_signer` another signer. `anchor.app` opens the instances that sign.
"""

# SPDX-License-Identifier: Apache-2.0
"""`anchor verify-bundle`: any Sigstore bundle, strictly, one line for each check."""

from typing import Any

import click

from anchor.cli import options, plain


@click.command("verify-bundle", cls=options.ReadingCommand)
@click.option("--bundle", type=options.InputFile(), required=True, help="The bundle to verify.")
@click.option("--certificate-identity", "identity", metavar="IDENTITY", help="Exact identity of the signer.")
@click.option("--certificate-oidc-issuer", "issuer", metavar="URL", help="The issuer of this identity.")
@click.option("--key", type=options.InputFile(), help="A managed public key (PEM) instead of an identity.")
@click.option(
    "--trusted-root",
    type=options.FileName(),
    help="The trusted root: a file, `public`, `staging` or sha256:HEX (default: public).",
)
@click.option("--staging", is_flag=True, help="Use the trusted root of the staging instance.")
@click.option(
    "--tlog-policy",
    type=options.InputFile(),
    help="Witnesses (C2SP tlog-policy), with the quorum that must have cosigned the checkpoint.",
)
@click.argument("file_or_digest", type=options.FileName())
@options.verdict_options
def command(*, as_json: bool, **given: Any) -> int:
    """Verify that a Sigstore bundle was made for FILE_OR_DIGEST (a file, or a digest of one).

    A digest is sha256:<64 hex>, sha384:<96 hex> or sha512:<128 hex>. What reads as a digest is one; a file of
    such a name is given as ./sha256:...

    Exits 0 only if everything was verified, 8 if something is refused, 7 for an unknown kind, 5 if the quorum
    of witnesses has not cosigned.

    \b
    Example: anchor verify-bundle --bundle a.txt.sigstore.json \\
               --certificate-identity me@example.org \\
               --certificate-oidc-issuer https://accounts.example.org a.txt
    """
    return plain.verify_bundle(as_json=as_json, **given)

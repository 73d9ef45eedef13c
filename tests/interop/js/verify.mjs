// SPDX-License-Identifier: Apache-2.0
// node verify.mjs TRUSTED_ROOT BUNDLE ISSUER IDENTITY [ARTIFACT]
// The npm libraries' own opinion of a bundle: exit 0 and the signer as JSON, or exit 1 and the reason.
// NODE_LIBRARIES names the folder that holds node_modules.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';

const require = createRequire(path.join(process.env.NODE_LIBRARIES ?? import.meta.dirname, 'x.js'));
const { bundleFromJSON } = require('@sigstore/bundle');
const { toTrustMaterial, toSignedEntity, Verifier } = require('@sigstore/verify');
const { TrustedRoot } = require('@sigstore/protobuf-specs');

const [rootFile, bundleFile, issuer, identity, artifactFile] = process.argv.slice(2);
const json = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
try {
  const material = toTrustMaterial(TrustedRoot.fromJSON(json(rootFile)));
  const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 });
  const artifact = artifactFile ? fs.readFileSync(artifactFile) : undefined;
  const entity = toSignedEntity(bundleFromJSON(json(bundleFile)), artifact);
  const signer = verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
  console.log(JSON.stringify(signer.identity));
} catch (error) {
  console.error(`${error.code ?? error.name}: ${error.message}`);
  process.exit(1);
}

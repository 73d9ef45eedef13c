// SPDX-License-Identifier: Apache-2.0
// The npm libraries' own opinion of bundles. Each line of standard input is a JSON array: TRUSTED_ROOT, BUNDLE,
// ISSUER, IDENTITY and, if there is one, ARTIFACT. The answer is a line: "" or the reason, as a JSON string.
// NODE_LIBRARIES names the folder that holds node_modules.
import { createRequire } from 'node:module';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';

const require = createRequire(path.join(process.env.NODE_LIBRARIES ?? import.meta.dirname, 'x.js'));
const { bundleFromJSON } = require('@sigstore/bundle');
const { toTrustMaterial, toSignedEntity, Verifier } = require('@sigstore/verify');
const { TrustedRoot } = require('@sigstore/protobuf-specs');

const json = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));

function refused(rootFile, bundleFile, issuer, identity, artifactFile) {
  try {
    const material = toTrustMaterial(TrustedRoot.fromJSON(json(rootFile)));
    const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 1, timestampThreshold: 1 });
    const artifact = artifactFile ? fs.readFileSync(artifactFile) : undefined;
    const entity = toSignedEntity(bundleFromJSON(json(bundleFile)), artifact);
    verifier.verify(entity, { subjectAlternativeName: identity, extensions: { issuer } });
    return '';
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(refused(...JSON.parse(line))));
}

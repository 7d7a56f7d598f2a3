// Scripts of descriptors as @bitcoinerlab/descriptors derives them, for test_descriptors_npm.py: on
// stdin a JSON list of [descriptor, index], on stdout one of {"script": hex} or {"error": text}.
// usage: node descriptors_npm.mjs FOLDER-WITH-NODE_MODULES
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { resolve: find } = createRequire(join(resolve(process.argv[2]), 'package.json'));
const load = async (name) => import(pathToFileURL(find(name)));
const { DescriptorsFactory } = await load('@bitcoinerlab/descriptors');
const { networks } = await load('bitcoinjs-lib');
const { Output } = DescriptorsFactory(await load('@bitcoinerlab/secp256k1'));

function derive([descriptor, index]) {
  const range = descriptor.includes('*') ? { index } : {};
  try {
    const output = new Output({ descriptor, network: networks.regtest, ...range });
    return { script: Buffer.from(output.getScriptPubKey()).toString('hex') };
  } catch (e) {
    return { error: String(e.message) };
  }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, 'utf8')).map(derive)));

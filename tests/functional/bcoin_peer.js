// A bcoin full node for test_foreign.py: JSON commands on stdin, one a line, an answer to each on stdout.
// usage: node bcoin_peer.js FOLDER-WITH-NODE_MODULES PORT HTTP-PORT
'use strict';
const path = require('path');
const readline = require('readline');
const bcoin = (name) => require(path.join(process.argv[2], 'node_modules/bcoin/lib', name));
const FullNode = bcoin('node/fullnode');
const KeyRing = bcoin('primitives/keyring');
const TX = bcoin('primitives/tx');
const NetAddress = bcoin('net/netaddress');

const node = new FullNode({
  network: 'regtest', memory: true, logConsole: false, workers: false, listen: true,
  host: '127.0.0.1', port: +process.argv[3], httpHost: '127.0.0.1', httpPort: +process.argv[4], noAuth: true,
  maxOutbound: 8, noDns: true, seeds: [], loader: require});

// Another key makes other blocks than those of a node that mines at the same time.
const commands = {
  async mine(n) {
    const address = KeyRing.generate('regtest').getAddress();
    for (let i = 0; i < n; i++) {
      const block = await node.miner.mineBlock(node.chain.tip, address);
      await node.chain.add(block);
    }
    return node.chain.tip.rhash();
  },
  async tip() {
    return [node.chain.height, node.chain.tip.rhash()];
  },
  async connect(where) {
    const peer = node.pool.createOutbound(NetAddress.fromHostname(where, 'regtest'));
    node.pool.peers.add(peer);
    return true;
  },
  async pool() {
    return node.mempool.getSnapshot().map(h => h.match(/../g).reverse().join(''));
  },
  async send(hex) {
    const tx = TX.fromRaw(Buffer.from(hex, 'hex'));
    await node.sendTX(tx);
    return tx.txid();
  },
  async peers() {
    let n = 0;
    for (let p = node.pool.peers.head(); p; p = p.next)
      n += p.handshake ? 1 : 0;
    return n;
  },
  async part() {
    for (let p = node.pool.peers.head(); p; p = p.next)
      p.destroy();
    return true;
  }
};

process.on('unhandledRejection', (e) => { throw e; });
(async () => {
  await node.ensure();
  await node.open();
  await node.connect();
  node.startSync();
  const say = (x) => process.stdout.write(JSON.stringify(x) + '\n');
  say('ready');
  readline.createInterface({input: process.stdin}).on('line', async (line) => {
    const [name, ...args] = JSON.parse(line);
    try {
      say({result: await commands[name](...args)});
    } catch (e) {
      say({error: String(e.stack)});
    }
  }).on('close', () => process.exit(0));
})();

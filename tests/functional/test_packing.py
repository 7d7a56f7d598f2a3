"""Our templates against bitcoind's, of one mempool: the same transactions go to both, and a block of
the same limits never earns less here. Without a bitcoind it is skipped."""
import random

from bitcoind import Bitcoind
from framework import equal, same_tip, wait_until
from test_mining import RULES, Tx, fund

COINS, OUTS, FAMILIES = 12, 40, 90
# What is left of the block after what is kept for the coinbase, in units of weight.
ROOMS = (1500, 4000, 9000, 20000, 45000, 90000, 160000)
RESERVED = 2000


def families(rng, coins):
    """Transactions over some of the coins and over each other, parents first; fees of all sizes."""
    for _ in range(FAMILIES):
        free = [coins.pop() for _ in range(rng.randint(1, 3))]
        for _ in range(rng.randint(1, 9)):
            rng.shuffle(free)
            spent = [free.pop() for _ in range(min(len(free), rng.randint(1, 3)))]
            if not spent:
                break
            fee = rng.randint(200, 3000) if rng.random() < 0.5 else rng.randint(3000, 60000)
            tx = Tx(spent, fee, rng.randint(1, 4))
            free += tx.coins
            yield tx


def fees_of(node):
    t = node.getblocktemplate(RULES)
    return sum(tx["fee"] for tx in t["transactions"]), sum(tx["weight"] for tx in t["transactions"])


def feed(nodes, txs):
    """To all of them; one that one refuses, all refuse."""
    for tx in txs:
        kept = []
        for n in nodes:
            verdict = n.testmempoolaccept([tx.raw.hex()])[0]
            kept.append(verdict["allowed"])
            if verdict["allowed"]:
                n.sendrawtransaction(tx.raw.hex(), 0)
        equal(len(set(kept)), 1)


def test_a_block_of_ours_never_earns_less_than_bitcoinds(case):
    # Neither may drop what it has because of a restart.
    conf = f"blockreservedweight={RESERVED}\nlisten=1\npersistmempool=1\n"
    nodes = [case.node(conf), case.node(conf, kind=Bitcoind)]
    for n in nodes:
        n.start()
    nodes[1].join(nodes[0])
    rng = random.Random(1)
    wide = [Tx([c], 10000, OUTS) for c in fund(nodes[0], COINS)]
    for tx in wide:
        tx.send(nodes[0])
    nodes[0].mine(1)
    same_tip(*nodes)
    coins = [c for tx in wide for c in tx.coins]
    nodes[1].part(nodes[0])
    feed(nodes, list(families(rng, coins)))
    pools = [sorted(n.getrawmempool()) for n in nodes]
    equal(pools[0], pools[1])
    assert len(pools[0]) > 200
    most = None
    for room in reversed(ROOMS):
        for n in nodes:
            n.restart(f"-blockmaxweight={RESERVED + room}")
            wait_until("the mempool is back", lambda n=n: len(n.getrawmempool()) == len(pools[0]))
        (ours, weight), (theirs, _) = (fees_of(n) for n in nodes)
        assert ours >= theirs, f"room for {room}: {ours} satoshis, bitcoind has {theirs}"
        assert weight <= room and (most is None or ours <= most)
        most = ours

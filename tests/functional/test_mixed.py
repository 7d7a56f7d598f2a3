"""Networks of quoind and bitcoind, and of bcoin where it knows the rules: they sync, relay, part and
heal; transactions go both ways; and either opens the folder of the other."""
import os
import shutil
import struct

from bitcoind import Bitcoind
from framework import Node, equal, same_tip, wait_until
from handmade import compact, sha256d, shown, wire
from test_foreign import CONF, Bcoin, part as part_bcoin
from test_mining import ANYBODY, COIN, Tx

PATIENT = 120


def chain_of(*nodes):
    """Connected in a row."""
    for n in nodes:
        n.start()
    for a, b in zip(nodes, nodes[1:]):
        b.join(a)


def swing(nodes, chain_mine):
    """Cut in the middle, both halves mine, the longer branch wins everywhere; then the other way."""
    half = len(nodes) // 2
    left, right = nodes[half - 1], nodes[half]
    for k in range(2):
        right.part(left)
        short, long = (nodes[0], nodes[-1]) if k == 0 else (nodes[-1], nodes[0])
        lost = chain_mine(short, 1 + k, f"5{1 + 2 * k}")
        won = chain_mine(long, 2 + k, f"5{2 + 2 * k}")
        same_tip(*nodes[:half])
        same_tip(*nodes[half:])
        assert left.getbestblockhash() != right.getbestblockhash()
        right.join(left)
        same_tip(*nodes, timeout=PATIENT)
        equal(nodes[0].getbestblockhash(), won[-1])
        status = {t["hash"]: t["status"] for t in short.getchaintips()}
        equal(status[lost[-1]], "valid-fork")


def same_coins(*nodes):
    equal(len({n.gettxoutsetinfo("muhash")["muhash"] for n in nodes}), 1)


def test_a_regtest_network_with_bitcoind_parts_and_heals(case):
    nodes = [case.node(), case.node(kind=Bitcoind), case.node(), case.node(kind=Bitcoind),
             case.node()]
    chain_of(*nodes)
    nodes[1].mine(20)
    same_tip(*nodes)
    nodes[4].mine(20)
    same_tip(*nodes)
    swing(nodes, lambda n, k, script: n.mine(3 * k, script))
    same_coins(*nodes)


def test_a_network_under_bip94_parts_and_heals(case):
    """The rules of testnet4, whose proof of work is too much for a test."""
    conf = "test=bip94\n"
    nodes = [case.node(conf), case.node(conf, kind=Bitcoind), case.node(conf)]
    chain_of(*nodes)
    nodes[0].mine(150)  # over a retarget (144)
    same_tip(*nodes)
    nodes[1].mine(150)
    same_tip(*nodes)
    swing(nodes, lambda n, k, script: n.mine(k, script))
    same_coins(*nodes)


def test_nodes_meet_on_testnet4(case):
    nodes = [case.node(chain="testnet4"), case.node(chain="testnet4", kind=Bitcoind),
             case.node(chain="testnet4")]
    chain_of(*nodes)
    equal({n.getblockhash(0) for n in nodes},
          {"00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043"})
    for n in nodes:
        equal({p["subver"].split(":")[0] for p in n.getpeerinfo()} <= {"/Quoin", "/Satoshi"}, True)


def mine_hard(node, n, script="51"):
    """Signet's least work is some five million tries for a block; one call for each."""
    return [node.generatetodescriptor(1, f"raw({script})", 1 << 30)[0] for _ in range(n)]


def test_a_signet_of_ones_own_parts_and_heals(case):
    conf = "signetchallenge=51\n"
    nodes = [case.node(conf, chain="signet"), case.node(conf, chain="signet", kind=Bitcoind),
             case.node(conf, chain="signet")]
    chain_of(*nodes)
    mine_hard(nodes[0], 1)
    same_tip(*nodes, timeout=PATIENT)
    mine_hard(nodes[1], 1, "52")
    same_tip(*nodes, timeout=PATIENT)
    swing(nodes, mine_hard)
    same_coins(*nodes)


def meet(node, b, blocks):
    """Until bcoin is in step it listens to the one it has called first, and answers nobody; who has
    asked it by then waits in vain, and would for two minutes."""
    b.call("connect", node.address())
    node.mine(blocks)
    wait_until("bcoin is in step", lambda: b.call("tip")[1] == node.getbestblockhash())
    part_bcoin(node, b)
    b.call("connect", node.address())
    wait_until("bcoin is back", lambda: b.call("peers") == 1)


def test_bcoin_between_quoind_and_bitcoind(case):
    b = Bcoin(case)
    try:
        ours, core = case.node(CONF), case.node(CONF, kind=Bitcoind)
        ours.start()
        core.start()
        meet(ours, b, 15)
        b.call("connect", core.address())
        same_tip(ours, core)
        for miner in (core, ours, core):
            for _ in range(4):  # many at once are too much for it
                miner.mine(1)
                in_step([ours, core], b)
        b.call("mine", 5)
        in_step([ours, core], b)
        equal(ours.getblockcount(), 32)
    finally:
        b.stop()


# ---- transactions ----

class Old(Tx):
    """As Tx, without witness: P2SH of OP_TRUE."""
    script = bytes.fromhex("a914da1745e9b549bd0bfa1a569971c77eba30cd5a4b87")

    def __init__(self, coins, fee, version=2):
        value = sum(c[2] for c in coins) - fee
        self.raw = struct.pack("<i", version) + compact(len(coins)) + b"".join(
            wire(c[0]) + struct.pack("<I", c[1]) + b"\x02\x01\x51\xfd\xff\xff\xff" for c in coins) + \
            b"\x01" + struct.pack("<q", value) + compact(len(self.script)) + self.script + bytes(4)
        self.txid = shown(sha256d(self.raw))
        self.coins = [(self.txid, 0, value)]


def pools_hold(nodes, b, there, gone=()):
    """Every pool; bcoin's as far as it knows such transactions."""
    def ask():
        pools = [set(n.getrawmempool()) for n in nodes] + ([set(b.call("pool"))] if b else [])
        return all({t.txid for t in there} <= p and not {t.txid for t in gone} & p for p in pools)
    wait_until("the transactions are everywhere", ask, PATIENT)


def in_step(nodes, b):
    same_tip(*nodes, timeout=PATIENT)
    if b:
        wait_until("bcoin is in step", lambda: b.call("tip")[1] == nodes[0].getbestblockhash(), PATIENT)


def compact_blocks(n):
    """How many bytes of them came, and of transactions that had to be asked for."""
    per = [p["bytesrecv_per_msg"] for p in n.getpeerinfo()]
    return [sum(m.get(k, 0) for m in per) for k in ("cmpctblock", "blocktxn")]


def exchange(nodes, b, kind):
    """The first and the last one are ours, bitcoind is among the others."""
    first, core, last = nodes[0], nodes[1], nodes[-1]
    coins = [(first.getblock(h)["tx"][0], 0, 50 * COIN)
             for h in first.generatetodescriptor(8, f"raw({kind.script.hex()})")]
    in_step(nodes, b)
    core.mine(60)
    in_step(nodes, b)
    last.mine(60)
    in_step(nodes, b)
    # From each to all, one on top of another.
    txs = [kind([coins[k]], 1000 + k).send(n) for k, n in enumerate((first, core, last))]
    pools_hold(nodes, b, txs)
    txs += [kind(txs[0].coins, 2000).send(core), kind(txs[1].coins, 2000).send(last)]
    if b:
        txs.append(kind([coins[3]], 1500))
        equal(b.call("send", txs[-1].raw.hex()), txs[-1].txid)
    pools_hold(nodes, b, txs)
    # A replacement; bcoin keeps what it heard first.
    old = kind([coins[4]], 1000).send(core)
    pools_hold(nodes, b, [old])
    new = kind([coins[4]], 9000).send(last)
    pools_hold(nodes, None, txs + [new], [old])
    new = kind([coins[4]], 19000).send(core)
    pools_hold(nodes, None, txs + [new], [old])
    # A child that pays for its parent.
    for node, coin in ((first, coins[5]), (core, coins[6])):
        poor = kind([coin], 0, version=3)
        rich = kind(poor.coins, 5000, version=3)
        equal(node.submitpackage([poor.raw.hex(), rich.raw.hex()])["package_msg"], "success")
        pools_hold(nodes, None, [poor, rich])
        txs += [poor, rich]
    return txs + [new]


def confirm_and_return(nodes, b, txs):
    first, core, last = nodes[0], nodes[1], nodes[-1]
    for miner in (core, last, core):  # who is asked for compact blocks has shown that it knows them
        miner.mine(1)
        in_step(nodes, b)
        if set(miner.getblock(miner.getbestblockhash())["tx"]) >= {t.txid for t in txs}:
            break
        equal(miner.getblock(miner.getbestblockhash())["nTx"], 1)
    block = core.getblock(core.getbestblockhash(), 1)
    assert {t.txid for t in txs} <= set(block["tx"]), block
    wait_until("every pool is empty", lambda: not any(n.getrawmempool() for n in nodes))
    for n in (first, last):
        got, asked = compact_blocks(n)
        assert got > 0 and asked == 0, (n.name, got, asked)
    # Two empty blocks in its place.
    first.invalidateblock(block["hash"])
    pools_hold([first], None, txs)
    for _ in range(2):
        first.generateblock("raw(52)", [])
    in_step(nodes, b)
    pools_hold(nodes, None, txs)
    equal(len({str(sorted(n.getrawmempool())) for n in nodes}), 1)
    core.mine(1)
    in_step(nodes, b)
    pools_hold(nodes, b, [], txs)


AT_ONCE = "whitelist=noban@127.0.0.1\n"  # transactions are announced without delay


def test_transactions_go_both_ways_between_quoind_bitcoind_and_bcoin(case):
    b = Bcoin(case)
    try:
        conf = CONF + AT_ONCE
        nodes = [case.node(conf), case.node(conf, kind=Bitcoind), case.node(conf)]
        nodes[2].start()
        meet(nodes[2], b, 5)
        nodes[0].start()
        nodes[1].start()
        nodes[1].join(nodes[0])
        nodes[1].join(nodes[2])
        confirm_and_return(nodes, b, exchange(nodes, b, Old))
        same_coins(*nodes)
    finally:
        b.stop()


class New(Old):
    """P2WSH of OP_TRUE."""
    script = ANYBODY

    def __init__(self, coins, fee, version=2):
        Tx.__init__(self, coins, fee, version=version)


def test_transactions_go_both_ways_under_bip94(case):
    conf = "test=bip94\n" + AT_ONCE
    nodes = [case.node(conf), case.node(conf, kind=Bitcoind), case.node(conf, kind=Bitcoind), case.node(conf)]
    chain_of(*nodes)
    confirm_and_return(nodes, None, exchange(nodes, None, New))
    same_coins(*nodes)


# ---- folders ----

INDEXES = "txindex=1\ncoinstatsindex=1\nblockfilterindex=1\ntxospenderindex=1\n"
OWN = (".cookie", ".lock", "debug.log", "settings.json", "plugins", "plugins.d")  # and not the chain's


def move_folder(a, b):
    os.makedirs(b.chain_dir, exist_ok=True)
    for name in os.listdir(b.chain_dir):
        if name not in OWN:
            path = b.path(name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    for name in os.listdir(a.chain_dir):
        if name not in OWN:
            copy = shutil.copytree if os.path.isdir(a.path(name)) else shutil.copy2
            copy(a.path(name), b.path(name))


def counted(raw):
    """Of raw estimates what the file holds: transactions that wait are counted anew."""
    return {k: {x: {c: y[c] for c in ("startrange", "endrange", "withintarget", "totalconfirmed")}
                if isinstance(y, dict) else y for x, y in v.items()} for k, v in raw.items()}


def picture(n):
    """What a folder says, whoever reads it."""
    wait_until("the indexes are there", lambda: len(n.getindexinfo()) == 4 and all(
        i["synced"] for i in n.getindexinfo().values()))
    tip, height = n.getbestblockhash(), n.getblockcount()
    pool = {t: {k: e[k] for k in ("time", "height", "fees", "wtxid", "vsize", "depends", "unbroadcast")}
            for t, e in n.getrawmempool(True).items()}
    return {
        "tip": tip, "pool": pool, "deltas": n.getprioritisedtransactions(),
        "coins": n.gettxoutsetinfo("muhash")["muhash"],
        "coins before": n.gettxoutsetinfo("muhash", height - 20),
        "filter": [n.getblockfilter(n.getblockhash(h)) for h in (0, 40, height)],
        "tx": n.getrawtransaction(n.getblock(n.getblockhash(3))["tx"][0], True)["blockhash"],
        "fees": [counted(n.estimaterawfee(k)) for k in (2, 6)],
        "addresses": n.getaddrmaninfo()["all_networks"]["total"],
        "banned": [e["address"] for e in n.listbanned()],
        "bip9": n.getdeploymentinfo()["deployments"].keys()}


def same_picture(got, want):
    for k in want:
        assert got[k] == want[k], f"{k}: got {got[k]!r}, wanted {want[k]!r}"


def make_history(n):
    """Spends in the chain and in the pool, a reorganisation, addresses, a ban, estimates."""
    coins = [(n.getblock(h)["tx"][0], 0, 50 * COIN)
             for h in n.generatetodescriptor(10, f"raw({ANYBODY.hex()})")]
    n.mine(100)
    for c in coins[:5]:
        Tx([c], 1000).send(n)
        n.mine(3)
    n.invalidateblock(n.getblockhash(120))
    n.mine(10, "52")
    for k, c in enumerate(coins[5:8]):
        Tx(Tx([c], 3000 + k).send(n).coins, 2000).send(n)
    n.prioritisetransaction(Tx([coins[8]], 3000).send(n).txid, 0, 777)
    for k in range(20):
        n.addpeeraddress(f"{9 + k}.2.3.4", 8333)
    n.setban("203.0.113.7", "add", 100000)


def continue_history(n):
    n.mine(5, "53")
    n.invalidateblock(n.getbestblockhash())
    n.mine(3, "54")


def hand_over(case, first, second):
    """A folder made by the one, opened, checked and continued by the other, and given back."""
    a, b = case.node(INDEXES, kind=first).start(), case.node(INDEXES, kind=second)
    make_history(a)
    was = picture(a)
    a.stop()
    move_folder(a, b)
    b.start()
    same_picture(picture(b), was)
    equal(b.call("verifychain", 4, 0), True)
    continue_history(b)
    now = picture(b)
    b.stop()
    move_folder(b, a)
    a.start()
    same_picture(picture(a), now)
    equal(a.call("verifychain", 4, 0), True)
    a.mine(1)


def test_bitcoind_takes_over_our_folder_and_gives_it_back(case):
    hand_over(case, Node, Bitcoind)


def test_we_take_over_the_folder_of_bitcoind_and_give_it_back(case):
    hand_over(case, Bitcoind, Node)

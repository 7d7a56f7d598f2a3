"""A quoind and a bitcoind that are told the same and never talk to each other: what they answer, and
what their mempools hold, must be equal. Whatever happens is decided by a seed and a clock of its own,
so that a seed can be run again."""
import base64
import json
import random
import struct

from bitcoind import Bitcoind
from framework import equal
from handmade import chain, compact, sha256d, shown, wire
from test_mining import ANYBODY, COIN, TRUE

BEGIN = 1700000000  # of the clock
ANCHOR = bytes.fromhex("51024e73")
DATA = b"\x6a\x14" + 20 * b"\x07"
KEYHASH = b"\x00\x14" + 20 * b"\x09"
MULTISIG = b"\x51\x21" + b"\x02" + 32 * b"\x05" + b"\x51\xae"  # bare
STRANGE = b"\x52\x51\x93"
FINAL, REPLACEABLE = 0xffffffff, 0xfffffffd


class Coin:
    """An output, with what was paid to it and how it can be spent."""

    def __init__(self, txid, n, value, script, height=None):
        self.txid, self.n, self.value, self.script, self.height = txid, n, value, script, height

    def key(self):
        return (self.txid, self.n)


class Spend:
    """outs: (value, script). `wrong`: the witness does not satisfy."""

    def __init__(self, coins, outs, version=2, sequence=REPLACEABLE, locktime=0, wrong=False):
        self.coins = coins
        ins = b"".join(wire(c.txid) + struct.pack("<I", c.n) + b"\0" + struct.pack("<I", sequence) for c in coins)
        body = compact(len(coins)) + ins + compact(len(outs)) + b"".join(
            struct.pack("<q", v) + compact(len(s)) + s for v, s in outs)
        end = struct.pack("<I", locktime)
        stack = [b"\0" if c.script == ANCHOR else b"\x01\x01\x52" if wrong else b"\x01\x01\x51" for c in coins]
        plain = all(s == b"\0" for s in stack)
        head = struct.pack("<i", version)
        self.raw = head + body + end if plain else head + b"\0\1" + body + b"".join(stack) + end
        self.hex = self.raw.hex()
        self.txid = shown(sha256d(head + body + end))
        self.outs = [Coin(self.txid, n, v, s) for n, (v, s) in enumerate(outs)]
        self.fee = sum(c.value for c in coins) - sum(v for v, _ in outs)


def spread(rand, total, n):
    """n parts of a total, more or less equal."""
    parts = [total * rand.randint(90, 100) // (100 * n) for _ in range(n - 1)]
    return parts + [total - sum(parts)]


class Line:
    """One connection to a node, that is kept."""

    def __init__(self, node):
        self.conn = node.connect(300)
        self.head = {"Authorization": "Basic " + base64.b64encode(node.cookie().encode()).decode(),
                     "Content-Type": "application/json"}

    def say(self, method, params):
        self.conn.request("POST", "/", json.dumps({"method": method, "params": params}), self.head)

    def hear(self):
        """The result, or the code and message of an error."""
        reply = json.loads(self.conn.getresponse().read())
        return (reply["error"]["code"], reply["error"]["message"]) if reply["error"] else reply["result"]

    def call(self, method, *params):
        self.say(method, params)
        got = self.hear()
        assert not isinstance(got, tuple), f"{method}: {got} {str(params)[:2000]}"
        return got


class Twins:
    def __init__(self, case, seed, conf=""):
        self.rand = random.Random(seed)
        ours = case.node(conf).start(f"-mocktime={BEGIN}")
        self.ours, self.core = Line(ours), Line(case.node(conf, kind=Bitcoind).start(f"-mocktime={BEGIN}"))
        self.now = BEGIN
        self.height = 0
        self.coins = {}  # in the chain, by key
        self.blocks = []  # (height, coins it spent, coins it made), of those with transactions
        self.salt = 0

    def ask(self, method, *params):
        """What ours says, and the core."""
        for line in (self.ours, self.core):
            line.say(method, params)
        return self.ours.hear(), self.core.hear()

    def both(self, method, *params):
        """The one answer of both."""
        ours, core = self.ask(method, *params)
        assert ours == core, f"{method} {str(params)[:2000]}\nours: {ours!r}\ncore: {core!r}"
        return ours

    def pass_time(self, seconds):
        self.now += seconds
        self.both("setmocktime", self.now)

    # ---- blocks ----
    def fund(self, n):
        """n coins of blocks that anybody can spend, mature."""
        for h in self.core.call("generatetodescriptor", n, f"raw({ANYBODY.hex()})"):
            self.hand_over(h)
        self.mine_empty(100)

    def hand_over(self, block_hash):
        """A block of the core is ours too."""
        block = self.core.call("getblock", block_hash, 2)
        equal(self.ours.call("submitblock", self.core.call("getblock", block_hash, 0)), None)
        spent, made = {}, {}
        for tx in block["tx"]:
            for i in tx["vin"]:
                key = (i.get("txid"), i.get("vout"))
                if not made.pop(key, None) and key in self.coins:
                    spent[key] = self.coins.pop(key)
            for o in tx["vout"]:
                script = bytes.fromhex(o["scriptPubKey"]["hex"])
                if script in (ANYBODY, ANCHOR):
                    c = Coin(tx["txid"], o["n"], round(o["value"] * COIN), script, block["height"])
                    made[c.key()] = c
        self.coins.update(made)
        self.blocks.append((block["height"], spent, made))

    def branch(self, back, length):
        """Empty blocks that leave out the last `back` of the chain."""
        height = self.both("getblockcount") - back
        while self.blocks and self.blocks[-1][0] > height:
            _, spent, made = self.blocks.pop()
            for k in made:
                del self.coins[k]
            self.coins.update(spent)
        self.salt += 1
        self.pass_time(length + 10)
        begin = self.now - length
        for b in chain(self.both("getblockhash", height), height + 1, begin, length, self.salt):
            got = self.both("submitblock", b.raw.hex())
            assert got in (None, "inconclusive"), got
        equal(self.both("getbestblockhash"), b.hash)
        self.height = height + length

    def mine_empty(self, n):
        self.branch(0, n)

    def mine(self, hexes=None):
        """A block of what the core has chosen, or of these."""
        self.pass_time(10)
        if hexes is None:
            h = self.core.call("generatetodescriptor", 1, f"raw({TRUE.hex()})")[0]
        else:
            h = self.core.call("generateblock", f"raw({TRUE.hex()})", hexes)["hash"]
        self.hand_over(h)
        self.height += 1

    # ---- mempools ----
    def same_pool(self):
        """The same transactions, related in the same way. Returns: their ids."""
        ours, core = self.ask("getrawmempool", True)
        more, less = sorted(set(ours) - set(core)), sorted(set(core) - set(ours))
        assert not more and not less, f"only ours: {more}\nonly the core's: {less}"
        for txid, e in core.items():
            for k in e:
                assert ours[txid][k] == e[k], f"{k} of {txid}: ours {ours[txid][k]!r}, the core's {e[k]!r}"
        return sorted(core)

    def same_info(self):
        """The sums over it; memory is a matter of each."""
        ours, core = self.ask("getmempoolinfo")
        equal({**ours, "usage": 0}, {**core, "usage": 0})
        return core

    def same_template(self):
        """What a miner is given, in its order."""
        rules = {"rules": ["segwit"]}
        ours, core = self.ask("getblocktemplate", rules)
        for t in (ours, core):
            for k in ("capabilities", "longpollid", "curtime"):
                t.pop(k)
        equal([t["txid"] for t in ours["transactions"]], [t["txid"] for t in core["transactions"]])
        equal(ours, core)

    def same_orders(self, txids):
        """In the same order, whole clusters and what would be mined."""
        seen = set()
        for t in txids:
            if t not in seen:
                seen |= {x for c in self.both("getmempoolcluster", t)["chunks"] for x in c["txs"]}

"""The watch plugin beside watch-only descriptor wallets of bitcoind: the same blocks and transactions
go to both, and balances, unspent coins and transactions of each wallet must be equal. Needs a
bitcoind with wallet (QUOIN_BITCOIND, or the one in PATH)."""
import json
import os
import random
import struct

from bitcoind import Bitcoind
from framework import RpcError, Skip, TIMEOUT, equal, wait_until
from test_mining import ANYBODY, COIN
from test_watch import MINER, TPUB, Pay, Watcher

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
VECTORS = os.environ.get("QUOIN_VECTORS", os.path.join(os.path.dirname(TOP), "shared", "vectors"))
TPRV = ("tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8"
        "UbK")
CONF = "disablewallet=0\nkeypool=1\nunsafesqlitesync=1\n"
# One wallet for each; what is spent is signed by a wallet that has the keys.
KINDS = {
    "pkh": ["pkh({}/1/*)"],
    "wpkh": ["wpkh({}/2/*)"],
    "nested": ["sh(wpkh({}/3/*))"],
    "multi": ["wsh(sortedmulti(2,{}/4/0/*,{}/4/1/*,{}/4/2/*))"],
    "tr": ["tr({}/5/*)"],
    "tree": ["tr({}/6/0/*,{{pk({}/6/1/*),and_v(v:pk({}/6/2/*),older(5))}})"],
    "combo": ["combo({}/7/*)"],
    "branches": ["wpkh({}/8/<0;1>/*)", "pkh({}/8/<2;3>/*)"],
}
RANGE = 12


def needs_wallet(node):
    if "createwallet" not in node.help():
        raise Skip("the bitcoind has no wallet")


def sats(x):
    return round(x * COIN)


def difference(name, part, ours, core):
    a, b = (set(x.items()) if isinstance(x, dict) else set(x) for x in (ours, core))
    return f"{name}: {part}: ours alone has {sorted(a - b)}, bitcoind {sorted(b - a)}"


class Both:
    """Our plugin's node and bitcoind, with the same wallets."""

    def __init__(self, case):
        self.w = Watcher(case, "gap_limit = 20")
        self.ours = self.w.node
        self.core = case.node(CONF, kind=Bitcoind).start()
        needs_wallet(self.core)
        self.names = []

    def core_wallet(self, name, *args):
        _, _, data = self.core.post({"id": 1, "method": args[0], "params": list(args[1:])}, path=f"/wallet/{name}")
        reply = json.loads(data)
        if reply["error"]:
            raise RpcError(reply["error"], 500)
        return reply["result"]

    def create(self, name, items, private=None):
        """items: as both take them. private: the same for a wallet that can sign."""
        self.core.createwallet(name, True, True)
        self.w.call("create", name)
        for item in items:
            got = self.core_wallet(name, "importdescriptors", [{**item, "timestamp": 0}])
            assert all(g["success"] for g in got), (item, got)
            equal([r["success"] for r in self.w.call("import", name, [{**item, "birthday": 0}])], [True])
        self.names.append(name)

    # ---- what each knows ----
    def of_ours(self, name):
        b = self.w.call("balance", name)["mine"]
        coins = self.w.call("utxos", name, 0, None, None, None, {"include_immature_coinbase": True})
        mature = self.w.call("utxos", name, 0)
        txs = self.w.call("transactions", name, 10000)["transactions"]
        alive = [t for t in txs if t["state"] in ("mempool", "confirmed")]
        return {
            "balance": {k: sats(b[k]) for k in ("trusted", "untrusted_pending", "immature")},
            "coins": sorted((c["txid"], c["vout"], sats(c["amount"]), c["confirmations"], c["scriptPubKey"],
                             c.get("address", "")) for c in coins),
            "mature": sorted((c["txid"], c["vout"]) for c in mature),
            "txs": {t["txid"]: (t["confirmations"], t.get("blockhash", ""), sats(t["amount"])) for t in alive}}

    def give_up(self, name, pool):
        """bitcoind holds back coins for transactions that are in no block and no mempool, as if they
        could come back; for us they are gone."""
        for t in self.core_wallet(name, "listtransactions", "*", 100000):
            if t["confirmations"] == 0 and t["txid"] not in pool and not t.get("abandoned", True):
                self.core_wallet(name, "abandontransaction", t["txid"])

    def of_core(self, name, pool):
        b = self.core_wallet(name, "getbalances")["mine"]
        coins = self.core_wallet(name, "listunspent", 0, 9999999, [], True, {"include_immature_coinbase": True})
        mature = self.core_wallet(name, "listunspent", 0)
        # What a wallet pays to its own change alone is known to it, but not in that list.
        ids = {t["txid"] for t in self.core_wallet(name, "listtransactions", "*", 100000)}
        ids |= {t["txid"] for t in self.w.call("transactions", name, 10000)["transactions"]}
        txs = {}
        for txid in ids:
            try:
                t = self.core_wallet(name, "gettransaction", txid)
            except RpcError as e:
                equal(e.code, -5)
                continue
            if t["confirmations"] > 0 or (t["confirmations"] == 0 and txid in pool):
                # bitcoind leaves immature coins out of the amount.
                net = sum(sats(d["amount"]) for d in t["details"]) if t.get("generated") else \
                    sats(t["amount"]) + sats(t.get("fee", 0))
                txs[txid] = (t["confirmations"], t.get("blockhash", ""), net)
        return {
            "balance": {k: sats(b[k]) for k in ("trusted", "untrusted_pending", "immature")},
            "coins": sorted((c["txid"], c["vout"], sats(c["amount"]), c["confirmations"], c["scriptPubKey"],
                             c.get("address", "")) for c in coins),
            "mature": sorted((c["txid"], c["vout"]) for c in mature),
            "txs": txs}

    def compare(self):
        equal(self.ours.getbestblockhash(), self.core.getbestblockhash())
        self.core.syncwithvalidationinterfacequeue()
        pool = set(self.core.getrawmempool())
        equal(set(self.ours.getrawmempool()), pool)
        found = 0
        for name in self.names:
            self.give_up(name, pool)
            want, last = [None], [None]

            def same():
                last[0], want[0] = self.of_ours(name), self.of_core(name, pool)
                return last[0] == want[0]
            try:
                wait_until("the same in both", same, TIMEOUT / 4)
            except AssertionError:
                for part in want[0]:
                    assert last[0][part] == want[0][part], difference(name, part, last[0][part], want[0][part])
            found += len(want[0]["txs"])
        return found

    # ---- what happens ----
    def give(self, blocks):
        for b in blocks:
            assert self.core.submitblock(b) in (None, "inconclusive", "duplicate"), b

    def send(self, raw):
        """Whether both let it in; they must agree."""
        got = []
        for n in (self.ours, self.core):
            try:
                n.sendrawtransaction(raw, 0)
                got.append("")
            except RpcError as e:
                got.append(e.message)
        assert bool(got[0]) == bool(got[1]), (got, raw)
        return not got[0]

    def mine(self, txs, script="51"):
        h = self.ours.generateblock(f"raw({script})", txs)["hash"]
        self.give([self.ours.getblock(h, 0)])
        return h


# ---- a recorded chain ----

def recorded():
    folder = os.path.join(VECTORS, "regtest-mixed")
    if not os.path.exists(os.path.join(folder, "expected.json")):
        raise Skip("no test vectors: set QUOIN_VECTORS")
    with open(os.path.join(folder, "blocks.dat"), "rb") as f:
        data = f.read()
    with open(os.path.join(folder, "expected.json")) as f:
        want = json.load(f)
    blocks, at = [], 0
    while at + 8 <= len(data) and data[at:at + 4] == bytes.fromhex("fabfb5da"):
        n, = struct.unpack_from("<I", data, at + 4)
        blocks.append(data[at + 8:at + 8 + n].hex())
        at += 8 + n
    return blocks, want


def keys_in(core, blocks):
    """Public keys, and scripts of CHECKMULTISIG, that witnesses show."""
    keys, multis = set(), set()
    for b in blocks:
        for tx in core.getblock(b, 2)["tx"]:
            for i in tx["vin"]:
                stack = i.get("txinwitness", [])
                if len(stack) == 2 and len(stack[1]) == 66 and stack[1][:2] in ("02", "03"):
                    keys.add(stack[1])
                if len(stack) > 2 and stack[-1].endswith("ae") and stack[-1][:1] == "5":
                    multis.add(stack[-1])
    return sorted(keys), sorted(multis)


def multi_of(script):
    raw, at, keys = bytes.fromhex(script), 1, []
    while raw[at] == 33:
        keys.append(raw[at + 1:at + 34].hex())
        at += 34
    return f"wsh(multi({raw[0] - 0x50},{','.join(keys)}))"


def with_sum(node, text):
    return node.getdescriptorinfo(text)["descriptor"]


def test_a_recorded_chain_has_the_same_in_both(case):
    blocks, want = recorded()
    b = Both(case)
    scripts = [s["script"] for s in want["scripts"]]
    for raw in blocks:  # in file order: branches are connected, and left
        b.ours.submitblock(raw)
        b.core.submitblock(raw)
    equal((b.ours.getbestblockhash(), b.core.getbestblockhash()), (want["tip"], want["tip"]))
    hashes = [b.core.getblockhash(h) for h in range(1, want["height"] + 1)]
    keys, multis = keys_in(b.core, hashes)
    taproot = [s for s in scripts if s.startswith("5120")]
    addresses = [b.core.decodescript(s).get("address") for s in scripts]
    wallets = {
        "raw": [f"raw({s})" for s in scripts],
        "addr": [f"addr({a})" for a in addresses if a],
        "pkh": [f"pkh({k})" for k in keys], "wpkh": [f"wpkh({k})" for k in keys],
        "nested": [f"sh(wpkh({k}))" for k in keys], "combo": [f"combo({k})" for k in keys],
        "multi": [multi_of(m) for m in multis], "rawtr": [f"rawtr({s[4:]})" for s in taproot]}
    for name, texts in wallets.items():
        b.core.createwallet(name, True, True)
        b.w.call("create", name)
        descs = [with_sum(b.core, t) for t in texts[:30]]
        got = b.core_wallet(name, "importdescriptors", [{"desc": d, "timestamp": 0} for d in descs])
        assert all(g["success"] for g in got), (name, got)
        got = b.w.call("import", name, [{"desc": d, "birthday": 0} for d in descs])
        assert all(g["success"] for g in got), (name, got)
        b.names.append(name)
    wait_until("the rescans are done", lambda: b.w.call("status")["rescans"] == [])
    assert b.compare() > 300, "it does not pay much to these"
    # And watched while it happens: back to before both branches, and on again.
    low = min(s["at_height"] for s in want["stale"]) - 1
    for n in (b.ours, b.core):
        n.invalidateblock(hashes[low])
    b.core.syncwithvalidationinterfacequeue()
    for n in (b.ours, b.core):
        n.reconsiderblock(hashes[low])
    b.compare()
    b.ours.stop()
    b.core.stop()


# ---- random chains ----

class Game:
    """Payments to all wallets, spends of what they have, replacements, double spends in blocks,
    reorganisations, restarts."""

    def __init__(self, case, seed):
        self.r, self.b = random.Random(seed), Both(case)
        self.salt = 0x60
        core, w = self.b.core, self.b.w
        for name, texts in KINDS.items():
            items = [{"desc": with_sum(core, t.replace("{}", TPUB).replace("{{", "{").replace("}}", "}")),
                      "range": [0, RANGE - 1]} for t in texts]
            self.b.create(name, items)
        core.createwallet("keys", False, True)
        for texts in KINDS.values():
            for t in texts:
                text = t.replace("{}", TPRV).replace("{{", "{").replace("}}", "}")
                sum_ = core.getdescriptorinfo(text)["checksum"]
                [got] = self.b.core_wallet("keys", "importdescriptors", [
                    {"desc": f"{text}#{sum_}", "timestamp": "now", "range": [0, RANGE - 1]}])
                assert got["success"], (t, got)
        blocks = self.b.ours.generatetodescriptor(12, f"raw({ANYBODY.hex()})")
        blocks += self.b.ours.mine(100)
        self.b.give([self.b.ours.getblock(h, 0) for h in blocks])
        self.coins = [(self.b.ours.getblock(h)["tx"][0], 0, 50 * COIN) for h in blocks[:12]]
        open_ = [{"desc": with_sum(core, f"raw({ANYBODY.hex()})")}]
        self.b.create("open", open_)
        wait_until("the rescans are done", lambda: w.call("status")["rescans"] == [])
        self.scripts = self.derive()

    def derive(self):
        core, out = self.b.core, []
        for name, texts in KINDS.items():
            for t in texts:
                text = t.replace("{}", TPUB).replace("{{", "{").replace("}}", "}")
                if text.startswith("combo"):
                    for kind in ("pkh({})", "wpkh({})", "sh(wpkh({}))"):
                        out += self.addresses(kind.format(text[6:-1]))
                else:
                    out += self.addresses(text)
        return [core.validateaddress(a)["scriptPubKey"] for a in out]

    def addresses(self, text):
        got = self.b.core.deriveaddresses(with_sum(self.b.core, text), [0, RANGE - 1])
        return [a for branch in got for a in branch] if isinstance(got[0], list) else got

    # ---- moves ----
    def pay(self):
        """From anybody's coins. Sometimes they are spent twice: the second replaces the first."""
        k = self.r.randrange(len(self.coins))
        to = [self.r.choice(self.scripts) for _ in range(self.r.randint(1, 4))]
        t = Pay([self.coins[k]], to, self.r.randint(100000, 3000000), self.r.randint(1000, 60000))
        if t.rest[2] > COIN and self.b.send(t.raw.hex()) and self.r.random() < 0.8:
            self.coins[k] = t.rest

    def spend(self):
        """Some coins of a wallet, confirmed or not, to wallets and to itself."""
        name = self.r.choice(list(KINDS))
        pool = set(self.b.core.getrawmempool())
        coins = [c for c in self.b.core_wallet(name, "listunspent", 0)
                 if c["confirmations"] or c["txid"] in pool]
        if not coins:
            return
        some = self.r.sample(coins, min(len(coins), self.r.randint(1, 3)))
        value = sum(sats(c["amount"]) for c in some)
        fee = self.r.randint(2000, 30000)
        n = self.r.randint(1, 3)
        if value < fee + n * 20000:
            return
        outs = [{"data": "00"}] if self.r.random() < 0.1 else []
        outs += self.outputs(n, (value - fee) // n)
        raw = self.b.core.createrawtransaction(
            [{"txid": c["txid"], "vout": c["vout"], "sequence": 0xfffffffd} for c in some], outs)
        signed = self.b.core_wallet("keys", "signrawtransactionwithwallet", raw)
        assert signed["complete"], (name, signed)
        self.b.send(signed["hex"])

    def outputs(self, n, each):
        seen, outs = set(), []
        for _ in range(n):
            a = self.b.core.decodescript(self.r.choice(self.scripts))["address"]
            if a not in seen:
                seen.add(a)
                outs.append({a: round(each / COIN, 8)})
        return outs

    def block(self):
        """Of some of the mempool, parents first; sometimes to a wallet, sometimes with a double spend."""
        n = self.b.ours
        pool = n.getrawmempool(True)
        order = sorted(pool, key=lambda t: (pool[t]["ancestorcount"], t))
        chosen = []
        for t in order:
            if self.r.random() < 0.6 and all(d in chosen for d in pool[t]["depends"]):
                chosen.append(t)
        txs = [n.getrawtransaction(t) for t in chosen]
        if self.r.random() < 0.3:
            k = self.r.randrange(len(self.coins))
            rival = Pay([self.coins[k]], [self.r.choice(self.scripts)], 777777, 5000)
            spent = {(i["txid"], i["vout"]) for t in txs for i in n.decoderawtransaction(t)["vin"]}
            out = n.gettxout(self.coins[k][0], self.coins[k][1], False)
            if out and tuple(self.coins[k][:2]) not in spent:
                txs.append(rival.raw.hex())
                self.coins[k] = rival.rest
        self.b.mine(txs, self.r.choice(self.scripts) if self.r.random() < 0.3 else self.other())

    def other(self):
        """A script that no block had: one that is like a block that was left would be that block."""
        self.salt += 1
        return f"02{self.salt:04x}51"

    def reorganise(self):
        """One of both sees the shorter branch leave by itself, the other is told that it is invalid."""
        back = self.r.randint(1, 4)
        n = self.b.ours
        height = n.getblockcount()
        lost = n.getblockhash(height - back + 1)
        n.invalidateblock(lost)
        made = []
        for _ in range(back + 1):
            txs = []
            if self.r.random() < 0.4:
                pool = n.getrawmempool(True)
                txs = [n.getrawtransaction(t) for t in pool if not pool[t]["depends"] and self.r.random() < 0.5]
            made.append(n.generateblock(f"raw({self.other()})", txs)["hash"])
        self.b.give([n.getblock(h, 0) for h in made])
        n.reconsiderblock(lost)
        self.coins = [c for c in self.coins if self.there(c)] or self.coins

    def there(self, c):
        return self.b.ours.gettxout(c[0], c[1], True) is not None

    def refill(self):
        """Coins of anybody that were lost to a rival or a reorganisation are looked up again."""
        have = {c[0] for c in self.coins}
        for c in self.b.core_wallet("open", "listunspent", 1):
            if c["txid"] not in have and sats(c["amount"]) > 2 * COIN and len(self.coins) < 12:
                self.coins.append((c["txid"], c["vout"], sats(c["amount"])))

    def round(self):
        for _ in range(self.r.randint(1, 5)):
            self.pay() if self.r.random() < 0.5 else self.spend()
        what = self.r.random()
        if what < 0.5:
            self.block()
        elif what < 0.65:
            self.reorganise()
        elif what < 0.72:
            self.b.w.restart("plugin")
        self.refill()


def play(case, seed, rounds=30):
    g = Game(case, seed)
    found = 0
    for k in range(rounds):
        g.round()
        if k % 2:
            found += g.b.compare()
    assert found > 10 * rounds, found
    g.b.ours.stop()
    g.b.core.stop()


def test_random_chains_have_the_same_in_both(case):
    play(case, int(os.environ.get("QUOIN_SEED", "1")))


def test_other_random_chains_have_the_same_in_both(case):
    play(case, int(os.environ.get("QUOIN_SEED", "1")) + 1)

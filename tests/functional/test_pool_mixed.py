"""The mempools of quoind and bitcoind over the same history, which a seed decides. QUOIN_FUZZ_SECONDS
makes it long, QUOIN_FUZZ_SEED says where to begin."""
import os
import time

from pool_twins import (ANCHOR, ANYBODY, DATA, FINAL, KEYHASH, MULTISIG, REPLACEABLE, STRANGE, Spend, Twins,
                        spread)

SECONDS = float(os.environ.get("QUOIN_FUZZ_SECONDS", "5"))
WORTH = 3000000  # a coin that pays for some descendants
SEED = int(os.environ.get("QUOIN_FUZZ_SEED", "1"))


def padding(rand):
    """A script that only makes a transaction larger."""
    n = rand.randint(256, 9000)
    return b"\x6a\x4d" + n.to_bytes(2, "little") + bytes(n)


def grow(twins, free, ins, outs, padded=0):
    """A transaction that spends up to `ins` of the free coins, which its outputs join."""
    rand = twins.rand
    coins = [free.pop(rand.randrange(len(free))) for _ in range(min(len(free), rand.randint(1, ins)))]
    to = [(0, padding(rand))] if rand.randrange(100) < padded else []
    fee = rand.randint(500, 100000) + 10 * sum(len(s) for _, s in to)
    to += [(v, ANYBODY) for v in spread(rand, sum(c.value for c in coins) - fee, rand.randint(1, outs))]
    tx = Spend(coins, to)
    free += [c for c in tx.outs if c.value > WORTH]
    return tx


def empty_out(twins):
    """Mine until the mempools are empty."""
    while twins.same_info()["size"]:
        twins.mine()


def give_back(twins, padded):
    """A block goes that had transactions with many descendants in the mempool, more than a cluster
    may hold. Returns: how many were left out."""
    rand = twins.rand
    worth = [c for c in twins.coins.values() if c.value > 100 * WORTH]
    roots = rand.sample(worth, min(len(worth), rand.randint(1, 4)))
    back = []
    for _ in range(rand.randint(1, 30)):
        if roots:
            back.append(grow(twins, roots, 3, rand.choice([2, 8, 30]), padded // 2))
    twins.mine([tx.hex for tx in back])
    young, n = roots, 0
    for _ in range(rand.choice([20, 80, 150])):
        if not young:
            break
        was = list(young)
        tx = grow(twins, young, rand.choice([1, 1, 3]), rand.choice([1, 2, 4]), padded)
        if twins.both("sendrawtransaction", tx.hex, 0) == tx.txid:
            n += 1
        else:  # its cluster is full
            young[:] = was
            rand.shuffle(young)
    if rand.randrange(3) == 0:
        for tx in rand.sample(back, min(len(back), 1)):
            twins.both("prioritisetransaction", tx.txid, 0, rand.randint(-90000, 90000))
    twins.same_orders(twins.same_pool())
    twins.branch(1, 2)
    pool = twins.same_pool()
    twins.same_orders(pool)
    empty_out(twins)
    return len(back) + n - len(pool)


def trim(case, conf, padded):
    twins = Twins(case, SEED, conf)
    twins.fund(20)
    trimmed, rounds, end = 0, 0, time.monotonic() + SECONDS
    while rounds < 4 or time.monotonic() < end:
        trimmed += give_back(twins, padded) > 0
        rounds += 1
    assert trimmed > 0, rounds
    print(f"{conf.strip() or 'default limits'}: {rounds} rounds, {trimmed} trimmed")


def test_clusters_that_a_reorganisation_made_too_large_are_trimmed_alike(case):
    trim(case, "", 0)


def test_so_are_those_of_too_much_weight(case):
    trim(case, "limitclustersize=40\n", 40)


def test_so_are_those_of_a_low_limit(case):
    trim(case, "limitclustercount=7\n", 10)


# ---- anything ----

class Fuzz:
    """Random transactions, good and bad, packages, replacements, priorities, blocks and branches."""

    def __init__(self, case):
        self.twins = Twins(case, SEED, "acceptnonstdtxn=0\n")
        self.rand = self.twins.rand
        self.twins.fund(40)
        self.known = []  # coins of transactions that were sent, accepted or not
        self.counts = {}

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def some_coins(self, most):
        """Of the chain, of the mempool, spent or never heard of."""
        out = {}
        for _ in range(self.rand.randint(1, most)):
            fresh = self.rand.randrange(3) == 0 or not self.known
            c = self.rand.choice(list(self.twins.coins.values())) if fresh else self.rand.choice(self.known[-60:])
            out[c.key()] = c
        return list(out.values())

    def some_script(self):
        return self.rand.choices([ANYBODY, ANCHOR, DATA, KEYHASH, STRANGE, padding(self.rand), MULTISIG],
                                 [120, 6, 2, 2, 1, 2, 1])[0]

    def some_fee(self):
        return self.rand.choice([0, 0, 5, 1000, 1000, 2000, self.rand.randint(1, 300), self.rand.randint(100, 3000),
                                 self.rand.randint(1000, 100000)])

    def transaction(self, coins, fee=None):
        """May be anything but malformed."""
        rand = self.rand
        value = sum(c.value for c in coins) - (self.some_fee() if fee is None else fee)
        outs = []
        for v in spread(rand, value, rand.choice([1, 1, 1, 2, 3, 12])):
            script = self.some_script()
            unpaid = script[0] == 0x6a or (script == ANCHOR and rand.randrange(2)) or rand.randrange(60) == 0
            outs.append((rand.choice([0, 0, 0, 239, 329]) if unpaid else v, script))
        return Spend(coins, outs, version=rand.choices([0, 1, 2, 3, 4], [1, 5, 120, 20, 1])[0],
                     sequence=rand.choices([REPLACEABLE, FINAL, 0, 3, 200, 1 << 22 | 4], [100, 20, 5, 2, 1, 1])[0],
                     locktime=rand.choices([0, self.twins.height, self.twins.height + 1, self.twins.now,
                                            self.twins.now - 100000], [160, 2, 2, 1, 1])[0],
                     wrong=rand.randrange(80) == 0)

    def remember(self, tx, accepted):
        if not accepted and self.rand.randrange(8):
            return
        self.known += [c for c in tx.outs if c.value > 1000 and c.script in (ANYBODY, ANCHOR)] + \
            [c for c in tx.outs if c.script == ANCHOR]

    def payable(self, most):
        coins = self.some_coins(most)
        return coins if sum(c.value for c in coins) > 200000 else None

    def send(self):
        coins = self.payable(self.rand.choice([1, 1, 2, 3, 9]))
        if not coins:
            return
        tx = self.transaction(coins)
        tried = self.twins.both("testmempoolaccept", [tx.hex], 0)[0]
        got = self.twins.both("sendrawtransaction", tx.hex, 0, 1)
        self.count("sent" if got == tx.txid else tried.get("reject-reason", "?"))
        self.remember(tx, got == tx.txid)

    def package(self):
        """Parents that may pay too little, and a child of all."""
        parents, used = [], set()
        for _ in range(self.rand.choice([1, 1, 1, 2, 4])):
            coins = self.payable(2)
            if coins and not used & {c.key() for c in coins}:
                used |= {c.key() for c in coins}
                parents.append(self.transaction(coins, self.rand.choice([0, 0, 10, 1000])))
        coins = [c for tx in parents for c in tx.outs if c.script in (ANYBODY, ANCHOR)]
        if self.rand.randrange(4) == 0:
            coins = self.rand.sample(coins, self.rand.randint(0, len(coins)))
        if sum(c.value for c in coins) < 200000:
            return
        txs = parents + [self.transaction(coins, self.rand.choice([0, 1000, 100000]))]
        hexes = [tx.hex for tx in txs]
        if self.rand.randrange(10) == 0:
            self.rand.shuffle(hexes)
        if self.rand.randrange(2):
            self.twins.both("testmempoolaccept", hexes, 0)
        got = self.twins.both("submitpackage", hexes, 0, 1)
        self.count("package " + (got["package_msg"] if isinstance(got, dict) else got[1]))
        pool = self.twins.both("getrawmempool")
        for tx in txs:
            self.remember(tx, tx.txid in pool)

    def chosen(self):
        pool = self.twins.both("getrawmempool") if self.rand.randrange(2) else []
        return self.rand.choice(sorted(pool)) if pool else self.rand.choice(self.known).txid if self.known else 64 * "1"

    def prioritise(self):
        self.twins.both("prioritisetransaction", self.chosen(), 0, self.rand.choice(
            [self.rand.randint(-3000, 3000), 100000, -100000]))

    def block(self):
        self.twins.mine()

    def block_of_some(self):
        """A part of the mempool, and what the mempool would not have."""
        pool = sorted(self.twins.both("getrawmempool"))
        want = set()
        for t in self.rand.sample(pool, min(len(pool), self.rand.randint(0, 6))):
            want |= {t} | set(self.twins.both("getmempoolancestors", t))
        order = sorted(want, key=lambda t: (self.twins.both("getmempoolentry", t)["ancestorcount"], t))
        hexes = [self.twins.both("getrawtransaction", t) for t in order]
        coins = [c for c in self.twins.coins.values() if c.value > 200000 and self.twins.both(
            "gettxout", c.txid, c.n, True)]
        if coins:
            c = self.rand.choice(coins)
            hexes.append(Spend([c], [(c.value - 100, ANYBODY)]).hex)
        self.twins.mine(hexes)

    def branch(self):
        back = self.rand.choice([1, 1, 1, 2, 3])
        self.twins.branch(back, back + 1)

    def time(self):
        self.twins.pass_time(self.rand.choice([600, 3600, 86400, 15 * 86400]))

    def look(self):
        pool = self.twins.same_pool()
        self.twins.same_info()
        self.twins.same_orders(pool)
        self.twins.both("getprioritisedtransactions")
        if pool:
            t = self.rand.choice(pool)
            self.twins.both("getmempoolancestors", t)
            self.twins.both("getmempooldescendants", t)
        self.twins.same_template()

    def step(self):
        self.rand.choices([self.send, self.package, self.prioritise, self.block, self.block_of_some, self.branch,
                           self.time, self.look], [100, 15, 6, 2, 3, 2, 1, 3])[0]()


def test_whatever_comes_the_mempools_are_the_same(case):
    fuzz, end = Fuzz(case), time.monotonic() + SECONDS
    steps = 0
    while steps < 200 or time.monotonic() < end:
        fuzz.step()
        steps += 1
    fuzz.look()
    print(f"{steps} steps:", ", ".join(f"{k} {n}" for k, n in sorted(fuzz.counts.items())))
    assert fuzz.counts.get("sent"), fuzz.counts

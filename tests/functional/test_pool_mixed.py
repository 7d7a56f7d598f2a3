"""The mempools of quoind and bitcoind over the same history, which a seed decides. QUOIN_FUZZ_SECONDS
makes it long, QUOIN_FUZZ_SEED says where to begin."""
import os
import time

from pool_twins import ANYBODY, Spend, Twins, spread

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
        for tx in rand.sample(back, 1):
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
    print(f"{conf.strip()}: {rounds} rounds, {trimmed} trimmed")


def test_clusters_that_a_reorganisation_made_too_large_are_trimmed_alike(case):
    trim(case, "", 0)


def test_so_are_those_of_too_much_weight(case):
    trim(case, "limitclustersize=40\n", 40)


def test_so_are_those_of_a_low_limit(case):
    trim(case, "limitclustercount=7\n", 10)

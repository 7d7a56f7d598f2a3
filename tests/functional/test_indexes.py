"""The built-in indexes: -txindex, -txospenderindex, -coinstatsindex, and the methods that use them."""
import os

from framework import equal, expect_error, wait_until
from test_rawtx import ADDRESS, KEYS, TXID, confirm, fund, short, spend

ALL = "txindex=1\ntxospenderindex=1\ncoinstatsindex=1\nblockfilterindex=1\n"


def synced(n, names=("txindex", "txospenderindex", "coinstatsindex", "basic block filter index")):
    def done():
        got = n.getindexinfo()
        equal(sorted(got), sorted(names))
        return all(i == {"synced": True, "best_block_height": n.getblockcount()} for i in got.values())
    wait_until("indexes synced", done)


def cover_the_chain(n):
    """As synced(), but they may stand above the tip, on what was invalidated."""
    wait_until("indexes cover the chain", lambda: all(i["synced"] for i in n.getindexinfo().values()))


def with_spend(case, conf=ALL):
    """A node; a coin, the transaction that spends it, and their blocks."""
    n = case.node(conf).start()
    coin, first = fund(n, f"wpkh({KEYS[0]})")
    tx = n.signrawtransactionwithkey(spend(n, coin), KEYS[:1])["hex"]
    block = confirm(n, tx)
    return n, coin, first, tx, n.decoderawtransaction(tx)["txid"], block


@short
def test_transactions_are_found_without_their_block(case):
    n, coin, first, tx, txid, block = with_spend(case)
    equal(n.getrawtransaction(txid), tx)
    equal(n.getrawtransaction(txid, False), tx)
    for verbosity in (1, 2, True):
        got = n.getrawtransaction(txid, verbosity)
        want = n.getrawtransaction(txid, verbosity, block)
        equal(want.pop("in_active_chain"), True)
        equal(got, want)
        equal(("fee" in got, "prevout" in got["vin"][0]), (verbosity == 2 and verbosity is not True,) * 2)
    equal(n.getrawtransaction(coin["txid"], 1)["blockhash"], first)
    equal(n.verifytxoutproof(n.gettxoutproof([coin["txid"]])), [coin["txid"]])  # spent
    expect_error(-5, "No such mempool or blockchain transaction. Use gettransaction for wallet transactions.",
                 n.getrawtransaction, TXID)
    genesis = n.getblock(n.getblockhash(0))["tx"][0]
    expect_error(-5, "The genesis block coinbase", n.getrawtransaction, genesis)
    n.stop()


@short
def test_without_the_index_the_block_must_be_named(case):
    n, coin, first, tx, txid, block = with_spend(case, "")
    equal(n.getindexinfo(), {})
    expect_error(-5, "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain "
                 "transaction queries. Use gettransaction for wallet transactions.", n.getrawtransaction, txid)
    equal(n.getrawtransaction(txid, 0, block), tx)
    where = [{"txid": coin["txid"], "vout": 0}]
    equal(n.gettxspendingprevout(where), where)
    expect_error(-1, "Mempool lacks a relevant spend, and txospenderindex is unavailable.",
                 n.gettxspendingprevout, where, {"mempool_only": False})
    expect_error(-8, "Querying specific block heights requires coinstatsindex", n.gettxoutsetinfo, "muhash", 1)
    n.restart("-txindex", "-txospenderindex", "-coinstatsindex")  # over a chain that is there
    synced(n, ("txindex", "txospenderindex", "coinstatsindex"))
    equal(n.getrawtransaction(txid), tx)
    equal(n.gettxspendingprevout(where)[0]["spendingtxid"], txid)
    n.stop()


@short
def test_spenders_are_found(case):
    n, coin, first, tx, txid, block = with_spend(case)
    where = {"txid": coin["txid"], "vout": 0}
    other = {"txid": txid, "vout": 0}
    ask = n.gettxspendingprevout
    equal(ask([where, other]), [dict(where, spendingtxid=txid, blockhash=block), other])
    equal(ask([where], {"return_spending_tx": True}),
          [dict(where, spendingtxid=txid, spendingtx=tx, blockhash=block)])
    equal(ask([where], {"mempool_only": True}), [where])
    n.invalidateblock(block)
    cover_the_chain(n)
    equal(ask([where]), [dict(where, spendingtxid=txid)])  # it is back in the mempool
    equal(n.getrawtransaction(txid), tx)
    n.reconsiderblock(block)
    synced(n)
    equal(ask([where])[0]["blockhash"], block)
    for code, text, *args in (
            (-8, "Invalid parameter, outputs are missing", []),
            (-3, "JSON value of type number is not of expected type object", [1]),
            (-3, "Missing txid", [{"vout": 0}]),
            (-3, "Missing vout", [{"txid": TXID}]),
            (-3, "JSON value of type number for field txid is not of expected type string",
             [{"txid": 1, "vout": 0}]),
            (-3, "JSON value of type string for field vout is not of expected type number",
             [{"txid": TXID, "vout": "0"}]),
            (-3, "Unexpected key x", [{"txid": TXID, "vout": 0, "x": 1}]),
            (-8, "txid must be of length 64 (not 2, for '00')", [{"txid": "00", "vout": 0}]),
            (-8, "Invalid parameter, vout cannot be negative", [{"txid": TXID, "vout": -1}]),
            (-1, "JSON integer out of range", [{"txid": TXID, "vout": 2**31}]),
            (-3, "Unexpected key x", [where], {"x": True}),
            (-3, "JSON value of type string for field mempool_only is not of expected type bool",
             [where], {"mempool_only": "x"})):
        expect_error(code, text, ask, *args)
    n.stop()


def check_set(n, kind="muhash"):
    """The index and the set itself say the same of the tip."""
    got = n.gettxoutsetinfo(kind)
    own = n.gettxoutsetinfo(kind, None, False)
    for key in ("height", "bestblock", "txouts", "bogosize", "muhash", "total_amount"):
        equal((key, got.get(key)), (key, own.get(key)))
    assert "disk_size" in own and "disk_size" not in got and "block_info" in got
    return got


@short
def test_statistics_of_every_block(case):
    n, coin, first, tx, txid, block = with_spend(case)
    seen = [check_set(n)]
    for i in range(3):
        n.generateblock("raw(6a)", [])  # nobody can spend that
        seen.append(check_set(n))
    check_set(n, "none")
    info = seen[0]["block_info"]
    equal((info["prevout_spent"], info["new_outputs_ex_coinbase"]), (50, 0.01))
    equal(seen[1]["block_info"]["unspendables"]["scripts"], seen[1]["block_info"]["unspendable"])
    equal(seen[1]["block_info"]["coinbase"], 0)
    for s in seen:
        equal(n.gettxoutsetinfo("muhash", s["height"]), s)
        equal(n.gettxoutsetinfo("muhash", s["bestblock"]), s)
    zero = n.gettxoutsetinfo("none", 0)
    equal((zero["txouts"], zero["total_amount"], zero["total_unspendable_amount"]), (0, 0, 50))
    equal(zero["block_info"]["unspendables"],
          {"genesis_block": 50, "bip30": 0, "scripts": 0, "unclaimed_rewards": 0})
    stale = seen[1]
    n.invalidateblock(stale["bestblock"])
    n.mine(4)
    synced(n)
    check_set(n)
    equal(n.gettxoutsetinfo("muhash", stale["bestblock"]), stale)
    assert n.gettxoutsetinfo("muhash", stale["height"])["bestblock"] != stale["bestblock"]
    expect_error(-8, "hash_serialized_3 hash type cannot be queried for a specific block",
                 n.gettxoutsetinfo, "hash_serialized_3", 1)
    expect_error(-8, "Cannot set use_index to false when querying for a specific block",
                 n.gettxoutsetinfo, "muhash", 1, False)
    expect_error(-8, "Target block height 1000 after current tip", n.gettxoutsetinfo, "muhash", 1000)
    expect_error(-5, "Block not found", n.gettxoutsetinfo, "muhash", TXID)
    last = check_set(n)
    n.restart()
    equal(check_set(n), last)
    n.stop()


def test_indexes_survive_a_kill_and_a_reindex(case):
    n, coin, first, tx, txid, block = with_spend(case)
    synced(n)
    before = check_set(n)
    n.mine(5)
    n.kill()
    n.start()
    n.mine(1)
    synced(n)
    check_set(n)
    equal(n.getrawtransaction(txid), tx)
    if n.getblockcount() >= before["height"]:
        equal(n.gettxoutsetinfo("muhash", before["height"]), before)
    n.restart("-reindex")
    synced(n)
    check_set(n)
    equal(n.getrawtransaction(txid), tx)
    equal(n.gettxspendingprevout([{"txid": coin["txid"], "vout": 0}])[0]["spendingtxid"], txid)
    for sub in ("txindex/CURRENT", "txospenderindex/db/CURRENT", "coinstatsindex/db/CURRENT",
                "blockfilter/basic/db/CURRENT"):
        assert os.path.exists(n.path("indexes", sub)), sub
    n.stop()


@short
def test_indexes_that_need_all_blocks_refuse_a_pruned_node(case):
    for name in ("txindex", "txospenderindex"):
        n = case.node("prune=1\n")
        n.fails(f"Prune mode is incompatible with -{name}.", f"-{name}")
    n = case.node("prune=1\ncoinstatsindex=1\n").start()
    n.mine(3)
    synced(n, ("coinstatsindex",))
    check_set(n)
    equal(n.getindexinfo("txindex"), {})
    equal(list(n.getindexinfo("coinstatsindex")), ["coinstatsindex"])
    n.stop()


def test_an_index_that_pruning_left_behind_says_what_to_do(case):
    n = case.node("prune=1\nfastprune=1\n").start("-coinstatsindex")
    n.mine(450)
    synced(n, ("coinstatsindex",))
    n.restart()
    n.mine(600)
    assert n.pruneblockchain(700) > 450
    n.stop()
    n.fails("coinstatsindex best block of the index goes beyond pruned data (including undo data). Please "
            "disable the index or reindex (which will download the whole blockchain again)", "-coinstatsindex")
    # One that keeps up holds what it needs, and answers for what is gone.
    n = case.node("prune=1\nfastprune=1\ncoinstatsindex=1\n").start()
    n.mine(600)
    synced(n, ("coinstatsindex",))
    assert n.pruneblockchain(300) > 0
    expect_error(-1, "Block not available (pruned data)", n.getblock, n.getblockhash(5))
    equal(n.gettxoutsetinfo("muhash", 5)["height"], 5)
    n.mine(3)
    synced(n, ("coinstatsindex",))
    check_set(n)
    n.stop()

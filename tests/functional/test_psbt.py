"""PSBTs by RPC: made, filled in, signed by one and another, combined, finalized, put into a block."""
from framework import equal, expect_error
from test_rawtx import ADDRESS, KEYS, TPUB, confirm, described, fund, public, short


@short
def test_two_signers_make_one_transaction(case):
    n = case.node().start()
    a, b = public(n, KEYS[0]), public(n, KEYS[1])
    coin, block = fund(n, f"wsh(multi(2,{a},{b}))")
    for version in (0, 2):
        p = n.createpsbt([{"txid": coin["txid"], "vout": 0}], [{ADDRESS: 0.01}], 0, True, 2, version)
        equal(n.analyzepsbt(p), {"inputs": [{"has_utxo": False, "is_final": False, "next": "updater"}],
                                 "next": "updater"})
        p = n.utxoupdatepsbt(p, [f"wsh(multi(2,{a},{b}))"])
        equal(n.analyzepsbt(p)["next"], "signer")
        equal(len(n.analyzepsbt(p)["inputs"][0]["missing"]["signatures"]), 2)
        one = n.descriptorprocesspsbt(p, [f"wsh(multi(2,{KEYS[0]},{b}))"])
        two = n.descriptorprocesspsbt(p, [f"wsh(multi(2,{a},{KEYS[1]}))"])
        equal((one["complete"], two["complete"]), (False, False))
        both = n.combinepsbt([one["psbt"], two["psbt"]])
        equal(len(n.decodepsbt(both)["inputs"][0]["partial_signatures"]), 2)
        equal(n.analyzepsbt(both)["next"], "finalizer")
        equal(n.finalizepsbt(one["psbt"])["complete"], False)
        done = n.finalizepsbt(both)
        equal(sorted(done), ["complete", "hex"])
        equal(n.analyzepsbt(n.finalizepsbt(both, False)["psbt"])["next"], "extractor")
    confirm(n, done["hex"])
    n.stop()


@short
def test_every_kind_of_coin_is_signed(case):
    n = case.node().start()
    k, a = KEYS[0], public(n, KEYS[1])
    for desc in (f"wpkh({k})", f"sh(wpkh({k}))", f"tr({k})", f"tr({a},pk({k}))", f"wsh(and_v(v:pk({k}),older(3)))",
                 f"wsh(or_d(pk({a}),and_v(v:pkh({k}),after(5))))"):
        coin, _ = fund(n, desc)
        p = n.createpsbt([{"txid": coin["txid"], "vout": 0, "sequence": 3}], [{ADDRESS: 0.01}], 7)
        equal((desc, n.descriptorprocesspsbt(p, [described(n, desc)])["complete"]), (desc, False))
        got = n.descriptorprocesspsbt(p, [desc])
        equal((desc, got["complete"]), (desc, True))
        confirm(n, got["hex"])
    n.stop()


@short
def test_a_coin_that_wants_no_signature_is_measured(case):
    n = case.node().start()
    coin, _ = fund(n, "raw(51024e73)")
    p = n.createpsbt([{"txid": coin["txid"], "vout": 0}], [{ADDRESS: 0.01}])
    got = n.analyzepsbt(n.utxoupdatepsbt(p))
    equal((got["inputs"][0]["is_final"], got["next"]), (True, "extractor"))
    equal(got["estimated_vsize"], n.decoderawtransaction(n.finalizepsbt(n.utxoupdatepsbt(p))["hex"])["vsize"])
    n.stop()


@short
def test_what_is_no_psbt_is_refused(case):
    n = case.node().start()
    p = n.createpsbt([{"txid": "11" * 32, "vout": 0}], [{ADDRESS: 1}], 0, True, 2, 0)
    for method in (n.decodepsbt, n.finalizepsbt, n.analyzepsbt, n.utxoupdatepsbt):
        expect_error(-22, "TX decode failed invalid base64", method, "x")
        expect_error(-22, "TX decode failed extra data after PSBT", method, n_with_more(p))
        expect_error(-22, "TX decode failed Invalid PSBT magic bytes", method, "AAAAAAAAAAAA")
    expect_error(-8, "Parameter 'txs' cannot be empty", n.combinepsbt, [])
    expect_error(-8, "At least two PSBTs are required to join PSBTs.", n.joinpsbts, [p])
    expect_error(-8, "exists in multiple PSBTs", n.joinpsbts, [p, p])
    other = n.createpsbt([{"txid": "22" * 32, "vout": 1}], [{ADDRESS: 2}], 0, True, 2, 0)
    expect_error(-8, "PSBTs not compatible (different transactions)", n.combinepsbt, [p, other])
    joined = n.decodepsbt(n.joinpsbts([p, other]))
    equal(sorted(i["vout"] for i in joined["tx"]["vin"]), [0, 1])
    expect_error(-8, "The PSBT version can only be 2 or 0", n.createpsbt, [], [{ADDRESS: 1}], 0, True, 2, 1)
    expect_error(-8, "Range is too large", n.utxoupdatepsbt, p, [{"desc": f"wpkh({TPUB}/*)", "range": 2000000}])
    n.stop()


def n_with_more(p):
    import base64
    return base64.b64encode(base64.b64decode(p) + b"\x00").decode()

"""PSBTs of the watch plugin in a real node: made of watched coins, signed by the node as a signer
would, finalized, handed in and mined. The plugin holds no key and sees no other transaction."""
import base64

from framework import equal, expect_error, wait_until
from test_mining import fund
from test_watch import COIN, GRANTS, MINER, TPUB, Pay, Watcher

SUBMIT = GRANTS + "\nfees.estimate/1 = yes\ntx.submit/1 = rate=1000, max_fee=100000000"
TPRV = ("tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK")
TPRV2 = ("tprv8ZgxMBicQKsPeDgjzdC36fs6bMjGApWDNLR9erAXMs5skhMv36j9MV5ecvfavji5khqjWaWSFhN3YcCUUdiKH6isR4Pwy3U5y5egddBr16m")
THIRD = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
TO = "bcrt1qft5p2uhsdcdc3l2ua4ap5qqfg4pjaqlp250x7us7a8qqhrxrxfsqseac85"


def short(test):
    test.short = True
    return test


def public(n, text):
    """A descriptor with its keys made public."""
    return n.getdescriptorinfo(text)["descriptor"]


class Wallet(Watcher):
    """A wallet whose keys the test knows: `secret` has a place for the branch."""

    def __init__(self, case, secret, pay=3, value=COIN, grants=SUBMIT, **more):
        super().__init__(case, grants=grants, **more)
        self.secret = [secret.replace("@", f"/{branch}/*") for branch in (0, 1)]
        self.coins = fund(self.node, 4)
        self.call("create", "w")
        items = [{"desc": public(self.node, s), "birthday": 0, "active": True, "internal": i == 1, "range": 9}
                 for i, s in enumerate(self.secret)]
        equal(self.call("import", "w", items), [{"success": True}] * 2)
        self.addresses = self.node.deriveaddresses(public(self.node, self.secret[0]), [0, 9])
        scripts = [self.node.validateaddress(a)["scriptPubKey"] for a in self.addresses]
        t = Pay(self.coins[:1], scripts[:pay], value).send(self.node)
        self.mine()
        self.wait("confirmed", t.txid)
        self.funding = t.txid

    def mine(self):
        self.node.generatetoaddress(1, MINER)
        self.caught_up()

    def sign(self, psbt, finalize=False):
        got = self.node.descriptorprocesspsbt(psbt, self.secret, None, True, finalize)
        return got["psbt"]

    def decoded(self, psbt):
        return self.node.decodepsbt(psbt)

    def pay(self, outputs, **options):
        return self.call("psbt", "w", outputs, options)

    def submit(self, made):
        return self.call("submit", self.sign(made["psbt"]))


def fee_holds(n, txid, rate, ins):
    """The rate is at least what was asked for, and above it by no more than 1 %, or by two satoshis
    and a byte of signature for each input."""
    e = n.getmempoolentry(txid)
    fee, vsize = round(e["fees"]["base"] * COIN), e["vsize"]
    assert fee >= rate * vsize, (fee, vsize, rate)
    assert fee <= max(rate * vsize * 1.01, rate * (vsize + ins)) + 2, (fee, vsize, rate)


KINDS = {
    "pkh": f"pkh({TPRV}@)",
    "wpkh": f"wpkh([d34db33f/84h/1h/0h]{TPRV}@)",
    "sh-wpkh": f"sh(wpkh({TPRV}@))",
    "wsh-multi": f"wsh(sortedmulti(2,{TPRV}@,{TPRV2}@,{THIRD}))",
    "tr": f"tr({TPRV}@)",
}


def kind(case, name):
    w = Wallet(case, KINDS[name])
    for version, rate, ins in ((2, 12.345, 1), (0, 3, 3)):
        utxos = w.call("utxos", "w", 1)
        amount = 0.7 if ins == 1 else sum(u["amount"] for u in utxos) - 0.2
        made = w.pay({TO: round(amount, 8)}, fee_rate=rate, psbt_version=version)
        d = w.decoded(made["psbt"])
        equal(d["psbt_version"] if version else 0, version)
        equal(len(made["inputs"]), ins)
        check_fields(w, name, d, made)
        got = w.submit(made)
        equal(got["state"], "submitted")
        fee_holds(w.node, got["txid"], rate, ins)
        assert 0 <= made["vsize"] - got["vsize"] <= ins, (made["vsize"], got["vsize"])
        equal(got["fee"], made["fee"])
        e = w.wait("seen", got["txid"])
        equal(e["fee"], -made["fee"])
        equal(w.call("listlockunspent", "w"), [])
        w.mine()
        w.wait("confirmed", got["txid"])
    w.node.stop()


def check_fields(w, name, d, made):
    """What a signer needs is there, of every input and of the change."""
    change = d["outputs"][made["changepos"]]
    for i in d["inputs"]:
        if name == "tr":
            assert "taproot_internal_key" in i and "non_witness_utxo" not in i, i
            [path] = i["taproot_bip32_derivs"]
            assert path["path"].startswith("m/0/") or path["path"].startswith("m/1/"), path
            continue
        assert "non_witness_utxo" in i, i
        equal("witness_utxo" in i, name != "pkh")
        equal("redeem_script" in i, name == "sh-wpkh")
        equal("witness_script" in i, name == "wsh-multi")
        equal(len(i["bip32_derivs"]), 3 if name == "wsh-multi" else 1)
        if name == "wpkh":
            equal(i["bip32_derivs"][0]["master_fingerprint"], "d34db33f")
            assert i["bip32_derivs"][0]["path"].startswith("m/84h/1h/0h/"), i
    paths = change.get("bip32_derivs") or change["taproot_bip32_derivs"]
    equal(sum("/1/" in p["path"] for p in paths), 2 if name == "wsh-multi" else 1)


@short
def test_wpkh(case):
    kind(case, "wpkh")


def test_pkh(case):
    kind(case, "pkh")


def test_wpkh_in_p2sh(case):
    kind(case, "sh-wpkh")


def test_multisig_in_p2wsh(case):
    kind(case, "wsh-multi")


def test_taproot_by_key(case):
    kind(case, "tr")


def test_miniscript_that_waits(case):
    """Two ways to spend; the short one wants a sequence."""
    w = Wallet(case, f"wsh(and_v(v:pk({TPRV}@),older(3)))")
    expect_error(-6, "Insufficient funds", w.pay, {TO: 0.5}, fee_rate=5)
    made = w.pay({TO: 0.5}, fee_rate=5, sequence=3)
    w.mine()
    w.mine()
    got = w.submit(made)
    fee_holds(w.node, got["txid"], 5, 1)
    w.mine()
    w.wait("confirmed", got["txid"])
    w.node.stop()


def test_taproot_by_script(case):
    """An internal key that has no secret: the leaf is what counts."""
    nums = "50929b74c1a04954b78b4b6035e97a5e078a5a0f28ec96d547bfee9ace803ac0"
    w = Wallet(case, f"tr({nums},{{pk({TPRV}@),pk({TPUB}/7@)}})")
    made = w.pay({TO: 0.5}, fee_rate=5)
    [i] = w.decoded(made["psbt"])["inputs"]
    equal(len(i["taproot_scripts"]), 2)
    got = w.submit(made)
    fee_holds(w.node, got["txid"], 5, 1)
    w.mine()
    w.wait("confirmed", got["txid"])
    w.node.stop()


def test_taproot_by_script_though_there_is_a_key(case):
    """Nobody signs with the internal key: the leaf is larger, and pays. One that has to wait is not
    counted."""
    other = public(case.node().start(), f"pk({TPRV2}/77)")[3:].split("/")[0]
    case.nodes[-1].stop()
    for internal, leaf in ((other, f"multi_a(2,{TPRV}@,{TPRV}/3@,{TPRV}/4@)"), (TPRV, f"and_v(v:pk({TPRV2}@),older(9))")):
        w = Wallet(case, f"tr({internal}/9@,{leaf})")
        got = w.submit(w.pay({TO: 0.5}, fee_rate=10))
        fee_holds(w.node, got["txid"], 10, 1)
        w.node.stop()


def test_two_psbts_share_neither_coins_nor_change(case):
    w = Wallet(case, KINDS["wpkh"])
    one, two = w.pay({TO: 0.3}, fee_rate=2), w.pay({TO: 0.3}, fee_rate=2)
    assert one["inputs"] != two["inputs"]
    spk = [w.decoded(p["psbt"])["outputs"][p["changepos"]]["script"]["hex"] for p in (one, two)]
    assert spk[0] != spk[1], spk
    locked = w.call("listlockunspent", "w")
    equal(sorted((c["txid"], c["vout"]) for c in locked),
          sorted((c["txid"], c["vout"]) for c in one["inputs"] + two["inputs"]))
    w.restart("node")
    equal(len(w.call("listlockunspent", "w")), 2)
    expect_error(-6, "Insufficient funds: wanted 1.50000000 and the fee, available 1.00000000, locked 2.00000000", w.pay, {TO: 1.5}, fee_rate=2)
    equal(w.call("lockunspent", "w", True, [{"txid": c["txid"], "vout": c["vout"]} for c in one["inputs"]]), True)
    equal(len(w.call("listlockunspent", "w")), 1)
    three = w.pay({TO: 1.5}, fee_rate=2, lockUnspents=False)
    equal(len(three["inputs"]), 2)
    equal(len(w.call("listlockunspent", "w")), 1)
    equal(w.call("lockunspent", "w", True), True)
    w.restart("node")
    equal(w.call("listlockunspent", "w"), [])
    # Change of a transaction that is in no block yet is spent, and comes last.
    got = w.submit(w.pay({TO: 2.5}, fee_rate=2))
    w.wait("seen", got["txid"])
    made = w.pay({TO: 0.1}, fee_rate=2)
    equal(made["inputs"][0]["txid"], got["txid"])
    expect_error(-6, "Insufficient funds", w.pay, {TO: 0.1}, fee_rate=2, minconf=1)
    w.node.stop()


def test_what_can_be_asked_for(case):
    w = Wallet(case, KINDS["wpkh"])
    a, b = w.addresses[8:]
    utxos = w.call("utxos", "w")
    # Named inputs, order of outputs, place of the change, data, lock time, sequences.
    names = [{"txid": u["txid"], "vout": u["vout"], "sequence": 7} for u in utxos[:2]]
    made = w.pay([{a: 0.25}, {"data": "00ff"}, {b: "0.5"}], inputs=names, changePosition=1, locktime=50, fee_rate=1,
                 changeAddress=TO, lockUnspents=False, psbt_version=0)
    tx = w.decoded(made["psbt"])["tx"]
    equal([(i["txid"], i["vout"], i["sequence"]) for i in tx["vin"]], [(n["txid"], n["vout"], 7) for n in names])
    equal([o["scriptPubKey"].get("address") for o in tx["vout"]], [a, TO, None, b])
    equal([o["value"] for o in tx["vout"]], [0.25, round(1.25 - made["fee"], 8), 0, 0.5])
    equal((tx["locktime"], made["changepos"], made["locked"]), (50, 1, False))
    # All there is, the fee from both.
    made = w.pay([{a: 1}, {b: 2}], subtractFeeFromOutputs=[0, 1], fee_rate=1.003, lockUnspents=False, psbt_version=0)
    tx = w.decoded(made["psbt"])["tx"]
    fee = round(made["fee"] * COIN)
    equal([round(o["value"] * COIN) for o in tx["vout"]], [COIN - fee // 2 - fee % 2, 2 * COIN - fee // 2])
    equal((made["changepos"], len(tx["vin"])), (-1, 3))
    equal(w.pay({a: 0.1}, fee_rate=1, replaceable=False, lockUnspents=False, psbt_version=0)["locked"], False)
    for code, why, outputs, options in (
            (-4, "Fee estimation failed", {a: 1}, {}),
            (-3, "conf_target must be", {a: 1}, {"conf_target": 0}),
            (-8, "Unexpected key feerate", {a: 1}, {"feerate": 1}),
            (-5, "", {"nonsense": 1}, {"fee_rate": 1}),
            (-3, "Invalid amount", {a: 0.123456789}, {"fee_rate": 1}),
            (-3, "Invalid amount", {a: -1}, {"fee_rate": 1}),
            (-8, "amount too small", {a: 0.00000293}, {"fee_rate": 1}),
            (-3, "fee_rate must be", {a: 1}, {"fee_rate": 0}),
            (-3, "fee_rate must be", {a: 1}, {"fee_rate": 1.0001}),
            (-4, "Fee rate (0.099 sat/vB) is lower than the minimum fee rate setting (0.100 sat/vB)", {a: 1},
             {"fee_rate": 0.099}),
            (-4, "above max_fee_rate", {a: 1}, {"fee_rate": 1001}),
            (-4, "above max_fee_rate", {a: 1}, {"fee_rate": 5.01, "max_fee_rate": 5}),
            (-6, "Insufficient funds", {a: 3}, {"fee_rate": 1}),
            (-6, "Insufficient funds", {a: 2}, {"fee_rate": 1, "inputs": names[:1]}),
            (-4, "too small to pay the fee", {a: 0.000004}, {"fee_rate": 50, "subtractFeeFromOutputs": [0]}),
            (-8, "no output at this place", {a: 1}, {"fee_rate": 1, "subtractFeeFromOutputs": [1]}),
            (-8, "is no coin of the wallet", {a: 1}, {"fee_rate": 1, "inputs": [f"{'11' * 32}:0"]}),
            (-8, "An input is there twice", {a: 1}, {"fee_rate": 1, "inputs": names[:1] * 2}),
            (-8, "changePosition", {a: 1}, {"fee_rate": 1, "changePosition": 2}),
            (-8, "PSBT version", {a: 1}, {"fee_rate": 1, "psbt_version": 1}),
            (-8, "at least one output", {}, {"fee_rate": 1})):
        expect_error(code, why, w.call, "psbt", "w", outputs, options)
    equal(w.call("listlockunspent", "w"), [])
    w.node.stop()


def test_a_fee_is_bumped(case):
    """The inputs of a transaction in the mempool can be named."""
    w = Wallet(case, KINDS["wpkh"])
    first = w.submit(w.pay({TO: 0.5}, fee_rate=2))
    w.wait("seen", first["txid"])
    safe = lambda txid: [u["safe"] for u in w.call("utxos", "w", 0) if u["txid"] == txid]
    equal(safe(first["txid"]), [True])
    tx = w.node.getrawtransaction(first["txid"], True)
    names = [f"{i['txid']}:{i['vout']}" for i in tx["vin"]]
    second = w.submit(w.pay({TO: 0.5}, fee_rate=9, inputs=names))
    w.wait("gone", first["txid"], reason="replaced", replaced_by_txid=second["txid"])
    w.wait("seen", second["txid"])
    # Its change is not there to be spent without a word: the first one may come to be in a block yet.
    equal(safe(second["txid"]), [False])
    expect_error(-6, "Insufficient funds", w.pay, {TO: 2.2}, fee_rate=2)
    equal(len(w.pay({TO: 2.2}, fee_rate=2, include_unsafe=True, lockUnspents=False)["inputs"]), 3)
    w.mine()
    w.wait("confirmed", second["txid"])
    # Whom it paid, as listtransactions would say; of one that only received there is nobody.
    listed = {t["txid"]: t for t in w.call("transactions", "w")["transactions"]}
    [to] = listed[second["txid"]]["payees"]
    equal((to["address"], to["category"], float(to["amount"])), (TO, "send", -0.5))
    block = listed[second["txid"]]["blockhash"]
    equal(w.node.getrawtransaction(second["txid"], True, block)["vout"][to["vout"]]["scriptPubKey"]["address"], TO)
    assert any("payees" not in t for t in listed.values())
    expect_error(-8, "is spent", w.pay, {TO: 0.5}, fee_rate=9, inputs=names)
    w.node.stop()


def stripped(w, psbt):
    """As a signer gives it back that keeps its signatures and nothing else."""
    d = w.decoded(psbt)
    bare = w.node.createpsbt([{"txid": i["previous_txid"], "vout": i["previous_vout"], "sequence": i["sequence"]}
                              for i in d["inputs"]],
                             [{o["script"]["address"]: o["amount"]} for o in d["outputs"]], 0, True, 2, 2)
    return bare


def test_finalize_and_submit(case):
    w = Wallet(case, KINDS["wsh-multi"])
    made = w.pay({TO: 0.5}, fee_rate=2)
    got = w.call("finalize", made["psbt"])
    equal((got["complete"], "hex" in got), (False, False))
    expect_error(-22, "signatures are missing", w.call, "submit", made["psbt"])
    other = public(w.node, f"wpkh({TPRV2})")[5:].split(")")[0]
    one = w.node.descriptorprocesspsbt(made["psbt"], [s.replace(TPRV2, other) for s in w.secret], None, True, False)["psbt"]
    equal(w.call("finalize", one)["complete"], False)
    signed = w.sign(made["psbt"])
    got = w.call("finalize", signed)
    equal(got["complete"], True)
    equal(got["hex"], w.node.finalizepsbt(signed)["hex"])
    final = w.call("finalize", signed, False)
    equal((final["complete"], w.call("finalize", final["psbt"])["hex"]), (True, got["hex"]))
    # What a signer has left out is known here.
    equal(w.decoded(w.call("finalize", stripped(w, made["psbt"]))["psbt"])["inputs"], w.decoded(made["psbt"])["inputs"])
    expect_error(-4, "above max_fee_rate", w.call, "submit", signed, {"max_fee_rate": 1.9})
    equal(w.call("submit", signed, {"test": True})["state"], "tested")
    equal(w.node.getrawmempool(), [])
    sent = w.call("submit", signed)
    equal((sent["state"], w.node.getrawmempool()), ("submitted", [sent["txid"]]))
    equal(w.call("submit", signed)["state"], "there")
    w.mine()
    w.wait("confirmed", sent["txid"])
    # A signature that is none: the node says so.
    bad = bytearray(base64.b64decode(w.sign(w.pay({TO: 0.5}, fee_rate=2)["psbt"])))
    at = bad.index(bytes.fromhex("0220"))
    bad[at + 10] ^= 1
    expect_error(-26, "script-verify", w.call, "submit", base64.b64encode(bad).decode())
    # The coins of others are none of the plugin's business.
    other = w.node.createpsbt([{"txid": w.coins[1][0], "vout": 0}], [{TO: 49}])
    expect_error(-22, "signatures are missing", w.call, "submit", other)
    expect_error(-22, "TX decode failed invalid base64", w.call, "finalize", "x")
    expect_error(-22, "TX decode failed Invalid PSBT magic bytes", w.call, "finalize", "AAAAAAAAAAAA")
    w.node.stop()


def test_without_grants(case):
    """No estimate, and nobody to hand it in to: the rest is there."""
    w = Wallet(case, KINDS["wpkh"], grants=GRANTS)
    expect_error(-8, "fees.estimate/1 is not granted", w.pay, {TO: 0.5})
    made = w.pay({TO: 0.5}, fee_rate=2)
    signed = w.sign(made["psbt"])
    expect_error(-1, "tx.submit/1 is not granted", w.call, "submit", signed)
    txid = w.node.sendrawtransaction(w.call("finalize", signed)["hex"])
    w.wait("seen", txid)
    # A wallet without an internal range has no address for change.
    w.call("create", "v")
    item = {"desc": public(w.node, w.secret[0]), "birthday": 0, "active": True}
    equal(w.call("import", "v", [item])[0]["success"], True)
    wait_until("the rescan is done", lambda: w.call("status")["rescans"] == [])
    expect_error(-4, "no address for change", w.call, "psbt", "v", {TO: 0.5}, {"fee_rate": 1})
    equal(w.call("psbt", "v", {TO: 0.5}, {"fee_rate": 1, "changeAddress": w.addresses[9]})["locked"], True)
    # Coins of an address alone: nobody knows how they are spent.
    w.call("create", "a")
    equal(w.call("import", "a", [{"address": w.addresses[0], "birthday": 0}]), [{"success": True}])
    wait_until("the rescan is done", lambda: w.call("status")["rescans"] == [])
    expect_error(-6, "Insufficient funds", w.call, "psbt", "a", {TO: 0.01}, {"fee_rate": 1, "changeAddress": TO})
    w.node.stop()

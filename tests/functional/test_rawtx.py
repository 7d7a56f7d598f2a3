"""Raw transactions without a mempool: made, signed, combined, put into a block; multisig; proofs."""
import http.client
import struct
import threading

from framework import RpcError, equal, expect_error, wait_until
from handmade import sha256d, shown

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def wif(secret):
    """A secret key of regtest in wallet import format, compressed."""
    data = b"\xef" + secret + b"\x01"
    n, text = int.from_bytes(data + sha256d(data)[:4], "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = BASE58[digit] + text
    return text


KEYS = [wif(bytes([i]) * 32) for i in (1, 2, 3)]
TXID = "1d1d4e24ed99057e84c3f80fd8fbec79ed9e1acee37da269356ecea000000000"
ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"


TPUB = ("tpubD6NzVbkrYhZ4WaWSyoBvQwbpLkojyoTZPRsgXELWz3Popb3qkjcJyJUGLnL4qHHoQvao8ESaAstxYSnhyswJ76uZ"
        "PStJRJCTKvosUCJZL5B")


def short(test):
    test.short = True
    return test


def public(n, key):
    """The public key of a secret one."""
    return n.getdescriptorinfo(f"pk({key})")["descriptor"][3:].split(")")[0]


def described(n, text):
    return n.getdescriptorinfo(text)["descriptor"]


def fund(n, desc):
    """A coinbase that can be spent and pays to this descriptor: (coin for prevtxs, block)."""
    block = n.generatetodescriptor(1, described(n, desc))[0]
    n.mine(100)
    tx = n.getblock(block, 2)["tx"][0]
    out = tx["vout"][0]
    return {"txid": tx["txid"], "vout": 0, "scriptPubKey": out["scriptPubKey"]["hex"],
            "amount": out["value"]}, block


def spend(n, coin, **more):
    return n.createrawtransaction([dict(txid=coin["txid"], vout=0, **more)],
                                  [{ADDRESS: 0.01}, {"data": "00010203"}])


def confirm(n, tx):
    block = n.generateblock("raw(51)", [tx])["hash"]
    equal(n.getblock(block)["tx"][1], n.decoderawtransaction(tx)["txid"])
    return block


@short
def test_every_kind_of_coin_is_signed_and_accepted_in_a_block(case):
    n = case.node().start()
    k = KEYS[0]
    pub = public(n, k)
    for desc in (f"pk({k})", f"pkh({k})", f"wpkh({k})", f"sh(wpkh({k}))", f"rawtr({k})", f"tr({k})"):
        coin, _ = fund(n, desc)
        tx = spend(n, coin)
        equal(n.signrawtransactionwithkey(tx, [KEYS[1]])["complete"], False)
        scripts = {"redeemScript": "0014" + n.decodescript(pub_hash(n, pub))["asm"].split()[2]} \
            if desc.startswith("sh") else {}
        for kind in ("ALL", "NONE|ANYONECANPAY", "SINGLE"):
            got = n.signrawtransactionwithkey(tx, [k], [dict(coin, **scripts)], kind)
            equal((kind, got["complete"]), (kind, True))
        # The chain knows the coin: nothing but the script behind a hash need be told.
        got = n.signrawtransactionwithkey(tx, [KEYS[2], k], [dict(coin, **scripts)] if scripts else None)
        equal(sorted(got), ["complete", "hex"])
        confirm(n, got["hex"])
    n.stop()


def pub_hash(n, pub):
    """pkh script of a public key."""
    return n.getdescriptorinfo(f"pkh({pub})") and n.validateaddress(
        n.deriveaddresses(described_sum(n, f"pkh({pub})"))[0])["scriptPubKey"]


def described_sum(n, text):
    return f"{text}#{n.getdescriptorinfo(text)['checksum']}"


@short
def test_deriving_many_addresses_has_an_end(case):
    n = case.node().start()
    expect_error(-8, "Range is too large", n.deriveaddresses, described_sum(n, f"wpkh({TPUB}/<0;1>/*)"), [0, 500000])
    many, answers = described_sum(n, f"wpkh({TPUB}/0/*)"), []

    def derive():
        try:
            answers.append(n.deriveaddresses(many, 999999))
        except (RpcError, OSError, http.client.HTTPException) as e:
            answers.append(e)
    caller = threading.Thread(target=derive)
    caller.start()
    wait_until("it is at it", lambda: any(c["method"] == "deriveaddresses" for c in n.getrpcinfo()["active_commands"]))
    n.stop()
    caller.join(60)
    assert isinstance(answers[0], Exception), len(answers[0])


@short
def test_multisig_is_signed_in_parts_and_combined(case):
    n = case.node().start()
    pubs = [public(n, k) for k in KEYS]
    for kind, form in (("legacy", "sh({})"), ("p2sh-segwit", "sh(wsh({}))"), ("bech32", "wsh({})")):
        made = n.createmultisig(2, pubs, kind)
        bare = form.format(f"multi(2,{','.join(pubs)})")
        equal(made["descriptor"], described_sum(n, bare))
        equal(n.deriveaddresses(made["descriptor"]), [made["address"]])
        assert "warnings" not in made
        coin, _ = fund(n, made["descriptor"].split("#")[0])
        tx = spend(n, coin)
        given = [dict(coin, redeemScript=made["redeemScript"])]
        parts = [n.signrawtransactionwithkey(tx, [k], given) for k in KEYS]
        for p in parts:
            equal(p["complete"], False)
            equal(len(p["errors"]), 1)
            equal((p["errors"][0]["txid"], p["errors"][0]["vout"]), (coin["txid"], 0))
        equal(n.combinerawtransaction([parts[0]["hex"], parts[0]["hex"]]), parts[0]["hex"])
        whole = n.combinerawtransaction([parts[2]["hex"], parts[0]["hex"]])
        equal(n.signrawtransactionwithkey(parts[0]["hex"], [KEYS[2]], given),
              {"hex": whole, "complete": True})
        other = spend(n, coin, sequence=1)
        expect_error(-8, "Transaction number 2 not compatible with first transaction",
                     n.combinerawtransaction, [whole, other])
        confirm(n, whole)
        expect_error(-25, "Input not found or already spent", n.combinerawtransaction, [whole, whole])
    n.stop()


def test_scripts_that_do_not_fit_are_refused(case):
    n = case.node().start()
    pubs = [public(n, k) for k in KEYS]
    for kind in ("legacy", "p2sh-segwit", "bech32"):
        made = n.createmultisig(1, pubs, kind)
        spk = n.validateaddress(made["address"])["scriptPubKey"]
        coin = {"txid": TXID, "vout": 0, "scriptPubKey": spk, "amount": 1}
        tx = spend(n, coin)

        def sign(**more):
            return n.signrawtransactionwithkey(tx, KEYS[:1], [dict(coin, **more)])
        expect_error(-8, "Missing redeemScript/witnessScript", sign)
        expect_error(-8, "redeemScript/witnessScript does not match scriptPubKey", sign, redeemScript="6a")
        expect_error(-8, "redeemScript/witnessScript does not match scriptPubKey", sign, witnessScript="6a")
        expect_error(-8, "redeemScript does not correspond to witnessScript", sign, redeemScript="6a",
                     witnessScript=made["redeemScript"])
        expect_error(-8, "redeemScript must be hexadecimal string (not 'zz')", sign, redeemScript="zz")
        expect_error(-3, "JSON value of type number for field redeemScript is not of expected type string",
                     sign, redeemScript=1)
        equal(sign(witnessScript=made["redeemScript"])["complete"], True)
        equal(sign(redeemScript=made["redeemScript"])["complete"], True)
        if kind != "legacy":
            del coin["amount"]
            expect_error(-3, "Missing amount for CTxOut(nValue=21000000.00000000, scriptPubKey=" + spk[:30],
                         sign, redeemScript=made["redeemScript"])
    n.stop()


@short
def test_signing_refuses_what_it_cannot_read(case):
    n = case.node().start()
    coin = {"txid": TXID, "vout": 0, "scriptPubKey": "51", "amount": 1}
    tx = spend(n, coin)
    sign = n.signrawtransactionwithkey
    expect_error(-22, "TX decode failed. Make sure the tx has at least one input.", sign, tx + "00", [])
    expect_error(-22, "TX decode failed. Make sure the tx has at least one input.", sign, "", [])
    expect_error(-5, "Invalid private key", sign, tx, ["123"])
    expect_error(-5, "Invalid private key", sign, tx, ["KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"])
    expect_error(-3, "JSON value of type number is not of expected type string", sign, tx, [1])
    for kind in ("all", "", "ALL|NONE", "DEFAULT|ANYONECANPAY"):
        expect_error(-8, f"'{kind}' is not a valid sighash parameter.", sign, tx, [], [], kind)
    expect_error(-22, "expected object with", sign, tx, [], [1])
    for key in ("txid", "vout", "scriptPubKey"):
        bad = dict(coin)
        del bad[key]
        expect_error(-3, f"Missing {key}", sign, tx, [], [bad])
        expect_error(-3, f"for field {key} is not of expected type", sign, tx, [], [dict(coin, **{key: True})])
    expect_error(-22, "vout cannot be negative", sign, tx, [], [dict(coin, vout=-1)])
    expect_error(-1, "JSON integer out of range", sign, tx, [], [dict(coin, vout=2**31)])
    expect_error(-8, "scriptPubKey must be hexadecimal string (not '5')", sign, tx, [],
                 [dict(coin, scriptPubKey="5")])
    expect_error(-3, "Amount out of range", sign, tx, [], [dict(coin, amount=21000001)])
    expect_error(-22, "Previous output scriptPubKey mismatch:\n1\nvs:\n2", sign, tx, [],
                 [coin, dict(coin, scriptPubKey="52")])
    got = sign(tx, [])
    equal((got["hex"], got["complete"]), (tx, False))
    equal(got["errors"], [{"txid": TXID, "vout": 0, "witness": [], "scriptSig": "",
                           "sequence": 0xfffffffd, "error": "Input not found or already spent"}])
    equal(sign(tx, [], [dict(coin, scriptPubKey="00")])["errors"][0]["error"],
          "Script evaluated without error but finished with a false/empty top stack element")
    pkh = pub_hash(n, public(n, KEYS[0]))
    equal(sign(tx, [], [dict(coin, scriptPubKey=pkh)])["errors"][0]["error"],
          "Unable to sign input, invalid stack size (possibly missing key)")
    anchor = dict(coin, scriptPubKey="51024e73")
    equal(sign(tx, [], [anchor]), {"hex": tx, "complete": True})
    combine = n.combinerawtransaction
    expect_error(-22, "Missing transactions. At least two transactions required.", combine, [])
    expect_error(-22, "Missing transactions. At least two transactions required.", combine, [tx])
    expect_error(-22, "TX decode failed for tx 1. Make sure the tx has at least one input.", combine,
                 [tx, tx + "00"])
    expect_error(-3, "JSON value of type null is not of expected type string", combine, [tx, None])
    n.stop()


@short
def test_created_transactions_hold_what_was_asked_for(case):
    n = case.node().start()
    create = n.createrawtransaction
    coin = {"txid": TXID, "vout": 7}

    def made(*args, **named):
        return n.decoderawtransaction(create(*args, **named))
    equal(create([], {}), "02000000000000000000")
    equal(create([], []), "02000000000000000000")
    got = made([coin], [{ADDRESS: 1}, {"data": "05"}, {n.deriveaddresses(described_sum(n, "raw(51024e73)"))[0]: "0.1"}])
    equal([o["value"] for o in got["vout"]], [1, 0, 0.1])
    equal([o["scriptPubKey"]["hex"] for o in got["vout"]][1:], ["6a0105", "51024e73"])
    equal((got["version"], got["locktime"], got["vin"][0]["sequence"]), (2, 0, 0xfffffffd))
    for locktime, replaceable, want in ((0, False, 0xffffffff), (5, False, 0xfffffffe),
                                        (5, True, 0xfffffffd), (5, None, 0xfffffffd)):
        got = made([coin], {}, locktime, replaceable)
        equal((got["vin"][0]["sequence"], got["locktime"]), (want, locktime))
    equal(made(inputs=[dict(coin, sequence=9)], outputs={}, version=3)["vin"][0]["sequence"], 9)
    equal(made(inputs=[coin], outputs={}, version=3)["version"], 3)
    data = "ab" * 300
    equal(made([coin], {"data": data})["vout"][0]["scriptPubKey"]["hex"], "6a4d2c01" + data)
    n.stop()


@short
def test_creation_refuses_what_makes_no_sense(case):
    n = case.node().start()
    create = n.createrawtransaction
    coin = {"txid": TXID, "vout": 7}
    for code, text, *args in (
            (-8, "Invalid parameter, output argument must be non-null", [], None),
            (-3, "JSON value of type string is not of expected type array", [], "x"),
            (-3, "JSON value of type string is not of expected type object", ["x"], {}),
            (-3, "JSON value of type null is not of expected type string", [{}], {}),
            (-8, "txid must be of length 64 (not 3, for 'foo')", [{"txid": "foo"}], {}),
            (-8, "Invalid parameter, missing vout key", [{"txid": TXID}], {}),
            (-8, "Invalid parameter, missing vout key", [{"txid": TXID, "vout": "1"}], {}),
            (-8, "Invalid parameter, vout cannot be negative", [{"txid": TXID, "vout": -1}], {}),
            (-1, "JSON integer out of range", [{"txid": TXID, "vout": 2**31}], {}),
            (-8, "Invalid parameter, sequence number is out of range", [dict(coin, sequence=-1)], {}),
            (-8, "Invalid parameter, sequence number is out of range", [dict(coin, sequence=2**32)], {}),
            (-8, "Data must be hexadecimal string (not 'foo')", [], {"data": "foo"}),
            (-8, "Data must be hexadecimal string (not '')", [], {"data": ""}),
            (-5, "Invalid Bitcoin address: foo", [], {"foo": 0}),
            (-3, "Invalid amount", [], {ADDRESS: "foo"}),
            (-3, "Invalid amount", [], {ADDRESS: 0.000000001}),
            (-3, "Amount out of range", [], {ADDRESS: -1}),
            (-3, "Amount is not a number or string", [], {ADDRESS: None}),
            (-8, f"Invalid parameter, duplicated address: {ADDRESS}", [], [{ADDRESS: 1}, {ADDRESS: 2}]),
            (-8, "Invalid parameter, duplicated address: ", [], [{ADDRESS: 1}, {ADDRESS.upper(): 2}]),
            (-8, "Invalid parameter, duplicate key: data", [], [{"data": "aa"}, {"data": "bb"}]),
            (-8, "key-value pair must contain exactly one key", [], [{"a": 1, "b": 2}]),
            (-8, "key-value pair must contain exactly one key", [], [{}]),
            (-8, "key-value pair not an object as expected", [], [["a"]]),
            (-8, "Invalid parameter, locktime out of range", [], {}, -1),
            (-8, "Invalid parameter, locktime out of range", [], {}, 2**32),
            (-8, "Invalid parameter combination: Sequence number(s) contradict replaceable option",
             [dict(coin, sequence=0xfffffffe)], {}, 0, True),
            (-8, "Invalid parameter, version out of range(1~3)", [], {}, 0, True, 0),
            (-8, "Invalid parameter, version out of range(1~3)", [], {}, 0, True, 4),
            (-1, "JSON integer out of range", [], {}, 0, True, -1)):
        expect_error(code, text, create, *args)
    # A key given twice in one object, which a dictionary cannot hold.
    for key, values, text in ((ADDRESS, "1 2", "duplicated address: " + ADDRESS),
                              ("data", '"aa" "bb"', "duplicate key: data")):
        first, second = values.split()
        _, _, body = n.post(f'{{"jsonrpc":"2.0","id":1,"method":"createrawtransaction","params":'
                            f'[[],{{"{key}":{first},"{key}":{second}}}]}}')
        assert text.encode() in body, body
    n.stop()


@short
def test_multisig_refuses_keys_and_numbers_that_do_not_fit(case):
    n = case.node().start()
    pub = public(n, KEYS[0])
    big = "0479be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798" \
          "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    make = n.createmultisig
    for code, text, *args in (
            (-8, "a multisignature address must require at least one key to redeem", 0, [pub]),
            (-8, "a multisignature address must require at least one key to redeem", -1, [pub]),
            (-8, "not enough keys supplied (got 1 keys, but need at least 2 to redeem)", 2, [pub]),
            (-8, "Number of keys involved in the multisignature address creation > 20", 1, [pub] * 21),
            (-8, "redeemScript exceeds size limit: 547 > 520", 1, [pub] * 16),
            (-5, 'Pubkey "x" must be a hex string', 1, ["x"]),
            (-5, 'Pubkey "" must be a hex string', 1, [""]),
            (-5, 'Pubkey "02" must have a length of either 33 or 65 bytes', 1, ["02"]),
            (-5, f'Pubkey "{"ff" * 33}" must be cryptographically valid.', 1, ["ff" * 33]),
            (-3, "JSON value of type number is not of expected type string", 1, [2]),
            (-5, "createmultisig cannot create bech32m multisig addresses", 1, [pub], "bech32m"),
            (-5, "Unknown address type 'x'", 1, [pub], "x")):
        expect_error(code, text, make, *args)
    equal(make(20, [pub] * 20, "bech32")["redeemScript"], "0114" + ("21" + pub) * 20 + "0114ae")
    plain = make(1, [pub, big])
    for kind in ("bech32", "p2sh-segwit"):
        got = make(1, [pub, big], kind)
        equal((got["address"], got["descriptor"]), (plain["address"], plain["descriptor"]))
        equal(got["warnings"], ["Unable to make chosen address type, please ensure no uncompressed "
                                "public keys are present."])
    assert "warnings" not in plain
    n.stop()


@short
def test_proofs_of_transactions(case):
    n = case.node().start()
    coin, first = fund(n, f"wpkh({KEYS[0]})")
    tx = n.signrawtransactionwithkey(spend(n, coin), KEYS[:1])["hex"]
    block = confirm(n, tx)
    mined, txid = n.getblock(block)["tx"]
    get, verify = n.gettxoutproof, n.verifytxoutproof
    for ids in ([txid], [mined], [mined, txid]):
        equal(verify(get(ids)), ids)
        equal(verify(get(ids[::-1], block)), ids)
    equal(get([txid])[:160], n.getblockheader(block, False))
    expect_error(-5, "Transaction not yet in block", get, [coin["txid"]])  # spent
    equal(verify(get([coin["txid"]], first)), [coin["txid"]])
    expect_error(-5, "Transaction not yet in block", get, [TXID])
    expect_error(-5, "Not all transactions found in specified or retrieved block", get, [txid, TXID], block)
    expect_error(-5, "Block not found", get, [txid], TXID)
    expect_error(-8, "Parameter 'txids' cannot be empty", get, [])
    expect_error(-8, f"Invalid parameter, duplicated txid: {txid}", get, [txid, txid])
    expect_error(-8, "txid must be of length 64 (not 2, for '00')", get, ["00"])
    expect_error(-8, "blockhash must be of length 64 (not 2, for '00')", get, [txid], "00")
    proof = get([txid])
    for cut in range(0, len(proof), 2):
        expect_error(-8 if cut == 0 else -1, "", verify, proof[:cut])
    raw = bytearray.fromhex(proof)
    for i in range(80, len(raw)):
        bad = bytearray(raw)
        bad[i] ^= 1
        try:
            assert verify(bad.hex()) in ([], [mined], [txid]), i
        except Exception as e:
            assert getattr(e, "code", 0) == -1, (i, e)
    # The root passed off as the only leaf of a smaller tree.
    root = bytes(raw[36:68])
    fake = bytes(raw[:80]) + struct.pack("<I", 1) + b"\x01" + root + b"\x01\x01"
    equal(verify(fake.hex()), [])
    other = bytearray(raw)
    other[76] ^= 1  # a block that nobody knows
    expect_error(-5, "Block not found in chain", verify, other.hex())
    assert shown(sha256d(bytes(raw[:80]))) == block
    n.invalidateblock(block)
    expect_error(-5, "Block not found in chain", verify, proof)
    n.stop()

"""Random output descriptors, good and bad, from a seed: every kind of BIP380 to 387, 389 and 390,
Miniscript, keys with and without origin, and mutations of the text. Standard library only."""
import hashlib
import random
import struct

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
INPUT = ("0123456789()[],'/*abcdefgh@:$%{}" "IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" "ijklmnopqrstuvwxyzABCDEFGH`#\"\\ ")
SUM = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        m = 3 * a[0] * a[0] * pow(2 * a[1], -1, P)
    else:
        m = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (m * m - a[0] - b[0]) % P
    return x, (m * (a[0] - x) - a[1]) % P


def point(k):
    out, at = None, G
    while k:
        if k & 1:
            out = add(out, at)
        at, k = add(at, at), k >> 1
    return out


def base58check(data):
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    n, text = int.from_bytes(data, "big"), ""
    while n:
        n, d = divmod(n, 58)
        text = ALPHABET[d] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def checksum(text):
    """As BIP380 says it."""
    def step(c, v):
        top = c >> 35
        c = (c & 0x7ffffffff) << 5 ^ v
        for i, g in enumerate((0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd)):
            c ^= g if top >> i & 1 else 0
        return c
    c, groups = 1, []
    for ch in text:
        v = INPUT.find(ch)
        if v < 0:
            return None
        c = step(c, v & 31)
        groups.append(v >> 5)
        if len(groups) == 3:
            c = step(c, groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if len(groups) == 1:
        c = step(c, groups[0])
    elif groups:
        c = step(c, groups[0] * 3 + groups[1])
    for _ in range(8):
        c = step(c, 0)
    c ^= 1
    return "".join(SUM[c >> 5 * (7 - i) & 31] for i in range(8))


class Keys:
    """A few keys, in all forms that a descriptor takes."""

    def __init__(self, r, n):
        self.public, self.uncompressed, self.xpub, self.xprv, self.wif = [], [], [], [], []
        for _ in range(n):
            k = r.randrange(1, N)
            x, y = point(k)
            raw = bytes([2 + y % 2]) + x.to_bytes(32, "big")
            self.public.append(raw.hex())
            self.uncompressed.append("04" + x.to_bytes(32, "big").hex() + y.to_bytes(32, "big").hex())
            depth = r.choice((0, 0, 1, 3, 250))
            front = struct.pack(">B", depth) + (r.randbytes(4) + r.randbytes(4) if depth else bytes(8)) + r.randbytes(32)
            self.xpub.append(base58check(bytes.fromhex("043587cf") + front + raw))
            self.xprv.append(base58check(bytes.fromhex("04358394") + front + b"\0" + k.to_bytes(32, "big")))
            self.wif.append(base58check(b"\xef" + k.to_bytes(32, "big") + r.choice((b"\1", b"\1", b""))))


class Maker:
    """Descriptors. `public`: no secret keys and no hardened steps, as other programs want them."""

    def __init__(self, seed, public=False, plain=False):
        self.r, self.public_only, self.plain = random.Random(seed), public, plain
        self.keys = Keys(self.r, 24)
        self.branches = None  # how many alternatives the multipath steps of this one have

    # ---- keys ----
    def step(self, hardened):
        n = self.r.choice((0, 1, 2, 44, 84, 2**31 - 1, self.r.randrange(2**31)))
        return f"/{n}{self.r.choice(chr(39) + 'h') if hardened else ''}"

    def path(self, secret):
        hard = secret and not self.public_only and self.r.random() < 0.5
        text = "".join(self.step(hard and self.r.random() < 0.5) for _ in range(self.r.choice((0, 0, 1, 1, 2, 4))))
        if self.branches and self.r.random() < 0.7:
            text += "/<" + ";".join(str(self.r.randrange(100) * 10 + i) for i in range(self.branches)) + ">"
            self.used = True
        if self.r.random() < 0.65:
            text += "/*" + (self.r.choice("'h") if hard and self.r.random() < 0.3 else "")
        return text

    def origin(self):
        if self.r.random() < 0.6:
            return ""
        return f"[{self.r.randbytes(4).hex()}" + "".join(self.step(self.r.random() < 0.7) for _ in range(self.r.randint(0, 4))) + "]"

    def key(self, compressed=True, xonly=False):
        what = self.r.random()
        if what < 0.62:
            return self.origin() + self.r.choice(self.keys.xpub) + self.path(False)
        if what < 0.75 and not self.public_only:
            return self.origin() + self.r.choice(self.keys.xprv) + self.path(True)
        if what < 0.80 and not self.public_only:
            return self.origin() + self.r.choice(self.keys.wif)
        if not compressed and self.r.random() < 0.3:
            return self.origin() + self.r.choice(self.keys.uncompressed)
        if xonly and self.r.random() < 0.6:
            return self.origin() + self.r.choice(self.keys.public)[2:]
        return self.origin() + self.r.choice(self.keys.public)

    def several(self, n, **kind):
        return ",".join(self.key(**kind) for _ in range(n))

    # ---- scripts ----
    def multi(self, most, names=("multi", "sortedmulti"), **kind):
        n = self.r.randint(1, most)
        return f"{self.r.choice(names)}({self.r.randint(1, n)},{self.several(n, **kind)})"

    def mini(self, depth, tap):
        """A type B expression of Miniscript."""
        r = self.r
        kind = {"xonly": tap}
        if depth == 0 or r.random() < 0.25:
            return r.choice((f"pk({self.key(**kind)})", f"pkh({self.key(**kind)})",
                             self.multi(3, ("multi_a",) if tap else ("multi",), **kind)))
        a, b = (lambda: self.mini(depth - 1, tap)), (lambda: f"s:pk({self.key(**kind)})")
        lock = r.choice((f"older({r.choice((1, 144, 65535, 4194305))})", f"after({r.choice((1, 500000, 1700000000))})",
                         f"sha256({r.randbytes(32).hex()})", f"hash256({r.randbytes(32).hex()})",
                         f"ripemd160({r.randbytes(20).hex()})", f"hash160({r.randbytes(20).hex()})"))
        return r.choice((
            lambda: f"and_v(v:{a()},{lock})", lambda: f"and_v(v:{a()},{a()})", lambda: f"or_i({a()},{a()})",
            lambda: f"or_d(pk({self.key(**kind)}),{a()})", lambda: f"or_b(pk({self.key(**kind)}),{b()})",
            lambda: f"andor(pk({self.key(**kind)}),{a()},{a()})", lambda: f"and_b({a()},{b()})",
            lambda: f"thresh({r.randint(1, 3)},pk({self.key(**kind)}),{b()},{b()})",
            lambda: f"thresh(2,pk({self.key(**kind)}),{b()},sln:older(12))",
            lambda: f"or_c(pk({self.key(**kind)}),v:{lock})", lambda: f"c:pk_k({self.key(**kind)})",
            lambda: f"t:or_c(pk({self.key(**kind)}),v:{lock})", lambda: f"j:and_v(v:{a()},{lock})"))()

    def leaf(self):
        r = self.r.random()
        if r < 0.5 or self.plain:
            return f"pk({self.key(xonly=True)})"
        if r < 0.7:
            return self.multi(4, ("multi_a", "sortedmulti_a"), xonly=True)
        return self.mini(2, True)

    def tree(self, depth):
        if depth == 0 or self.r.random() < 0.4:
            return self.leaf()
        return f"{{{self.tree(depth - 1)},{self.tree(depth - 1)}}}"

    def inner(self, place):
        """What stands within sh() and wsh()."""
        kinds = ["pk", "pkh", "multi", "sortedmulti"] + ([] if self.plain else ["mini"] if place == "wsh" else [])
        kind = self.r.choice(kinds)
        if kind in ("pk", "pkh"):
            return f"{kind}({self.key(compressed=place == 'wsh')})"
        if kind == "mini":
            return self.mini(self.r.randint(0, 3), False)
        return self.multi(self.r.choice((3, 5, 15)), (kind,))

    def good_or_so(self):
        """Most are valid; some are not, for a key or a size that does not fit."""
        r = self.r
        self.branches = r.choice((2, 2, 3)) if not self.plain and r.random() < 0.2 else None
        kind = r.choice(("pkh", "wpkh", "shwpkh", "sh", "wsh", "wsh", "shwsh", "tr", "tr", "trtree", "trtree", "combo",
                         "pk", "multi", "addr", "raw", "rawtr"))
        if kind in ("pkh", "pk", "combo"):
            return f"{kind}({self.key(compressed=False)})"
        if kind == "wpkh":
            return f"wpkh({self.key(compressed=r.random() < 0.95)})"
        if kind == "shwpkh":
            return f"sh(wpkh({self.key()}))"
        if kind == "sh":
            return f"sh({self.inner('sh')})"
        if kind == "wsh":
            return f"wsh({self.inner('wsh')})"
        if kind == "shwsh":
            return f"sh(wsh({self.inner('wsh')}))"
        if kind in ("tr", "rawtr"):
            return f"{kind}({self.key(xonly=True)})"
        if kind == "trtree":
            return f"tr({self.key(xonly=True)},{self.tree(r.randint(0, 4))})"
        if kind == "multi":
            return self.multi(r.choice((3, 4)))
        if kind == "addr":
            return f"addr({base58check(r.choice((b'o', bytes([196]))) + r.randbytes(20))})"
        return f"raw({r.randbytes(r.choice((0, 1, 22, 34, 90))).hex()})"

    def bad(self, text):
        """A text that one thing was done to."""
        r, at = self.r, self.r.randrange(len(text))
        return r.choice((
            lambda: text[:at] + text[at + 1:], lambda: text[:at] + text[at] + text[at:],
            lambda: text[:at] + r.choice(INPUT) + text[at + 1:], lambda: text[:at], lambda: text + r.choice(")#x,"),
            lambda: text.replace("/*", "/*/1", 1), lambda: text.replace("/*", "/*/*", 1), lambda: f"sh({text})",
            lambda: f"wsh({text})", lambda: f"tr({text})", lambda: text.replace("(", "((", 1),
            lambda: text.replace("pk", "wpkh", 1), lambda: text.replace("/<", "/<1;", 1),
            lambda: text.replace(";", ";;", 1), lambda: text.replace("]", "/2147483648]", 1),
            lambda: text.replace("/", "/-", 1), lambda: text.replace("/", "//", 1), lambda: text.replace("[", "[0", 1),
            lambda: text.replace(",", ",,", 1), lambda: text.replace("multi(1", "multi(0", 1),
            lambda: text.replace("multi(1", "multi(17", 1), lambda: text.replace("multi(2", "multi(01", 1),
            lambda: text.upper(), lambda: " " + text, lambda: text.replace("older(1", "older(0", 1)))()

    def one(self):
        text = self.good_or_so()
        if self.r.random() < 0.3:
            text = self.bad(text)
        sum_ = checksum(text)
        what = self.r.random()
        if sum_ and what < 0.3:
            return f"{text}#{sum_}"
        if sum_ and what < 0.36:
            k = self.r.randrange(8)
            return f"{text}#{sum_[:k]}{self.r.choice(SUM)}{sum_[k + 1:]}"
        if sum_ and what < 0.38:
            return f"{text}#{sum_[:self.r.randrange(8)]}"
        return text

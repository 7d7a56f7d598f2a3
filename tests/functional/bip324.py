"""BIP324 in plain Python, slow and simple: a second opinion on core/crypto and core/net."""
import hashlib
import hmac
import os

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
     0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8)
REKEY = 224


# ---- curve ----
def inv(a):
    return pow(a, -1, P)


def root(a):
    """The square root that is a square, or None."""
    r = pow(a, (P + 1) // 4, P)
    return r if r * r % P == a % P else None


C = root(-3)


def curve(x):
    return (x * x * x + 7) % P


def is_x(x):
    return root(curve(x)) is not None


def add(a, b):
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        k = 3 * a[0] * a[0] * inv(2 * a[1]) % P
    else:
        k = (b[1] - a[1]) * inv(b[0] - a[0]) % P
    x = (k * k - a[0] - b[0]) % P
    return x, (k * (a[0] - x) - a[1]) % P


def mul(n, point):
    total = None
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


# ---- ElligatorSwift ----
def decode(data):
    u = int.from_bytes(data[:32], "big") % P or 1
    t = int.from_bytes(data[32:], "big") % P or 1
    if (curve(u) + t * t) % P == 0:
        t = 2 * t % P
    x = (curve(u) - t * t) * inv(2 * t) % P
    y = (x + t) * inv(C * u) % P
    for c in (u + 4 * y * y, (-x * inv(y) - u) * inv(2), (x * inv(y) - u) * inv(2)):
        if is_x(c % P):
            return c % P
    raise AssertionError("no x")


def encode(x):
    """64 bytes for x: u is random, and t one of the solutions where u + 4Y^2 is x."""
    while True:
        u = int.from_bytes(os.urandom(32), "big") % P
        s = (x - u) % P
        r = root(-s * (4 * curve(u) + 3 * u * u * s))
        w = root(s)
        if not u or not s or r is None or w is None:
            continue
        v = (r * inv(s) - u) * inv(2)
        t = w * (u * (C - 1) * inv(2) - v) % P
        data = u.to_bytes(32, "big") + t.to_bytes(32, "big")
        assert decode(data) == x
        return data


class Key:
    def __init__(self):
        self.secret = int.from_bytes(os.urandom(32), "big") % (N - 1) + 1
        self.public = encode(mul(self.secret, G)[0])

    def exchange(self, theirs, initiating):
        x = decode(theirs)
        shared = mul(self.secret, (x, root(curve(x))))[0].to_bytes(32, "big")
        tag = hashlib.sha256(b"bip324_ellswift_xonly_ecdh").digest()
        both = self.public + theirs if initiating else theirs + self.public
        return hashlib.sha256(tag + tag + both + shared).digest()


# ---- ChaCha20 and Poly1305 ----
def chacha_block(key, nonce, counter):
    def words(b):
        return [int.from_bytes(b[i:i + 4], "little") for i in range(0, len(b), 4)]

    start = words(b"expand 32-byte k") + words(key) + [counter] + words(nonce)
    s = list(start)

    def quarter(a, b, c, d):
        for x, y, z, n in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xffffffff
            v = s[z] ^ s[x]
            s[z] = (v << n | v >> 32 - n) & 0xffffffff
    for _ in range(10):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, (i + 1) % 4 + 4, (i + 2) % 4 + 8, (i + 3) % 4 + 12)
    return b"".join(((a + b) & 0xffffffff).to_bytes(4, "little") for a, b in zip(s, start))


def chacha(key, nonce, counter, data):
    stream = b"".join(chacha_block(key, nonce, counter + i) for i in range((len(data) + 63) // 64))
    return bytes(a ^ b for a, b in zip(data, stream))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0ffffffc0ffffffc0ffffffc0fffffff
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def tag_of(key, nonce, aad, cipher):
    def padded(b):
        return b + bytes(-len(b) % 16)
    text = padded(aad) + padded(cipher) + len(aad).to_bytes(8, "little") + len(cipher).to_bytes(8, "little")
    return poly1305(chacha_block(key, nonce, 0)[:32], text)


# ---- packets ----
class Lengths:
    def __init__(self, key):
        self.key, self.count = key, 0

    def crypt(self, three):
        nonce = bytes(4) + (self.count // REKEY).to_bytes(8, "little")
        at = self.count % REKEY * 3
        stream = b"".join(chacha_block(self.key, nonce, at // 64 + i) for i in range(2))
        self.count += 1
        if self.count % REKEY == 0:
            self.key = chacha_block(self.key, nonce, 10)[32:]
        return bytes(a ^ b for a, b in zip(three, stream[at % 64:]))


class Packets:
    def __init__(self, key):
        self.key, self.count = key, 0

    def step(self):
        epoch = (self.count // REKEY).to_bytes(8, "little")
        key, nonce = self.key, (self.count % REKEY).to_bytes(4, "little") + epoch
        self.count += 1
        if self.count % REKEY == 0:
            self.key = chacha(self.key, b"\xff" * 4 + epoch, 1, bytes(32))
        return key, nonce

    def seal(self, aad, plain):
        key, nonce = self.step()
        cipher = chacha(key, nonce, 1, plain)
        return cipher + tag_of(key, nonce, aad, cipher)

    def open(self, aad, data):
        key, nonce = self.step()
        assert tag_of(key, nonce, aad, data[:-16]) == data[-16:], "packet not authentic"
        return chacha(key, nonce, 1, data[:-16])


class Session:
    def __init__(self, secret, magic, initiating):
        prk = hmac.digest(b"bitcoin_v2_shared_secret" + magic, secret, "sha256")

        def derive(label):
            return hmac.digest(prk, label + b"\1", "sha256")
        mine, theirs = (b"initiator", b"responder")[::1 if initiating else -1]
        self.send_length, self.recv_length = Lengths(derive(mine + b"_L")), Lengths(derive(theirs + b"_L"))
        self.send_packet, self.recv_packet = Packets(derive(mine + b"_P")), Packets(derive(theirs + b"_P"))
        both = derive(b"garbage_terminators")
        self.send_end, self.recv_end = (both[:16], both[16:])[::1 if initiating else -1]
        self.id = derive(b"session_id").hex()

    def seal(self, contents, aad=b"", decoy=False, length=None):
        size = len(contents) if length is None else length
        return (self.send_length.crypt(size.to_bytes(3, "little")) +
                self.send_packet.seal(aad, bytes([0x80 if decoy else 0]) + contents))

"""Fake neighbours of a node: a SOCKS5 proxy, Tor's control port, an I2P router's SAM bridge, a UPnP
router. Each listens on a port of its own on this machine, serves every connection on a thread, and
keeps what it was asked. Standard library only."""
import base64
import hashlib
import hmac
import os
import queue
import re
import select
import socket
import threading


class Server:
    """Connections on 127.0.0.1 (or a Unix socket), each with a thread in handle()."""

    def __init__(self, path=None, port=0):
        if path:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.bind(path)
            self.address = "unix:" + path
        else:
            self.s = socket.socket()
            self.s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.s.bind(("127.0.0.1", port))
            self.port = self.s.getsockname()[1]
            self.address = f"127.0.0.1:{self.port}"
        self.s.listen(64)
        self.open = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                c, _ = self.s.accept()
            except OSError:
                return
            with self.lock:
                self.open.add(c)
            threading.Thread(target=self._one, args=(c,), daemon=True).start()

    def _one(self, c):
        try:
            self.handle(c)
        except (OSError, EOFError):
            pass
        finally:
            self.hang_up(c)

    def hang_up(self, c):
        with self.lock:
            self.open.discard(c)
        try:
            c.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        c.close()

    def hang_up_all(self):
        for c in list(self.open):
            self.hang_up(c)

    def close(self):
        self.s.close()
        self.hang_up_all()


def take(c, n):
    data = b""
    while len(data) < n:
        more = c.recv(n - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def take_line(c):
    """Up to the newline and not a byte more: a stream may follow."""
    line = b""
    while not line.endswith(b"\n"):
        line += take(c, 1)
    return line.strip().decode()


def join(a, b):
    """Carry bytes both ways until either end closes."""
    def one_way(src, dst):
        try:
            while data := src.recv(65536):
                dst.sendall(data)
        except OSError:
            pass
        for s in (src, dst):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
    t = threading.Thread(target=one_way, args=(b, a), daemon=True)
    t.start()
    one_way(a, b)
    t.join()


class Socks5(Server):
    """hosts: name or address -> (host, port) that it leads to; others are refused with `reply`."""

    def __init__(self, hosts=None, auth=True, reply=5, **kw):
        self.hosts, self.auth, self.reply = hosts or {}, auth, reply
        self.asked = queue.Queue()  # (kind of address, host, port, user)
        self.silent = False
        super().__init__(**kw)

    def handle(self, c):
        version, n = take(c, 2)
        methods = take(c, n)
        assert version == 5
        user = None
        if self.auth and 2 in methods:
            c.sendall(b"\x05\x02")
            take(c, 1)
            user = take(c, take(c, 1)[0]), take(c, take(c, 1)[0])
            c.sendall(b"\x01\x00")
        else:
            c.sendall(b"\x05\x00")
        _, _, _, kind = take(c, 4)
        host = take(c, take(c, 1)[0]).decode() if kind == 3 else take(c, 4 if kind == 1 else 16)
        port = int.from_bytes(take(c, 2), "big")
        self.asked.put((kind, host, port, user))
        if self.silent:
            c.recv(1)
            return
        to = self.hosts.get(host)
        if not to:
            c.sendall(bytes([5, self.reply, 0, 1]) + bytes(6))
            return
        with socket.create_connection(to) as far:
            c.sendall(b"\x05\x00\x00\x01" + bytes(6))
            join(c, far)


def onion_name(public):
    check = hashlib.sha3_256(b".onion checksum" + public + b"\x03").digest()[:2]
    return base64.b32encode(public + check + b"\x03").decode().lower()


class TorControl(Server):
    """method: NULL, SAFECOOKIE (cookie in `folder`) or HASHEDPASSWORD. socks: a Socks5 that learns
    where services lead."""

    def __init__(self, folder, method="NULL", password="", socks=None, old=False, **kw):
        self.method, self.password, self.socks, self.old = method, password, socks, old
        self.cookie_path = os.path.join(folder, "control_auth_cookie")
        self.cookie = os.urandom(32)
        with open(self.cookie_path, "wb") as f:
            f.write(self.cookie)
        self.commands = []
        self.services = {}  # name -> connection that holds it
        super().__init__(**kw)

    def handle(self, c):
        state = {"in": False}
        try:
            while True:
                line = take_line(c)
                self.commands.append(line)
                c.sendall(self.answer(c, state, line).encode())
        finally:
            for name in [n for n, who in self.services.items() if who is c]:
                del self.services[name]
                if self.socks:
                    self.socks.hosts.pop(name + ".onion", None)

    def answer(self, c, state, line):
        word, _, rest = line.partition(" ")
        if word == "PROTOCOLINFO":
            where = f' COOKIEFILE="{self.cookie_path}"' if self.method == "SAFECOOKIE" else ""
            return (f"250-PROTOCOLINFO 1\r\n250-AUTH METHODS={self.method}{where}\r\n"
                    '250-VERSION Tor="0.4.9.0"\r\n250 OK\r\n')
        if word == "AUTHCHALLENGE":
            nonce, mine = bytes.fromhex(rest.split()[1]), os.urandom(32)
            both = self.cookie + nonce + mine
            state["want"] = hmac.digest(
                b"Tor safe cookie authentication controller-to-server hash", both, "sha256").hex()
            own = hmac.digest(
                b"Tor safe cookie authentication server-to-controller hash", both, "sha256").hex()
            return f"250 AUTHCHALLENGE SERVERHASH={own} SERVERNONCE={mine.hex()}\r\n"
        if word == "AUTHENTICATE":
            want = {"NULL": "", "SAFECOOKIE": state.get("want"),
                    "HASHEDPASSWORD": '"%s"' % self.password.replace("\\", "\\\\").replace(
                        '"', '\\"')}
            state["in"] = rest == want[self.method]
            return "250 OK\r\n" if state["in"] else "515 Bad authentication\r\n"
        if not state["in"]:
            return "514 Authentication required\r\n"
        if word == "GETINFO":
            at = self.socks.address if self.socks else "127.0.0.1:9050"
            return f'250-net/listeners/socks="{at}"\r\n250 OK\r\n'
        return self.add_onion(c, rest) if word == "ADD_ONION" else "510 Unrecognized command\r\n"

    def add_onion(self, c, rest):
        key, *more = rest.split()
        if self.old and "PoWDefensesEnabled=1" in more:
            return "512 Invalid argument\r\n"
        made = ""
        if key == "NEW:ED25519-V3":
            key = "ED25519-V3:" + base64.b64encode(os.urandom(64)).decode()
            made = f"250-PrivateKey={key}\r\n"
        name = onion_name(hashlib.sha256(key.encode()).digest())
        host, port = more[-1].split(",")[1].rsplit(":", 1)
        self.services[name] = c
        if self.socks:
            self.socks.hosts[name + ".onion"] = (host, int(port))
        return f"250-ServiceID={name}\r\n{made}250 OK\r\n"


def i2p_text(data):
    return base64.b64encode(data, b"-~").decode()


def i2p_bytes(text):
    return base64.b64decode(text, b"-~")


class Sam(Server):
    """An I2P router whose network is what connects to it."""

    def __init__(self, **kw):
        self.names = {}      # "....b32.i2p" -> destination
        self.sessions = {}   # id -> destination
        self.waiting = {}    # destination -> queue of accepting connections
        self.lines = []
        super().__init__(**kw)

    @staticmethod
    def name_of(dest):
        return base64.b32encode(hashlib.sha256(i2p_bytes(dest)).digest()).decode().lower().rstrip(
            "=") + ".b32.i2p"

    def make_key(self):
        """(destination, private key): 384 bytes, an empty-ish certificate of 4, then the secret."""
        dest = os.urandom(384) + b"\x05\x00\x04\x00\x07\x00\x00"
        return i2p_text(dest), i2p_text(dest + os.urandom(64))

    def handle(self, c):
        held = None
        try:
            while True:
                line = take_line(c)
                self.lines.append(line)
                words = line.split()
                args = dict(w.split("=", 1) for w in words if "=" in w)
                if words[:2] == ["HELLO", "VERSION"]:
                    self.say(c, "HELLO REPLY RESULT=OK VERSION=3.1")
                elif words[:2] == ["DEST", "GENERATE"]:
                    dest, key = self.make_key()
                    self.say(c, f"DEST REPLY PUB={dest} PRIV={key}")
                elif words[:2] == ["SESSION", "CREATE"]:
                    held = self.create(c, args)
                elif words[:2] == ["NAMING", "LOOKUP"]:
                    dest = self.names.get(args["NAME"])
                    self.say(c, f"NAMING REPLY RESULT=OK NAME={args['NAME']} VALUE={dest}" if dest
                             else f"NAMING REPLY RESULT=KEY_NOT_FOUND NAME={args['NAME']}")
                elif words[:2] == ["STREAM", "CONNECT"]:
                    return self.connect(c, args)
                elif words[:2] == ["STREAM", "ACCEPT"]:
                    return self.accept_stream(c, args)
        finally:
            if held:
                self.names.pop(self.name_of(self.sessions.pop(held)), None)

    @staticmethod
    def say(c, line):
        c.sendall(line.encode() + b"\n")

    def create(self, c, args):
        key = self.make_key()[1] if args["DESTINATION"] == "TRANSIENT" else args["DESTINATION"]
        dest = i2p_text(i2p_bytes(key)[:391])
        self.sessions[args["ID"]] = dest
        self.names[self.name_of(dest)] = dest
        self.say(c, f"SESSION STATUS RESULT=OK DESTINATION={key}")
        return args["ID"]

    def accept_stream(self, c, args):
        dest = self.sessions.get(args["ID"])
        if not dest:
            self.say(c, "STREAM STATUS RESULT=INVALID_ID")
            return
        self.say(c, "STREAM STATUS RESULT=OK")
        done = threading.Event()
        self.waiting.setdefault(dest, queue.Queue()).put((c, done))
        done.wait()

    def connect(self, c, args):
        own = self.sessions.get(args["ID"])
        if not own:
            self.say(c, "STREAM STATUS RESULT=INVALID_ID")
            return
        try:
            far, done = self.waiting.setdefault(args["DESTINATION"], queue.Queue()).get(timeout=10)
        except queue.Empty:
            self.say(c, "STREAM STATUS RESULT=CANT_REACH_PEER")
            return
        try:
            self.say(c, "STREAM STATUS RESULT=OK")
            # Who connects speaks first: the stream begins in the packet that names him.
            far.sendall(own.encode() + b"\n" + c.recv(65536))
            join(c, far)
        finally:
            done.set()


class Gateway(Server):
    """A UPnP router (IGD 1): its description, and the actions of WANIPConnection. `asked` holds each
    action with its arguments, `mappings` ports with what was asked for. Set `trouble` to what it
    does instead of an answer: see break_down()."""
    SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
    DEVICE = "urn:schemas-upnp-org:device:InternetGatewayDevice:1"

    def __init__(self, external="1.2.3.4", status="Connected", control="/ctl"):
        self.external, self.status, self.control = external, status, control
        self.asked, self.mappings = [], {}
        self.trouble = None  # (action or "description", kind)
        self.refuse = {}     # action: codes, one for each time it is asked for
        super().__init__()
        self.url = f"http://127.0.0.1:{self.port}/rootDesc.xml"

    def description(self):
        def device(kind, inside):
            return (f"<device><deviceType>urn:schemas-upnp-org:device:{kind}:1</deviceType>"
                    f"{inside}</device>")

        def service(kind, control):
            return (f"<serviceList><service><serviceType>urn:schemas-upnp-org:service:{kind}:1"
                    f"</serviceType><controlURL>{control}</controlURL><eventSubURL>/e</eventSubURL>"
                    "<SCPDURL>/s</SCPDURL></service></serviceList>")
        wan = device("WANConnectionDevice", service("WANIPConnection", self.control))
        common = service("WANCommonInterfaceConfig", "/cif") + f"<deviceList>{wan}</deviceList>"
        inside = f"<deviceList>{device('WANDevice', common)}</deviceList>"
        return ('<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">'
                f"{device('InternetGatewayDevice', inside)}</root>")

    def handle(self, c):
        head = c.makefile("rb")
        first = head.readline().split()
        fields = {}
        while (line := head.readline().strip()):
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        body = head.read(int(fields.get("content-length", 0))).decode()
        action = fields.get("soapaction", "#description").strip('"').partition("#")[2]
        args = dict(re.findall(r"<(New\w+)>([^<]*)</", body))
        if first[0] == b"POST":
            self.asked.append((action, args))
        if self.trouble and self.trouble[0] == action:
            self.break_down(c, self.trouble[1])
        elif first[0] == b"GET":
            self.answer(c, "200 OK", self.description())
        elif self.refuse.get(action):
            code = self.refuse[action].pop(0)
            self.answer(c, "500 Internal Server Error", self.envelope(
                "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
                '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">'
                f"<errorCode>{code}</errorCode></UPnPError></detail></s:Fault>"))
        else:
            self.answer(c, "200 OK", self.envelope(
                f'<u:{action}Response xmlns:u="{self.SERVICE}">{self.act(action, args)}'
                f"</u:{action}Response>"))

    def act(self, action, args):
        if action == "GetStatusInfo":
            return (f"<NewConnectionStatus>{self.status}</NewConnectionStatus><NewLastConnectionError>"
                    "ERROR_NONE</NewLastConnectionError><NewUptime>9</NewUptime>")
        if action == "GetExternalIPAddress":
            return f"<NewExternalIPAddress>{self.external}</NewExternalIPAddress>"
        if action == "AddPortMapping":
            self.mappings[int(args["NewExternalPort"])] = args
        if action == "DeletePortMapping":
            self.mappings.pop(int(args["NewExternalPort"]), None)
        return ""

    @staticmethod
    def envelope(text):
        return ('<?xml version="1.0"?><s:Envelope '
                'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
                's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/">'
                f"<s:Body>{text}</s:Body></s:Envelope>")

    @staticmethod
    def answer(c, status, text):
        c.sendall(f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nConnection: close\r\n"
                  f"Content-Length: {len(text)}\r\n\r\n{text}".encode())

    def break_down(self, c, kind):
        """close: no answer. garbage: bytes that are no XML. deep: elements in elements. body, head:
        an answer, its head, without end. drip: one byte now and then, until who asks goes."""
        ok = b"HTTP/1.1 200 OK\r\n"
        if kind == "garbage":
            c.sendall(ok + b"\r\n" + bytes(range(256)) * 8 + b"<<<<&&&;]]></a><!" + b"A" * 5000)
        elif kind == "deep":
            c.sendall(ok + b"\r\n" + b"<device>" * 100000 + b"<controlURL>" + b"u" * 100000)
        elif kind in ("body", "head"):
            c.sendall(ok + (b"\r\n" if kind == "body" else b""))
            while True:
                c.sendall(b"X-Endless: <device>\r\n" * 3000)
        elif kind == "drip":
            c.sendall(ok)
            while not select.select([c], [], [], 0.2)[0]:
                c.sendall(b"x")

    def listen_for_searches(self):
        """Answer searches (SSDP) as well: on all networks of this machine."""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("", 1900))
        s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                     socket.inet_aton("239.255.255.250") + socket.inet_aton("127.0.0.1"))

        def serve():
            while True:
                text, who = s.recvfrom(2000)
                if b"M-SEARCH" in text and f"ST: {self.DEVICE}\r\n".encode() in text:
                    s.sendto(f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {self.DEVICE}\r\n"
                             f"USN: uuid:1::{self.DEVICE}\r\nEXT:\r\nLOCATION: {self.url}\r\n\r\n"
                             .encode(), who)
        threading.Thread(target=serve, daemon=True).start()

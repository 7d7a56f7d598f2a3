"""The interfaces as data: read api/interfaces/*.toml, refuse what may not cross the boundary."""
import dataclasses
import pathlib
import re
import tomllib

SCALARS = {"u8": ("uint8_t", 1), "i8": ("int8_t", 1), "char": ("char", 1), "u16": ("uint16_t", 2),
           "u32": ("uint32_t", 4), "i32": ("int32_t", 4), "u64": ("uint64_t", 8), "i64": ("int64_t", 8)}
RESULTS = {"status": "qn_status", "void": "void", "u64": "uint64_t", "i64": "int64_t"}
KINDS = ("in", "out", "frozen", "record")


class Refused(Exception):
    """An interface file breaks a rule; the text says which file, what and why."""


@dataclasses.dataclass
class Marked:
    """What may begin unstable. since: the stable revision that has it, 0: none yet. unstable: the
    first unstable/N that has it, 0: none ever. until: the last one, 0: not withdrawn."""
    since: int = dataclasses.field(default=1, kw_only=True)
    unstable: int = dataclasses.field(default=0, kw_only=True)
    until: int = dataclasses.field(default=0, kw_only=True)


@dataclasses.dataclass
class Pair:
    """An unstable/N: one frozen stable revision, and the methods that are not in it yet."""
    number: int
    on: int             # the stable revision that is its first member
    last: str = ""      # the release that serves it last; empty: the newest pair

    def holds(self, x: Marked) -> bool:
        began = x.unstable and x.unstable <= self.number
        gone = x.until and x.until < self.number
        return bool(began and not gone and not 0 < x.since <= self.on)


@dataclasses.dataclass
class Field:
    ctype: str      # C type of one element
    name: str
    count: int      # 0: not an array
    doc: str
    since: int
    offset: int = 0
    size: int = 0


@dataclasses.dataclass
class Struct(Marked):
    name: str
    kind: str       # in, out: begin with size; frozen: never grows; record: read by stride
    doc: str
    fields: list
    size: int = 0
    align: int = 1


@dataclasses.dataclass
class Flags(Marked):
    group: str
    doc: str
    items: list     # (name, value, doc, since)
    enum: bool


@dataclasses.dataclass
class Param:
    kind: str
    type: str       # struct or callback name, or scalar
    name: str
    doc: str
    c: list         # C parameters: (type with trailing space or star, name)
    most: int = 0   # items that an in[] may have; 0: not said


@dataclasses.dataclass
class Callable(Marked):
    name: str
    doc: str
    params: list
    thread: str = "loop"
    result: str = "status"
    returns: list = dataclasses.field(default_factory=list)
    local: bool = False     # served in the plugin's own process
    ends: list = dataclasses.field(default_factory=list)    # [callback, parameter, done]: none comes after it; what it hands over goes back by done


@dataclasses.dataclass
class File:
    path: str
    header: str
    summary: str
    lets: str = ""          # what a grant lets a plugin do, in words for an operator
    acts: bool = False      # on the chain, the network or the node; where all its grant's parameters are flags: when one is yes
    doc: str = ""
    name: str = ""          # empty: shared types only
    major: int = 0
    local: bool = False
    wire: str = ""          # custom: its proxies are written by hand
    handwritten: bool = False
    uses: list = dataclasses.field(default_factory=list)
    grant: list = dataclasses.field(default_factory=list)
    status: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)
    structs: list = dataclasses.field(default_factory=list)
    callbacks: list = dataclasses.field(default_factory=list)
    methods: list = dataclasses.field(default_factory=list)
    pairs: list = dataclasses.field(default_factory=list)

    @property
    def stem(self) -> str:
        """What its generated C files are called."""
        return self.path.removesuffix(".toml").replace(".", "_")

    @property
    def table(self) -> str:
        return f"qn_{self.name.replace('.', '_')}_{self.major}"

    @property
    def revision(self) -> int:
        return max((m.since for m in self.methods), default=1)

    def table_at(self, revision: int) -> list:
        """Methods of the stable table in the order of their slots."""
        return sorted((m for m in self.methods if 0 < m.since <= revision), key=lambda m: m.since)

    def pair_table(self, p: Pair) -> str:
        return f"qn_{self.name.replace('.', '_')}_unstable_{p.number}"

    def pair_methods(self, p: Pair) -> list:
        return [m for m in self.methods if p.holds(m)]

    @property
    def unstable_header(self) -> str:
        return self.header.replace(".h", "_unstable.h")


class Model:
    def __init__(self):
        self.files = []
        self.types = {}     # struct name -> Struct
        self.callbacks = {}

    def named(self, stem: str) -> File:
        return next(f for f in self.files if f.path == f"{stem}.toml")


def c_params(kind: str, t: str, name: str) -> list:
    """How one parameter of an interface file looks in C."""
    if kind == "scalar":
        return [(SCALARS[t][0] + " ", name)]
    one = {
        "in": [(f"const {t} *", name)],
        "in?": [(f"const {t} *", name)],
        "in[]": [(f"const {t} *", name), ("uint32_t ", f"n_{name}")],
        "each": [(f"{t} *", name)],
        "out[]": [(f"{t} *", name), ("uint32_t ", f"max_{name}"), ("uint32_t *", f"n_{name}")],
        "lend": [(f"const {t} **", name)],
        "lend[]": [(f"const {t} **", name), ("uint32_t ", f"max_{name}"), ("uint32_t *", f"n_{name}")],
        "view": [("const qn_block_view *", name)],
        "cstring": [("const char *", name)],
        "text": [("const char *", name), ("uint32_t ", f"{name}_len")],
        "text64": [("const char *", name), ("uint64_t ", f"{name}_len")],
        "bytes": [("const void *", name), ("uint32_t ", f"{name}_len")],
        "bytes64": [("const void *", name), ("uint64_t ", f"{name}_len")],
        "fill": [("void *", name), ("uint32_t ", f"{name}_len")],
        "out bytes": [("void *", name), ("uint32_t ", f"max_{name}"), ("uint32_t *", f"n_{name}")],
        "lend bytes": [("const uint8_t **", name), ("uint32_t *", f"n_{name}")],
        "out table": [("const void **", name)],
        "out cap": [("qn_cap **", name)],
        "fd": [("int32_t ", name)],
        "callback": [(f"{t} *", name), ("void *", "arg")],
    }
    if kind == "out":
        return [((SCALARS[t][0] if t in SCALARS else t) + " *", name)]
    return one[kind]


WHOLE = ("view", "cstring", "text", "text64", "bytes", "bytes64", "fill", "out bytes", "lend bytes",
         "out table", "out cap", "fd")
GRANTS = ("count", "bytes", "text", "list", "flag", "addresses", "hosts", "amount")


def param(where: str, m: Model, spec: list) -> Param:
    text, name, doc, most = spec if len(spec) == 4 else (*spec, 0)
    if text in SCALARS:
        kind, t = "scalar", text
    elif text in WHOLE:
        kind, t = text, ""
    else:
        kind, _, t = text.partition(" ")
        known = m.callbacks if kind == "callback" else m.types
        if t not in known and not (kind == "out" and t in SCALARS):
            raise Refused(f"{where}: parameter {name}: no such type '{text}'")
        if kind not in ("in", "in?", "in[]", "each", "out", "out[]", "lend", "lend[]", "callback"):
            raise Refused(f"{where}: parameter {name}: no such kind '{kind}'")
    return Param(kind, t, name, doc, c_params(kind, t, name), most)


def marks(d: dict) -> dict:
    """since, unstable and until of one definition; what is marked unstable alone is not stable."""
    out = {k: d[k] for k in ("since", "unstable", "until") if k in d}
    return {"since": 0, **out} if "unstable" in out else out


def struct(where: str, m: Model, d: dict) -> Struct:
    """Lay the members out, and refuse holes: every byte that crosses has a name."""
    s = Struct(d["name"], d["kind"], d["doc"], [], **marks(d))
    if s.kind not in KINDS:
        raise Refused(f"{where}: {s.name}: kind is one of {', '.join(KINDS)}, not '{s.kind}'")
    for spec in d["fields"]:
        got = re.fullmatch(r"(\w+)(?:\[(\d+)\])?", spec[0])
        t, count = got[1], int(got[2] or 0)
        if t in SCALARS:
            ctype, size = SCALARS[t]
            align = size
        elif t in m.types and m.types[t].kind == "frozen":
            ctype, size, align = t, m.types[t].size, m.types[t].align
        else:
            raise Refused(f"{where}: {s.name}.{spec[1]}: '{spec[0]}' may not lie in shared data")
        if s.size % align:
            raise Refused(f"{where}: {s.name}.{spec[1]} leaves a hole before it (offset {s.size})")
        since = spec[3] if len(spec) > 3 else 1
        s.fields.append(Field(ctype, spec[1], count, spec[2], since, s.size, size * max(count, 1)))
        s.size += size * max(count, 1)
        s.align = max(s.align, align)
    if s.size % s.align:
        raise Refused(f"{where}: {s.name} ends in a hole (size {s.size}, alignment {s.align})")
    if s.kind in ("in", "out") and (s.fields[0].name, s.fields[0].ctype) != ("size", "uint32_t"):
        raise Refused(f"{where}: {s.name} crosses the boundary: its first member is u32 size")
    if s.kind == "frozen" and any(f.since > 1 for f in s.fields):
        raise Refused(f"{where}: {s.name} is frozen and cannot grow")
    return s


def methods_fit(where: str, f: File) -> None:
    """What only one side of the boundary can serve."""
    for x in f.methods:
        if any(p.kind == "fd" for p in x.params):
            raise Refused(f"{where}: {x.name}: a descriptor is handed over in a callback only")
        if x.local and x.thread != "loop":
            raise Refused(f"{where}: {x.name}: what is served in the plugin's process belongs to its loop")
    for i, (key, kind, _, _) in enumerate(f.grant):
        if kind not in GRANTS:
            raise Refused(f"{where}: grant {key}: type is one of {', '.join(GRANTS)}, not '{kind}'")
        if i and kind in ("addresses", "hosts"):
            raise Refused(f"{where}: grant {key}: a list of addresses comes first, its key may be left out")


def ordered(where: str, what: str, sinces: list) -> None:
    if sinces != sorted(sinces):
        raise Refused(f"{where}: {what}: a newer member stands before an older one")


def read_pairs(where: str, f: File, rows: list) -> None:
    """The unstable pairs: at most the newest, and one before it for its last release."""
    f.pairs = [Pair(r["number"], r["on"], r.get("last", "")) for r in rows]
    live = [p for p in f.pairs if not p.last]
    if len(f.pairs) > 2 or len(live) > 1 or (live and f.pairs[-1].last):
        raise Refused(f"{where}: the host serves the newest unstable pair and one before it, "
                      "which names its last release")
    if [p.number for p in f.pairs] != sorted({p.number for p in f.pairs}):
        raise Refused(f"{where}: unstable pairs stand in the order of their numbers")
    for p in f.pairs:
        if not f.pair_methods(p):
            raise Refused(f"{where}: unstable/{p.number} has no method of its own")
        if p.on > f.revision or (not p.last and p.on != f.revision):
            raise Refused(f"{where}: unstable/{p.number} stands on revision {p.on}, but the stable table is at "
                          f"revision {f.revision}: growing it cuts unstable/{p.number + 1}")
    for x in f.methods + f.structs + f.callbacks + f.flags:
        if not x.since and not any(p.holds(x) for p in f.pairs):
            raise Refused(f"{where}: {getattr(x, 'name', '') or x.group} is in no stable revision and no unstable pair")


def read(path: pathlib.Path, m: Model) -> File:
    d = tomllib.loads(path.read_text(encoding="utf-8"))
    head = d.get("interface") or d["types"]
    f = File(path=path.name, **{k: v.strip() if isinstance(v, str) else v for k, v in head.items()})
    where = path.name
    f.status = [(s["name"], s["value"], s["doc"], s.get("since", 1)) for s in d.get("status", [])]
    for g in d.get("flags", []):
        items = [(i[0], i[1], i[2], i[3] if len(i) > 3 else 1) for i in g["items"]]
        ordered(where, g["group"], [i[3] for i in items])
        if len({i[1] for i in items}) != len(items):
            raise Refused(f"{where}: {g['group']}: a value is used twice")
        f.flags.append(Flags(g["group"], g["doc"], items, g.get("enum", False), **marks(g)))
    for s in d.get("struct", []):
        done = struct(where, m, s)
        ordered(where, done.name, [x.since for x in done.fields])
        f.structs.append(done)
        m.types[done.name] = done
    for c in d.get("callback", []):
        done = Callable(c["name"], c["doc"].strip(), [param(where, m, p) for p in c["params"]], result="void", **marks(c))
        f.callbacks.append(done)
        m.callbacks[done.name] = done
    for x in d.get("method", []):
        if "since" not in x and "unstable" not in x:
            raise Refused(f"{where}: {x['name']}: since or unstable says where it is")
        f.methods.append(Callable(x["name"], x["doc"].strip(), [param(where, m, p) for p in x["params"]],
                                  x.get("thread", "loop"), x.get("result", "status"),
                                  x.get("returns", []), x.get("local", False), x.get("ends", []),
                                  **marks(x)))
    ordered(where, "methods", [x.since for x in f.methods if not x.unstable])
    read_pairs(where, f, d.get("unstable", []))
    methods_fit(where, f)
    known = {s[0] for g in m.files for s in g.status} | {s[0] for s in f.status}
    for x in f.methods:
        for code in x.returns:
            if code not in known:
                raise Refused(f"{where}: {x.name}: no such status {code}")
    return f


def load(folder: pathlib.Path, more: list = ()) -> Model:
    """Shared types first; then host/1; then the rest by name; then the files of `more`."""
    m = Model()
    first = ["types.toml", "block.toml", "mempool.toml", "mining.toml", "host.toml"]
    rest = sorted(p.name for p in folder.glob("*.toml") if p.name not in first)
    for path in [folder / name for name in first + rest] + list(more):
        m.files.append(read(path, m))
    return m

"""Write what carries the tables between processes: proxies (the runner's tables) and stubs (the
node's side of each call), from the same model as the headers.

A call's payload is its parameters in order; its reply is the status and then the outputs in order.
Outputs travel in both directions, so that what a method leaves untouched stays what it was. What
cannot be made by rule (views, threads, the loop) is written by hand: a method of an interface with
`wire = "custom"`, one that lends or takes views, one that any thread may call, or a `local` one."""
import dataclasses
import hashlib

from emit import NOTE, RESULTS, prototype, status_names
from model import SCALARS, Callable, File, Model, Param

SPECIAL = ("lend", "lend[]", "view", "fill", "lend bytes", "out table", "out cap")
SIZES = {"u8": 8, "i8": 8, "char": 8, "u16": 16, "i16": 16, "u32": 32, "i32": 32, "u64": 64, "i64": 64}


def custom(f: File, m: Callable) -> bool:
    return (f.local or f.wire == "custom" or m.thread == "any" or m.local
            or any(p.kind in SPECIAL for p in m.params))


def sized(m: Model, p: Param) -> bool:
    """A struct that begins with its size."""
    return p.type in m.types and m.types[p.type].kind in ("in", "out")


def interfaces(m: Model) -> list:
    return [f for f in m.files if f.methods]


@dataclasses.dataclass
class Table:
    """One table that crosses: the newest stable one, or an unstable pair."""
    f: File
    id: str
    ctype: str
    revision: int
    stable: list            # methods, in the order of their slots
    trial: list             # those of the unstable part, whose slots follow
    pair: bool

    @property
    def short(self) -> str:
        return self.ctype.removeprefix("qn_")

    @property
    def methods(self) -> list:
        """(slot, how C reaches it, method)"""
        lead = "stable." if self.pair else ""
        rows = [(f"{lead}{c.name}", c) for c in self.stable] + [(c.name, c) for c in self.trial]
        return [(slot, *row) for slot, row in enumerate(rows)]


def tables(f: File) -> list:
    out = [Table(f, f"{f.name}/{f.major}", f.table, f.revision, f.table_at(f.revision), [], False)]
    for p in f.pairs:
        out.append(Table(f, f"{f.name}.unstable/{p.number}", f.pair_table(p), p.on, f.table_at(p.on),
                         f.pair_methods(p), True))
    return out


def includes(files: list) -> str:
    out = "#define QN_ALLOW_UNSTABLE\n" if any(f.pairs for f in files) else ""
    for f in files:
        out += f'#include "quoin/{f.header}"\n'
        out += f'#include "quoin/{f.unstable_header}"\n' if f.pairs else ""
    return out


def args(call: Callable) -> str:
    return ", ".join(c[1] for p in call.params for c in p.c)


# ---- the runner: proxies ----

def put(m: Model, p: Param) -> tuple:
    """(lines that check, lines that pack) of one parameter, in the proxy."""
    n = p.name
    if p.kind == "scalar":
        return [], [f"qc_wire_put{SIZES[p.type]}(in, ({'uint' + str(SIZES[p.type]) + '_t'}){n});"]
    if p.kind in ("in", "in?"):
        if sized(m, p):
            return [], [f"qc_wire_put_sized(in, {n}, {n} ? {n}->size : 0, sizeof *{n});"]
        return [], [f"qc_wire_put_fixed(in, {n}, sizeof *{n});"]
    if p.kind == "in[]":
        return [f"n_{n} > {f'{p.most}u' if p.most else 'QC_WIRE_ITEMS'}"], [f"qc_wire_put_array(in, {n}, n_{n}, sizeof *{n});"]
    if p.kind == "each":
        return [], [f"qc_pack_u8(in, {n} != NULL);"]
    if p.kind == "out":
        if sized(m, p):
            return [], [f"qc_wire_put_sized(in, {n}, {n} ? {n}->size : 0, sizeof *{n});"]
        return [], [f"qc_wire_put_fixed(in, {n}, sizeof *{n});"]
    if p.kind == "out[]":
        return [], [f"qc_wire_put_room(in, {n}, qc_wire_items(max_{n}, sizeof *{n}), n_{n});"]
    if p.kind == "out bytes":
        return [], [f"qc_wire_put_room(in, {n}, qc_wire_items(max_{n}, 1), n_{n});"]
    if p.kind == "cstring":
        return [], [f"qc_pack_str(in, {n});"]
    if p.kind in ("text", "text64", "bytes", "bytes64"):
        return [f"{n}_len > QC_WIRE_BYTES"], [f"qc_wire_put_bytes(in, {n}, {n}_len);"]
    if p.kind == "callback":
        return [], [f"qc_pack_u32(in, qc_rt_callback(cap, (qc_rt_fn *){n}, arg));"]
    raise AssertionError(p.kind)


def take(m: Model, p: Param) -> list:
    """Lines that take one output from the reply, in the proxy."""
    n = p.name
    if p.kind == "out":
        if sized(m, p):
            return [f"qc_wire_take_sized(out, {n}, {n} ? {n}->size : 0, sizeof *{n});"]
        return [f"qc_wire_take_fixed(out, {n}, sizeof *{n});"]
    if p.kind == "each":
        return [f"qc_wire_take_items(out, {n}, EACH, sizeof *{n});"]
    if p.kind == "out[]":
        return [f"qc_wire_take_room(out, {n}, max_{n}, n_{n}, sizeof *{n});"]
    if p.kind == "out bytes":
        return [f"qc_wire_take_room(out, {n}, max_{n}, n_{n}, 1);"]
    return []


def before(call: Callable, p: Param) -> str:
    """The count of the array that an `each` goes with: the last in[] before it."""
    name = ""
    for q in call.params:
        if q is p:
            return name
        if q.kind == "in[]":
            name = q.name
    raise AssertionError(p.name)


def proxy(t: Table, m: Model, call: Callable, slot: int) -> str:
    lead, f = "qn_cap *", t.f
    out = prototype(f"static {RESULTS[call.result]} {t.short}_{call.name}(", call, lead, ")") + "{\n"
    out += "    qn_status st = qc_rt_enter(cap, 0);\n    qc_pack pack = QC_PACK_INIT, *in = &pack;\n"
    takes = [x.replace("EACH", f"n_{before(call, p)}" if p.kind == "each" else "")
             for p in call.params for x in take(m, p)]
    out += "    qc_unpack reply" + (", *out = &reply" if takes else "") + ";\n"
    out += "    if (st != QN_OK)\n        return st;\n"
    tests, packs = [], []
    for p in call.params:
        a, b = put(m, p)
        tests += a
        packs += b
    if tests:
        out += f"    if ({' || '.join(tests)})\n        return QN_E_INVAL;\n"
    out += "".join(f"    {x}\n" for x in packs)
    out += f"    st = qc_rt_call(cap, {slot}, in, &reply);\n"
    out += "".join(f"    {x}\n" for x in takes)
    if call.ends:
        cb = f.callbacks.index(next(c for c in f.callbacks if c.name == call.ends[0]))
        done = next(i for i, _, c in t.methods if c.name == call.ends[2]) if len(call.ends) > 2 else -1
        out += "    st = qc_rt_end(cap, st, &reply);\n"
        out += f"    if (st == QN_OK)\n        qc_rt_forget(cap, {cb}, {call.ends[1]}, {done});\n    return st;\n}}\n"
        return out
    return out + "    return qc_rt_end(cap, st, &reply);\n}\n"


def dispatcher(f: File, m: Model, cb: Callable) -> str:
    """Decode a callback's parameters and run it."""
    out = f"static bool call_{cb.name}(qc_rt_fn *fn, void *arg, qc_unpack *in, int *fd)\n{{\n"
    pre, call, post, need = [], [], [], []
    for p in cb.params:
        n = p.name
        if p.kind == "scalar":
            bits = SIZES[p.type]
            pre.append(f"{SCALARS[p.type][0]} {n} = ({SCALARS[p.type][0]})qc_wire_get{bits}(in);")
            call.append(n)
        elif p.kind == "in":
            pre += [f"{p.type} {n};", f"qc_unpack_copy(in, &{n}, sizeof {n});"]
            call.append(f"&{n}")
        elif p.kind in ("text", "text64", "bytes", "bytes64"):
            pre.append(f"qc_wire_string {n} = qc_wire_get_string(in);")
            need.append(f"{n}.data")
            width = "uint64_t" if p.kind.endswith("64") else "uint32_t"
            call += [f"{n}.data", f"({width}){n}.len"]
            post.append(f"qc_free({n}.data);")
        elif p.kind == "fd":
            call.append("qc_wire_take_fd(fd)")
        else:
            raise AssertionError(f"{cb.name}: {p.kind}")
    decl = [x for x in pre if not x.startswith("qc_unpack_copy")]
    out += "".join(f"    {x}\n" for x in pre) if decl else ""
    if not any(p.kind == "fd" for p in cb.params):
        out += "    (void)fd;\n"
    out += "    bool ok = qc_unpack_end(in)" + "".join(f" && {x}" for x in need) + ";\n"
    out += f"    if (ok)\n        (({cb.name} *)fn)({', '.join(['arg'] + call)});\n"
    out += "".join(f"    {x}\n" for x in post)
    return out + "    return ok;\n}\n"


def table_c(t: Table, names: dict) -> str:
    """The runner's table: proxies in the slots."""
    if not t.pair:
        out = f"    .h = {{sizeof({t.ctype}), {t.revision}}},\n"
        return out + "".join(f"    .{access} = {names[c.name]},\n" for _, access, c in t.methods)
    size = f"(uint32_t)(sizeof({t.ctype}) - offsetof({t.ctype}, u))"
    out = f"    .stable = {{\n        .h = {{sizeof(qn_head) + {len(t.stable)} * sizeof(void (*)(void)), {t.revision}}},\n"
    out += "".join(f"        .{c.name} = {names[c.name]},\n" for c in t.stable) + "    },\n"
    out += f"    .u = {{{size}, 1}},\n"
    return out + "".join(f"    .{c.name} = {names[c.name]},\n" for c in t.trial)


def calls_of(f: File) -> str:
    """The name of its callbacks' dispatchers."""
    return f"QC_CALLS_{f.table.removeprefix('qn_').upper()}" if f.callbacks and f.wire != "custom" else ""


def served_by_runner(m: Model) -> list:
    return [f for f in interfaces(m) if not f.local]


def proxies_of(m: Model, f: File) -> str:
    """runner/proxies/NAME.c"""
    out = NOTE + '#include "runner/proxies.h"\n\n#include "core/frame/wire.h"\n#include "runner/rt.h"\n'
    if calls_of(f):
        out += "".join("\n" + dispatcher(f, m, cb) for cb in f.callbacks)
        out += f"\nqc_rt_dispatch *const {calls_of(f)}[] = {{"
        out += ", ".join(f"call_{cb.name}" for cb in f.callbacks) + "};\n"
    for t in tables(f):
        names = {}
        for slot, _, call in t.methods:
            hand = custom(f, call)
            names[call.name] = f"qc_px_{t.short}_{call.name}" if hand else f"{t.short}_{call.name}"
            out += "" if hand else "\n" + proxy(t, m, call, slot)
        out += f"\nconst {t.ctype} QC_PX_{t.short.upper()} = {{\n" + table_c(t, names) + "};\n"
    return out


def proxies(m: Model) -> str:
    """runner/proxies.c: what there is."""
    entries = ""
    for f in served_by_runner(m):
        calls, n = calls_of(f) or "NULL", len(f.callbacks) if calls_of(f) else 0
        for t in tables(f):
            entries += f'    {{"{t.id}", &QC_PX_{t.short.upper()}, {t.revision}, {calls}, {n}}},\n'
    return (NOTE + '#include "runner/proxies.h"\n\n'
            f"const qc_rt_interface QC_RT_INTERFACES[] = {{\n{entries}    {{NULL, NULL, 0, NULL, 0}},\n}};\n")


def proxies_h(m: Model) -> str:
    """The runner's tables, and prototypes of the proxies that are written by hand."""
    out = NOTE + "#pragma once\n#include \"runner/rt.h\"\n\n" + includes(interfaces(m))
    out += "\n/* The tables, one file each in runner/proxies, and what decodes their callbacks. */\n"
    for f in served_by_runner(m):
        out += "".join(f"extern const {t.ctype} QC_PX_{t.short.upper()};\n" for t in tables(f))
        out += f"extern qc_rt_dispatch *const {calls_of(f)}[];\n" if calls_of(f) else ""
    for t in (t for f in served_by_runner(m) for t in tables(f)):
        made = [c for _, _, c in t.methods if custom(t.f, c)]
        out += f"\n/* {t.id}: written by hand. */\n" if made else ""
        out += "".join(prototype(f"{RESULTS[c.result]} qc_px_{t.short}_{c.name}(", c, "qn_cap *", ");") for c in made)
    return out


# ---- the node: stubs ----

def get(m: Model, call: Callable, p: Param) -> tuple:
    """(declarations, decoding, C arguments, replies, frees) of one parameter, in the stub."""
    n, t = p.name, p.type
    if p.kind == "scalar":
        c = SCALARS[t][0]
        return [f"{c} {n} = ({c})qc_wire_get{SIZES[t]}(c->in);"], [], [n], [], []
    if p.kind in ("in", "in?") or (p.kind == "out" and t in m.types):
        get_fn = "sized" if sized(m, p) else "fixed"
        decl = [f"{t} {n}_at;", f"{t} *{n} = qc_wire_get_{get_fn}(c->in, &{n}_at, sizeof {n}_at);"]
        reply = []
        if p.kind == "out":
            reply = [f"qc_wire_reply_{get_fn}(c->out, {n}, sizeof {n}_at);"]
        return decl, [], [n], reply, []
    if p.kind == "out":
        c = SCALARS[t][0]
        return ([f"{c} {n}_at;", f"{c} *{n} = qc_wire_get_fixed(c->in, &{n}_at, sizeof {n}_at);"], [], [n],
                [f"qc_wire_reply_fixed(c->out, {n}, sizeof {n}_at);"], [])
    if p.kind == "in[]":
        return ([f"uint32_t n_{n};", f"{t} *{n} = qc_wire_get_array(c->in, &n_{n}, sizeof *{n});"], [],
                [n, f"n_{n}"], [], [f"qc_free({n});"])
    if p.kind == "each":
        k = f"n_{before(call, p)}"
        return ([f"{t} *{n} = qc_wire_get_each(c->in, {k}, sizeof *{n});"], [], [n],
                [f"qc_wire_reply_items(c->out, {n}, c->status == QN_OK ? {k} : 0, sizeof *{n});"],
                [f"qc_free({n});"])
    if p.kind in ("out[]", "out bytes"):
        c, size = (t, f"sizeof({t})") if p.kind == "out[]" else ("uint8_t", "1")
        # Of records what fits is filled in, of a text or bytes it is all or nothing.
        ok = "c->status == QN_OK" + (" || c->status == QN_E_SPACE" if p.kind == "out[]" else "")
        return ([f"qc_wire_room {n}_room;",
                 f"{c} *{n} = qc_wire_get_room(c->in, &{n}_room, {size});"], [],
                [n, f"{n}_room.max", f"{n}_room.n"],
                [f"qc_wire_reply_room(c->out, {n}, &{n}_room, {ok}, {size});"],
                [f"qc_free({n});"])
    if p.kind == "cstring":
        return [f"char *{n} = qc_unpack_str(c->in);"], [], [n], [], [f"qc_free({n});"]
    if p.kind in ("text", "text64", "bytes", "bytes64"):
        width = "uint64_t" if p.kind.endswith("64") else "uint32_t"
        cast = "(const char *)" if p.kind.startswith("text") else ""
        return ([f"qc_wire_span {n} = qc_wire_get_bytes(c->in);"], [],
                [f"{cast}{n}.data", f"({width}){n}.len"], [], [])
    if p.kind == "callback":
        return ([f"void *{n} = qc_stub_callback(c, {[x.name for x in CALLBACKS].index(t)});"], [],
                [f"{n} ? thunk_{t} : NULL", n], [], [])
    raise AssertionError(p.kind)


CALLBACKS: list = []    # of the interface being written


def stub(t: Table, m: Model, call: Callable, access: str) -> str:
    out = f"static bool {t.short}_{call.name}(qc_stub_call *c)\n{{\n"
    decls, cargs, replies, frees = [], [], [], []
    for p in call.params:
        d, _, a, r, x = get(m, call, p)
        decls += d
        cargs += a
        replies += r
        frees += x
    out += "".join(f"    {x}\n" for x in decls)
    out += f"    const {t.ctype} *t = c->cap->adapter->table;\n"
    out += "    bool ok = qc_unpack_end(c->in);\n    if (ok) {\n"
    head = f"        c->status = t->{access}("
    line, lines = head, []
    for i, a in enumerate(["c->cap"] + cargs):
        piece = a + (");" if i == len(cargs) else ",")
        if len(line) + len(piece) + 1 > 100:
            lines.append(line.rstrip())
            line = " " * len(head)
        line += piece if line.endswith("(") or not line.strip() else " " + piece
    out += "\n".join(lines + [line]) + "\n"
    out += "".join(f"        {x}\n" for x in replies) + "    }\n"
    out += "".join(f"    {x}\n" for x in frees)
    return out + "    return ok;\n}\n"


def thunk(f: File, m: Model, cb: Callable, number: int) -> str:
    out = prototype(f"static void thunk_{cb.name}(", cb, "void *", ")") + "{\n"
    out += "    qc_pack pack = QC_PACK_INIT, *out = &pack;\n"
    fd = "-1"
    for p in cb.params:
        n = p.name
        if p.kind == "scalar":
            out += f"    qc_wire_put{SIZES[p.type]}(out, (uint{SIZES[p.type]}_t){n});\n"
        elif p.kind == "in":
            out += f"    qc_pack_raw(out, {n}, sizeof *{n});\n"
        elif p.kind in ("text", "text64", "bytes", "bytes64"):
            out += f"    qc_pack_bytes(out, {n}, {n}_len);\n"
        elif p.kind == "fd":
            fd = n
        else:
            raise AssertionError(f"{cb.name}: {p.kind}")
    return out + f"    qc_stub_call_back(arg, {number}, out, {fd});\n}}\n"


def has_stubs(f: File) -> bool:
    return not (f.local or f.wire == "custom" or all(custom(f, c) for c in f.methods))


def stubs_of(m: Model, f: File) -> str:
    """core/host/stubs/NAME.c"""
    global CALLBACKS
    CALLBACKS = f.callbacks
    out = NOTE + '#include "core/host/stubs.h"\n\n#include "core/frame/wire.h"\n\n' + includes([f])
    for i, cb in enumerate(f.callbacks):
        out += "\n" + thunk(f, m, cb, i)
    for t in tables(f):
        names = []
        for _, access, call in t.methods:
            made = not custom(f, call)
            names.append(f"{t.short}_{call.name}" if made else "NULL")
            out += "\n" + stub(t, m, call, access) if made else ""
        out += f"\nqc_stub *const QC_STUBS_{t.short.upper()}[] = {{\n"
        out += "".join(f"    {x},\n" for x in names) + "};\n"
    return out


def stubs(m: Model) -> str:
    """core/host/stubs.c: what there is."""
    entries = "".join(f'    {{"{t.id}", QC_STUBS_{t.short.upper()}, {len(t.methods)}}},\n'
                      for f in interfaces(m) if has_stubs(f) for t in tables(f))
    return (NOTE + '#include "core/host/stubs.h"\n\n'
            f"const qc_stubs QC_STUBS[] = {{\n{entries}    {{NULL, NULL, 0}},\n}};\n")


def stubs_h(m: Model) -> str:
    out = NOTE + '#pragma once\n#include "core/host/stub.h"\n#include "core/host/trace.h"\n\n'
    out += "/* One file each in core/host/stubs, by slot. */\n"
    out += "".join(f"extern qc_stub *const QC_STUBS_{t.short.upper()}[];\n"
                   for f in interfaces(m) if has_stubs(f) for t in tables(f))
    out += "\n/* One file each in core/host/traces, by slot. */\n"
    return out + "".join(f"extern const qc_trace_method QC_TRACES_{t.short.upper()}[];\n"
                         for f in interfaces(m) if has_traces(f) for t in tables(f))


# ---- the node's side: what a call says, for traces ----

def parts(m: Model, p: Param) -> list:
    """(name, kind, in, out, size) of what a parameter is on the wire; see core/host/trace.h."""
    n, t = p.name, p.type
    size = f"sizeof({SCALARS[t][0] if t in SCALARS else t})" if t else "0"
    if p.kind == "scalar":
        return [(n, "I" if SCALARS[t][0].startswith("int") else "U", 1, 0, str(SIZES[t] // 8))]
    if p.kind in ("in", "in?", "out"):
        out = int(p.kind == "out")
        if sized(m, p):
            return [(n, "SIZED", 1, out, size)]
        kind = "HASH" if t == "qn_hash" else "FIXED"
        return [(n, ("NUMBER" if t in SCALARS else kind), 1, out, size)]
    if p.kind == "in[]":
        return [(n, "ARRAY", 1, 0, size)]
    if p.kind == "each":
        return [(n, "EACH", 1, 1, size)]
    if p.kind in ("out[]", "out bytes"):
        return [(n, "ROOM", 1, 1, size if t else "1")]
    if p.kind == "cstring":
        return [(n, "STRING", 1, 0, "0")]
    if p.kind in ("text", "text64", "bytes", "bytes64"):
        return [(n, "TEXT" if p.kind.startswith("text") else "BYTES", 1, 0, "0")]
    if p.kind == "callback":
        return [(n, "CALLBACK", 1, 0, "4")]
    raise AssertionError(p.kind)


def has_traces(f: File) -> bool:
    return not f.local and f.wire != "custom"


def traces_of(m: Model, f: File) -> str:
    """core/host/traces/NAME.c"""
    out = NOTE + '#include "core/host/stubs.h"\n\n' + includes([f])
    for t in tables(f):
        rows = ""
        for _, _, call in t.methods:
            if custom(f, call):
                rows += "    {NULL, NULL},\n"
                continue
            name = f"{t.short}_{call.name}"
            body = "".join(f'    {{"{n}", QC_TRACE_{k}, {i}, {o}, {z}}},\n' for p in call.params
                           for n, k, i, o, z in parts(m, p))
            out += f"\nstatic const qc_trace_part {name}[] = {{\n{body}    {{NULL, QC_TRACE_U, 0, 0, 0}},\n}};\n"
            rows += f'    {{"{call.name}", {name}}},\n'
        out += f"\nconst qc_trace_method QC_TRACES_{t.short.upper()}[] = {{\n{rows}}};\n"
    return out


def traces(m: Model) -> str:
    """core/host/traces.c: what there is, and the names of status codes."""
    entries = "".join(f'    {{"{t.id}", QC_TRACES_{t.short.upper()}, {len(t.methods)}}},\n'
                      for f in interfaces(m) if has_traces(f) for t in tables(f))
    out = NOTE + '#include "core/host/stubs.h"\n\n'
    out += f"const qc_trace_table QC_TRACES[] = {{\n{entries}    {{NULL, NULL, 0}},\n}};\n"
    return out + "\n" + status_names(m, "qc_status_name", "status")


def wire_id(files: dict) -> str:
    """A digest of everything that decides what travels, so that two builds tell each other apart."""
    digest = hashlib.sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()[:16]
    return NOTE + f'#pragma once\n#define QC_WIRE_ID "{digest}"\n'


def everything(m: Model) -> dict:
    ways = {"runner/proxies.c": proxies(m), "core/host/stubs.c": stubs(m)}
    ways |= {f"runner/proxies/{f.stem}.c": proxies_of(m, f) for f in served_by_runner(m)}
    ways |= {f"core/host/stubs/{f.stem}.c": stubs_of(m, f) for f in interfaces(m) if has_stubs(f)}
    told = {f"core/host/traces/{f.stem}.c": traces_of(m, f) for f in interfaces(m) if has_traces(f)}
    return ways | told | {"runner/proxies.h": proxies_h(m), "core/host/stubs.h": stubs_h(m),
                          "core/host/traces.c": traces(m), "core/frame/wire_id.h": wire_id(ways)}

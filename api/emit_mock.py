"""Write lib/mock/tables: the tables that the mock hands out, a file each. Each method tells lib/mock/call.c of
the call (which counts it, may fail it, judges the thread), passes it on, and says what went in and
came out when somebody traces."""
from emit import NOTE, prototype, status_names
from model import RESULTS, SCALARS, Callable, File, Model, Param, Struct

NUMBER = {"uint64_t": "qn_mk_u64", "int64_t": "qn_mk_i64"}


def number(ctype: str) -> str:
    return NUMBER.get(ctype, "qn_mk_i64" if ctype.startswith("int") else "qn_mk_u64")


def member(x) -> str:
    """One line that says one member of a struct."""
    if x.name in ("size", "reserved", "set"):
        return ""
    if x.ctype == "char" and x.count:
        return f'    qn_mk_words(l, "{x.name}", x->{x.name}, (uint32_t)strnlen(x->{x.name}, {x.count}));\n'
    if x.ctype == "uint8_t" and x.count:
        return f'    qn_mk_hex(l, "{x.name}", x->{x.name}, {x.count}, {int(x.count == 32)});\n'
    if x.count:
        return ""
    if x.ctype.startswith("qn_"):
        return f'    qn_mk_say_{x.ctype}(l, "{x.name}", &x->{x.name});\n'
    return f'    {number(x.ctype)}(l, "{x.name}", x->{x.name});\n'


def prototype_of(s: Struct, end: str) -> str:
    line = f"void qn_mk_say_{s.name}(qn_mk_line *l, const char *name, const {s.name} *x){end}"
    return line if len(line) <= 100 else line.replace("name, const", f"name,\n{' ' * (16 + len(s.name))}const")


def struct(s: Struct) -> str:
    out = prototype_of(s, "") + "\n{\n"
    if [x.ctype for x in s.fields] == ["uint8_t"] and s.fields[0].count == 32:
        return out + f"    qn_mk_hex(l, name, x->{s.fields[0].name}, 32, true);\n}}\n"
    return out + "    qn_mk_open(l, name);\n" + "".join(member(x) for x in s.fields) + "    qn_mk_close(l);\n}\n"


def before(p: Param) -> str:
    """What goes in."""
    n = p.name
    if p.kind == "scalar":
        return f'{number(SCALARS[p.type][0])}(&l, "{n}", {n});'
    if p.kind == "view":
        return f'qn_mk_view(&l, "{n}", {n});'
    if p.kind == "cstring":
        return f'qn_mk_words(&l, "{n}", {n}, {n} ? (uint32_t)strlen({n}) : 0);'
    if p.kind in ("text", "text64"):
        return f'qn_mk_words(&l, "{n}", {n}, {n}_len);'
    if p.kind in ("bytes", "bytes64"):
        return f'qn_mk_hex(&l, "{n}", {n}, {n}_len, false);'
    if p.kind == "fill":
        return f'qn_mk_u64(&l, "{n}_len", {n}_len);'
    if p.kind in ("in", "in?") and p.type in SCALARS:
        return f'{number(SCALARS[p.type][0])}(&l, "{n}", *{n});'
    if p.kind in ("in", "in?"):
        return f'if ({n})\n            qn_mk_say_{p.type}(&l, "{n}", {n});'
    if p.kind == "in[]":
        return (f'qn_mk_u64(&l, "n_{n}", n_{n});\n'
                f'        if (n_{n} && {n})\n            qn_mk_say_{p.type}(&l, "{n}[0]", {n});')
    if p.kind in ("out[]", "lend[]", "out bytes"):
        return f'qn_mk_u64(&l, "max_{n}", max_{n});'
    return ""


def after(p: Param) -> str:
    """What comes out, when the call succeeded."""
    n = p.name
    if p.kind == "out" and p.type in SCALARS:
        return f'{number(SCALARS[p.type][0])}(&l, "{n}", *{n});'
    if p.kind == "out":
        return f'qn_mk_say_{p.type}(&l, "{n}", {n});'
    if p.kind == "lend" and p.type == "qn_block_view":
        return f'qn_mk_view(&l, "{n}", *{n});'
    if p.kind == "lend":
        return f'qn_mk_say_{p.type}(&l, "{n}", *{n});'
    if p.kind == "out[]":
        return (f'qn_mk_u64(&l, "n_{n}", *n_{n});\n'
                f'            if (*n_{n} && *n_{n} <= max_{n})\n                qn_mk_say_{p.type}(&l, "{n}[0]", {n});')
    if p.kind == "lend[]":
        return f'qn_mk_u64(&l, "n_{n}", *n_{n});'
    if p.kind == "each":
        return f'qn_mk_say_{p.type}(&l, "{n}[0]", {n});'
    if p.kind == "out bytes":
        return f'qn_mk_hex(&l, "{n}", {n}, *n_{n} <= max_{n} ? *n_{n} : 0, false);'
    if p.kind == "lend bytes":
        return f'qn_mk_hex(&l, "{n}", *{n}, *n_{n}, false);'
    return ""


def method(f: File, x: Callable) -> str:
    name = f"{f.name.replace('.', '_')}_{x.name}"
    args = "".join(f", {n}" for p in x.params for _, n in p.c)
    head = prototype(f"static {RESULTS[x.result]} {name}(", x, "qn_cap *", ")")
    out = head + "{\n"
    out += f'    static const qn_mk_slot slot = {{"{f.name}/{f.major}", "{x.name}", {int(x.thread == "any")}, '
    out += f'{int(x.result == "status")}}};\n    qn_mk_line l;\n'
    status = x.result == "status"
    out += "    qn_status st = qn_mk_begin(&l, cap, &slot);\n"
    ins = [t for t in map(before, x.params) if t]
    if ins:
        out += "    if (l.on) {\n" + "".join(f"        {t}\n" for t in ins) + "    }\n"
    call = f"((const {f.table} *)cap->table)->{x.name}(cap{args})"
    if x.result == "void":
        return out + f"    if (st == QN_OK)\n        {call};\n    qn_mk_end(&l, NULL);\n}}\n"
    if not status:
        out += f"    {RESULTS[x.result]} got = st == QN_OK ? {call} : 0;\n"
        out += f'    if (l.on)\n        {number(RESULTS[x.result])}(&l, "result", got);\n    qn_mk_end(&l, NULL);\n    return got;\n}}\n'
        return out
    out += f"    if (st == QN_OK)\n        st = {call};\n"
    outs = [t for t in map(after, x.params) if t]
    if outs:
        out += "    if (l.on && st == QN_OK) {\n        qn_mk_arrow(&l);\n"
        out += "".join(f"        {t.replace(chr(10) + '    ', chr(10))}\n" for t in outs) + "    }\n"
    return out + "    return qn_mk_end(&l, &st);\n}\n"


def told(m: Model) -> set:
    """Names of the structs that some stable method takes or gives."""
    used = {p.type for f in m.files for x in f.methods if x.since for p in x.params if p.kind != "callback"}
    deep = set()
    while used - deep:
        deep |= used
        used = {x.ctype for t in deep if t in m.types and t != "qn_block_view" for x in m.types[t].fields}
    return deep


def structs_of(m: Model, f: File) -> list:
    deep = told(m)
    return [s for s in f.structs if s.name in deep and s.since and s.name != "qn_block_view"]


def handed_out(f: File) -> str:
    return f"QN_MK_{f.table.removeprefix('qn_').upper()}"


def table_of(m: Model, f: File) -> str:
    """lib/mock/tables/NAME.c: its structs and its table."""
    out = NOTE + '#include "lib/mock/tables.h"\n\n#include <string.h>\n'
    out += "".join("\n" + struct(s) for s in structs_of(m, f))
    if not f.methods:
        return out
    out += "".join("\n" + method(f, x) for x in f.table_at(f.revision))
    out += f"\nconst {f.table} {handed_out(f)} = {{\n    .h = {{sizeof({f.table}), {f.revision}}},\n"
    return out + "".join(f"    .{x.name} = {f.name.replace('.', '_')}_{x.name},\n"
                         for x in f.table_at(f.revision)) + "};\n"


def tables_h(m: Model) -> str:
    out = NOTE + '#pragma once\n#include "lib/mock/internal.h"\n\n'
    out += "".join(f'#include "quoin/{f.header}"\n' for f in sorted(m.files, key=lambda f: f.header))
    out += "\n/* What a trace says of each struct. */\n"
    out += "".join(prototype_of(s, ";") + "\n" for f in m.files for s in structs_of(m, f))
    out += "\n/* The tables. */\n"
    return out + "".join(f"extern const {f.table} {handed_out(f)};\n" for f in m.files if f.methods)


def tables(m: Model) -> str:
    """lib/mock/tables.c: what there is, and the names of status codes."""
    out = NOTE + '#include "lib/mock/tables.h"\n\n#include <string.h>\n\n'
    out += "const void *qn_mk_handed_out(const char *id)\n{\n"
    for f in (f for f in m.files if f.methods):
        out += f'    if (strcmp(id, "{f.name}/{f.major}") == 0)\n        return &{handed_out(f)};\n'
    return out + "    return NULL;\n}\n\n" + status_names(m, "qn_mock_status_name", "a status of its own")


def everything(m: Model) -> dict:
    files = {f"lib/mock/tables/{f.stem}.c": table_of(m, f) for f in m.files if f.methods or structs_of(m, f)}
    return files | {"lib/mock/tables.c": tables(m), "lib/mock/tables.h": tables_h(m)}

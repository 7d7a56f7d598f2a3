"""Write the files that follow from the model: headers, layout texts, a layout proof, pages."""
import textwrap

from model import RESULTS, Callable, File, Model, Pair

PROLOGUE = """\
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
"""
EPILOGUE = """
#ifdef __cplusplus
}
#endif
#endif
"""
HANDLES = """
/** 0 is success, negative is failure. The set is open: treat an unknown negative as failure. */
typedef int32_t qn_status;

/** A granted, limited, revocable handle; every method of every table takes one first. Opaque. */
typedef struct qn_cap qn_cap;

/** Begins every table, and the unstable part of an unstable one. It counts only its own part. */
typedef struct qn_head {
    uint32_t size;     /* bytes of this part that the host filled in, head included */
    uint32_t revision; /* append steps so far */
} qn_head;

/* Does the host's table reach that far? Ask before using a method newer than the revision that
 * the manifest requires. QN_HAS: a stable table. QN_HAS_STABLE, QN_HAS_U: the two parts of an
 * unstable one. */
#define QN_REACHES(t, head, m)                                                                     \\
    ((t)->head.size >= (size_t)((const char *)&(t)->m - (const char *)&(t)->head) + sizeof((t)->m))
#define QN_HAS(t, m) QN_REACHES(t, h, m)
#define QN_HAS_STABLE(t, m) QN_REACHES(t, stable.h, stable.m)
#define QN_HAS_U(t, m) QN_REACHES(t, u, m)

/* Does not compile when a type has another size. */
#define QN_SAME_SIZE(t, n) extern char qn_size_of_##t[sizeof(t) == (n) ? 1 : -1]

/** Set *out to zero and its size; for structs that the host fills in or reads. */
#define QN_INIT(p) (*(p) = (__typeof__(*(p))){.size = sizeof *(p)})
"""


def wrap(text: str, first: str, rest: str, width: int = 80) -> str:
    out = []
    for n, para in enumerate(text.strip().split("\n\n")):
        out += [rest.rstrip()] if n else []
        out += textwrap.wrap(" ".join(para.split()), width, initial_indent=first if n == 0 else rest,
                             subsequent_indent=rest)
    return "\n".join(line if line.strip() else line.rstrip() for line in out)


def comment(text: str, indent: str = "") -> str:
    """A contract comment of one paragraph."""
    return wrap(text, f"{indent}/** ", f"{indent} *  ") + " */\n"


def c_list(call: Callable, lead: str) -> list:
    return [(lead, "cap" if lead.startswith("qn_cap") else "arg")] + [c for p in call.params for c in p.c]


def signature(call: Callable, lead: str) -> str:
    """Types only: what the layout text pins."""
    return ", ".join(t.strip() for t, _ in c_list(call, lead))


def prototype(start: str, call: Callable, lead: str, end: str) -> str:
    """A declaration, broken at 98 columns as clang-format breaks it."""
    parts = [f"{t}{n}" for t, n in c_list(call, lead)]
    lines, line = [], start
    for i, part in enumerate(parts):
        piece = part + (end if i == len(parts) - 1 else ",")
        if len(line) + len(piece) + 1 > 100 and line != start:
            lines.append(line.rstrip())
            line = " " * len(start)
        line += piece if line == start or not line.strip() else " " + piece
    return "\n".join(lines + [line]) + "\n"


def contract(m: Callable, indent: str) -> str:
    out = wrap(m.doc, f"{indent}/** ", f"{indent} *  ")
    for p in m.params:
        if p.doc:
            out += "\n" + wrap(f"{p.name}: {p.doc}.", f"{indent} *  ", f"{indent} *    ")
    if m.returns:
        out += "\n" + wrap(f"Returns: {', '.join(m.returns)}.", f"{indent} *  ", f"{indent} *    ")
    if m.thread == "any":
        out += f"\n{indent} *  Thread: any."
    if m.local:
        out += f"\n{indent} *  Local: served in the plugin's own process."
    return out + " */\n"


def rows(lines: list) -> str:
    """Code with a note behind it, notes in one column; a note that is too long stands before."""
    out, run = "", []

    def flush() -> str:
        column = max((len(code) for code, _ in run), default=0)
        return "".join(f"{code:<{column}} /* {note} */\n" for code, note in run)

    widest = max((len(code) for code, note in lines if note), default=0)
    for code, note in lines:
        if not note:
            out += flush() + code + "\n"
            run = []
            continue
        if widest + len(note) + 7 <= 100:
            run.append((code, note))
            continue
        indent = code[:len(code) - len(code.lstrip())]
        out += flush() + wrap(note, f"{indent}/* ", f"{indent} * ", 90) + f" */\n{code}\n"
        run = []
    return out + flush()


def flags_c(groups: list) -> str:
    out = ""
    for g in groups:
        out += "\n" + comment(g.doc)
        out += rows([(f"#define {g.group}_{name} {value}u", doc) for name, value, doc, _ in g.items])
    return out


def struct_c(structs: list) -> str:
    out = ""
    for s in structs:
        out += "\n" + comment(s.doc + (" Never changes." if s.kind == "frozen" else ""))
        out += f"typedef struct {s.name} {{\n"
        out += rows([(f"    {x.ctype} {x.name}{f'[{x.count}]' if x.count else ''};", x.doc) for x in s.fields])
        out += f"}} {s.name};\n"
        names = [x.name for x in s.fields]
        if s.kind == "in" and "set" in names:
            short = s.name.removeprefix("qn_").upper()
            given = [n for n in names[names.index("set") + 1:] if n != "reserved"]
            out += f"/* Bits of `set`. */\n"
            out += rows([(f"#define QN_SET_{short}_{n.upper()} {1 << i}u", "") for i, n in enumerate(given)])
    return out


def slots_c(methods: list, contracts: bool) -> str:
    out = ""
    for m in methods:
        out += "\n" + contract(m, "    ") if contracts else ""
        out += prototype(f"    {RESULTS[m.result]} (*{m.name})(", m, "qn_cap *", ");")
    return out


def tables_c(f: File) -> str:
    """The newest table with its contracts, and one frozen struct per revision."""
    newest = f"{f.table}_r{f.revision}"
    out = ""
    for rev in range(1, f.revision + 1):
        out += f"\n/** {f.name}/{f.major}, revision {rev}. Frozen. */\ntypedef struct {f.table}_r{rev} {{\n    qn_head h;\n"
        out += slots_c(f.table_at(rev), rev == f.revision) + f"}} {f.table}_r{rev};\n"
    out += f"\n/** The newest revision. */\ntypedef {newest} {f.table};\n"
    macro = f.name.replace(".", "_").upper()
    out += f'#define QN_{macro}_{f.major}_ID "{f.name}/{f.major}"\n'
    out += f"#define QN_{macro}_{f.major}_REVISION {f.revision}u\n"
    return out


def pair_c(f: File, p: Pair) -> str:
    """An unstable table: the stable one as its first member, then a head and methods of its own."""
    t, stable = f.pair_table(p), f"{f.table}_r{p.on}"
    size = f"sizeof(qn_head) + {len(f.table_at(p.on))} * sizeof(void (*)(void))"
    out = f"\n/** {f.name}.unstable/{p.number}: {f.name}/{f.major} as it was at revision {p.on}, and what is on trial."
    out += f"\n *  Served for the last time by release {p.last}. */\n" if p.last else " */\n"
    out += f"typedef struct {t} {{\n    {stable} stable;\n    qn_head u; /* of what follows */\n"
    out += slots_c(f.pair_methods(p), True) + f"}} {t};\n"
    out += f'#define {t.upper()}_ID "{f.name}.unstable/{p.number}"\n'
    if not p.last:
        out += f"/* Growing the stable part cuts unstable/{p.number + 1}. */\nQN_SAME_SIZE({f.table}, {size});\n"
    return out


def callbacks_c(callbacks: list) -> str:
    out = ""
    for c in callbacks:
        out += "\n" + comment(c.doc) + prototype(f"typedef void {c.name}(", c, "void *", ");")
    return out


def header(f: File, m: Model) -> str:
    guard = "QUOIN_" + f.header.removesuffix(".h").upper() + "_H"
    title = f"quoin/{f.header}: {f.summary}." + (f"\n\n{f.doc}" if f.doc else "")
    out = wrap(title, "/* ", " * ")
    out += f"\n *\n * Made by api/generate.py from api/interfaces/{f.path}: change that, then run it. */\n"
    out += f"#ifndef {guard}\n#define {guard}\n"
    uses = f.uses or ([] if f.path == "types.toml" else ["types"])
    out += "".join(f'#include "quoin/{m.named(u).header}"\n' for u in uses) + ("\n" if uses else "")
    out += PROLOGUE
    if f.path == "types.toml":
        out += HANDLES + "\n/* Status codes. */\n"
        out += rows([(f"#define {n} {f'({v})' if v < 0 else v}", doc) for n, v, doc, _ in f.status])
    out += flags_c(stable(f.flags)) + struct_c(stable(f.structs)) + callbacks_c(stable(f.callbacks))
    if f.methods:
        out += tables_c(f)
    return out + EPILOGUE


def stable(items: list) -> list:
    return [x for x in items if x.since]


def unstable_header(f: File) -> str:
    """What may change in any release has a header of its own, which says so to the compiler."""
    name = f.unstable_header
    guard = "QUOIN_" + name.removesuffix(".h").upper() + "_H"
    trial = [[x for x in items if not x.since] for items in (f.flags, f.structs, f.callbacks)]
    out = wrap(f"quoin/{name}: what is on trial beside {f.name}/{f.major}: it may change or go in any release, "
               "and a host serves an unstable number exactly or not at all.", "/* ", " * ")
    out += f"\n *\n * Made by api/generate.py from api/interfaces/{f.path}: change that, then run it. */\n"
    out += f"#ifndef {guard}\n#define {guard}\n#ifndef QN_ALLOW_UNSTABLE\n"
    out += f'#error "quoin/{name} is on trial: define QN_ALLOW_UNSTABLE to use it"\n#endif\n'
    out += f'#include "quoin/{f.header}"\n\n' + PROLOGUE
    out += flags_c(trial[0]) + struct_c(trial[1]) + callbacks_c(trial[2])
    return out + "".join(pair_c(f, p) for p in f.pairs) + EPILOGUE


def type_rows(flags: list, structs: list, callbacks: list) -> list:
    rows = []
    for g in flags:
        rows += [(max(i[3], g.since), f"{'value' if g.enum else 'flag'} {g.group}_{i[0]} {i[1]}") for i in g.items]
    for s in structs:
        for x in s.fields:
            tail = f"[{x.count}]" if x.count else ""
            rows.append((max(x.since, s.since), f"{s.kind} {s.name} {x.offset} {x.name} {x.ctype}{tail}"))
    return rows + [(c.since, f"callback {c.name} void({signature(c, 'void *')})") for c in callbacks]


def slot_rows(table: str, methods: list, at: int) -> list:
    return [(m.since, f"table {table} {at + 8 * i} {m.name} {RESULTS[m.result]}({signature(m, 'qn_cap *')})")
            for i, m in enumerate(methods)]


def layout(f: File) -> str:
    """One self-contained line per thing, older revisions first: releases only append lines."""
    rows = [(since, f"status {name} {value}") for name, value, _, since in f.status]
    rows += type_rows(stable(f.flags), stable(f.structs), stable(f.callbacks))
    if f.methods:
        rows.append((1, f"table {f.table} 0 h qn_head"))
        rows += slot_rows(f.table, f.table_at(f.revision), 8)
    rows.sort(key=lambda r: r[0])   # stable: keeps the order of definition within a revision
    return "".join(f"{since} {text}\n" for since, text in rows)


def pair_layout(f: File, p: Pair) -> str:
    """An unstable table never changes: it is served as it was, or no more."""
    t, at = f.pair_table(p), 8 + 8 * len(f.table_at(p.on))
    rows = type_rows(*([x for x in items if p.holds(x)] for items in (f.flags, f.structs, f.callbacks)))
    rows += [(0, f"table {t} 0 stable {f.table}_r{p.on}"), (0, f"table {t} {at} u qn_head")]
    return "".join(f"{text}\n" for _, text in rows + slot_rows(t, f.pair_methods(p), at + 8))


def proof(m: Model) -> str:
    """C that compiles only if the compiler agrees with every offset of the layout texts."""
    out = "/* Generated by api/generate.py: the compiler's word on the layout texts, on 64-bit hosts. */\n"
    out += "#define QN_ALLOW_UNSTABLE\n" if any(f.pairs for f in m.files) else ""
    for f in sorted(m.files, key=lambda f: f.header):
        out += f'#include "quoin/{f.header}"\n' + (f'#include "quoin/{f.unstable_header}"\n' if f.pairs else "")
    out += "\n#include <stddef.h>\n\n#define AT(t, m, off) _Static_assert(offsetof(t, m) == (off), #t \".\" #m)\n"
    out += "#define SIZE(t, n) _Static_assert(sizeof(t) == (n), #t)\n\n"
    out += "_Static_assert(sizeof(void *) != 8 || sizeof(qn_head) == 8, \"qn_head\");\n"
    for f in m.files:
        for s in f.structs:
            out += f"\nSIZE({s.name}, {s.size});\n"
            out += "".join(f"AT({s.name}, {x.name}, {x.offset});\n" for x in s.fields)
    out += "\n#if UINTPTR_MAX == UINT64_MAX\n"
    for f in m.files:
        for rev in range(1, f.revision + 1) if f.methods else ():
            t = f"{f.table}_r{rev}"
            here = f.table_at(rev)
            out += f"SIZE({t}, {8 + 8 * len(here)});\n"
            out += "".join(f"AT({t}, {x.name}, {8 + 8 * i});\n" for i, x in enumerate(here))
        for p in f.pairs:
            t, at, here = f.pair_table(p), 8 + 8 * len(f.table_at(p.on)), f.pair_methods(p)
            out += f"SIZE({t}, {at + 8 + 8 * len(here)});\nAT({t}, u, {at});\n"
            out += "".join(f"AT({t}, {x.name}, {at + 8 + 8 * i});\n" for i, x in enumerate(here))
    return out + "#endif\n"


def instead(f: File, p: Pair) -> str:
    """Which ids have the methods of a pair that is served for the last time."""
    methods = f.pair_methods(p)
    ids = [f"{f.name}/{f.major}.{max(m.since for m in methods)}"] if any(m.since for m in methods) else []
    return ", ".join(ids + [f"{f.name}.unstable/{q.number}" for q in f.pairs if not q.last])


def host_list(m: Model) -> str:
    """What the host knows: one row per interface, for its resolver and for quoin-plugin."""
    out = "/* Made by api/generate.py: QC_INTERFACE(table, id, revision, local, summary, lets) per\n * interface, "
    out += "and QC_GRANT(table, key, type, default, meaning) per parameter of its grant.\n"
    out += " * QC_UNSTABLE(table, last release that serves it, what to use instead) per unstable one. */\n"
    out += "#ifndef QC_UNSTABLE\n#define QC_UNSTABLE(...)\n#endif\n"
    for f in (f for f in m.files if f.methods):
        out += host_row(f, f.table, f"{f.name}/{f.major}", f.revision)
        for p in f.pairs:
            out += host_row(f, f.pair_table(p), f"{f.name}.unstable/{p.number}", 1)
            out += f'QC_UNSTABLE({f.pair_table(p)}, "{p.last}", "{instead(f, p) if p.last else ""}")\n'
    return out + "#undef QC_UNSTABLE\n"


def host_row(f: File, table: str, name: str, revision: int) -> str:
    out = f'QC_INTERFACE({table}, "{name}", {revision}, {int(f.local)},\n'
    out += f'             "{f.summary}",\n             "{f.lets}")\n'
    for key, kind, default, doc in f.grant:
        out += f'QC_GRANT({table}, "{key}", QC_PARAM_{kind.upper()}, "{default}",\n         "{doc}")\n'
    return out


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def where(f: File, x: Callable) -> str:
    held = [f"`{f.name}.unstable/{p.number}`" for p in f.pairs if p.holds(x)]
    parts = [f"Since revision {x.since}."] if x.since else []
    return " ".join(parts + ([f"On trial in {' and '.join(held)}."] if held else []))


def page(f: File) -> str:
    title = f"{f.name}/{f.major}" if f.name else f.header
    out = f"<!-- Made by api/generate.py from api/interfaces/{f.path}. -->\n# {title}\n\n"
    out += f"{f.summary[0].upper()}{f.summary[1:]}. Header: `quoin/{f.header}`."
    out += f" Table: `{f.table}`, revision {f.revision}.\n" if f.methods else "\n"
    if f.doc:
        out += "\n" + textwrap.fill(" ".join(f.doc.split()), 100) + "\n"
    for p in f.pairs:
        out += f"\nUnstable: `{f.name}.unstable/{p.number}` in `quoin/{f.unstable_header}`, table `{f.pair_table(p)}` "
        out += f"on revision {p.on}" + (f"; served for the last time by release {p.last}" if p.last else "") + ".\n"
    if f.grant:
        out += "\n## Parameters of the grant\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
        out += "".join(f"| `{k}` | {t} | {d or '-'} | {cell(x)} |\n" for k, t, d, x in f.grant)
    for x in f.methods:
        out += f"\n## {x.name}\n\n```c\n" + prototype(f"{RESULTS[x.result]} {x.name}(", x, "qn_cap *", ");") + "```\n\n"
        out += textwrap.fill(" ".join(x.doc.split()), 100) + "\n"
        if any(p.doc for p in x.params):
            out += "\n" + "".join(f"- `{p.name}`: {cell(p.doc)}\n" for p in x.params if p.doc)
        out += f"\n{where(f, x)} Thread: {x.thread}."
        out += " Served in the plugin's own process." if x.local else ""
        out += f" Returns {', '.join(f'`{r}`' for r in x.returns)}.\n" if x.returns else "\n"
    for c in f.callbacks:
        out += f"\n## {c.name} (callback)\n\n```c\n" + prototype(f"void {c.name}(", c, "void *", ");") + f"```\n\n{cell(c.doc)}\n"
    for s in f.structs:
        out += f"\n## {s.name}\n\n{cell(s.doc)}\n\n| offset | type | member | meaning |\n| --- | --- | --- | --- |\n"
        for x in s.fields:
            tail = f"[{x.count}]" if x.count else ""
            out += f"| {x.offset} | `{x.ctype}{tail}` | `{x.name}` | {cell(x.doc)} |\n"
    for g in f.flags:
        out += f"\n## {g.group}_*\n\n{cell(g.doc)}\n\n| name | value | meaning |\n| --- | --- | --- |\n"
        out += "".join(f"| `{g.group}_{n}` | {v} | {cell(d)} |\n" for n, v, d, _ in g.items)
    if f.status:
        out += "\n## Status codes\n\n| name | value | meaning |\n| --- | --- | --- |\n"
        out += "".join(f"| `{n}` | {v} | {cell(d)} |\n" for n, v, d, _ in f.status)
    return out


def everything(m: Model) -> dict:
    files = {}
    for f in m.files:
        stem = f"{f.name}-{f.major}" if f.name else f.path.removesuffix(".toml")
        if not f.handwritten:
            files[f"api/quoin/{f.header}"] = header(f, m)
        if f.pairs:
            files[f"api/quoin/{f.unstable_header}"] = unstable_header(f)
        files[f"api/layout/{stem}.txt"] = layout(f)
        files.update({f"api/layout/{f.name}.unstable-{p.number}.txt": pair_layout(f, p) for p in f.pairs})
        files[f"doc/interfaces/{stem}.md"] = page(f)
    files["api/layout/proof.c"] = proof(m)
    files["core/host/interfaces.def"] = host_list(m)
    return files

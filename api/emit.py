"""Write the files that follow from the model: headers, layout texts, a layout proof, pages."""
import textwrap

from model import RESULTS, Callable, File, Model

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


def flags_c(f: File) -> str:
    out = ""
    for g in f.flags:
        out += "\n" + comment(g.doc)
        out += rows([(f"#define {g.group}_{name} {value}u", doc) for name, value, doc, _ in g.items])
    return out


def struct_c(f: File) -> str:
    out = ""
    for s in f.structs:
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


def tables_c(f: File) -> str:
    """The newest table with its contracts, and one frozen struct per revision."""
    newest = f"{f.table}_r{f.revision}"
    out = ""
    for rev in range(1, f.revision + 1):
        here = [m for m in f.methods if m.since <= rev]
        out += f"\n/** {f.name}/{f.major}, revision {rev}. Frozen. */\ntypedef struct {f.table}_r{rev} {{\n    qn_head h;\n"
        for m in here:
            if rev == f.revision:
                out += "\n" + contract(m, "    ")
            out += prototype(f"    {RESULTS[m.result]} (*{m.name})(", m, "qn_cap *", ");")
        out += f"}} {f.table}_r{rev};\n"
    out += f"\n/** The newest revision. */\ntypedef {newest} {f.table};\n"
    macro = f.name.replace(".", "_").upper()
    out += f'#define QN_{macro}_{f.major}_ID "{f.name}/{f.major}"\n'
    out += f"#define QN_{macro}_{f.major}_REVISION {f.revision}u\n"
    return out


def callbacks_c(f: File) -> str:
    out = ""
    for c in f.callbacks:
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
    out += flags_c(f) + struct_c(f) + callbacks_c(f)
    if f.methods:
        out += tables_c(f)
    return out + EPILOGUE


def layout(f: File) -> str:
    """One self-contained line per thing, older revisions first: releases only append lines."""
    rows = []
    for name, value, _, since in f.status:
        rows.append((since, f"status {name} {value}"))
    for g in f.flags:
        rows += [(i[3], f"{'value' if g.enum else 'flag'} {g.group}_{i[0]} {i[1]}") for i in g.items]
    for s in f.structs:
        for x in s.fields:
            tail = f"[{x.count}]" if x.count else ""
            rows.append((x.since, f"{s.kind} {s.name} {x.offset} {x.name} {x.ctype}{tail}"))
    for c in f.callbacks:
        rows.append((c.since, f"callback {c.name} void({signature(c, 'void *')})"))
    if f.methods:
        rows.append((1, f"table {f.table} 0 h qn_head"))
        for i, m in enumerate(f.methods):
            rows.append((m.since, f"table {f.table} {8 + 8 * i} {m.name} "
                                  f"{RESULTS[m.result]}({signature(m, 'qn_cap *')})"))
    rows.sort(key=lambda r: r[0])   # stable: keeps the order of definition within a revision
    return "".join(f"{since} {text}\n" for since, text in rows)


def proof(m: Model) -> str:
    """C that compiles only if the compiler agrees with every offset of the layout texts."""
    out = "/* Made by api/generate.py: the compiler's word on the layout texts, on 64-bit hosts. */\n"
    for f in sorted(m.files, key=lambda f: f.header):
        out += f'#include "quoin/{f.header}"\n'
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
            here = [x for x in f.methods if x.since <= rev]
            out += f"SIZE({t}, {8 + 8 * len(here)});\n"
            out += "".join(f"AT({t}, {x.name}, {8 + 8 * i});\n" for i, x in enumerate(here))
    return out + "#endif\n"


def host_list(m: Model) -> str:
    """What the host knows: one row per interface, for its resolver and for quoin-plugin."""
    out = "/* Made by api/generate.py: QC_INTERFACE(table, id, revision, local, summary, lets) per\n * interface, "
    out += "and QC_GRANT(table, key, type, default, meaning) per parameter of its grant. */\n"
    for f in (f for f in m.files if f.methods):
        out += f'QC_INTERFACE({f.table}, "{f.name}/{f.major}", {f.revision}, {int(f.local)},\n'
        out += f'             "{f.summary}",\n             "{f.lets}")\n'
        for key, kind, default, doc in f.grant:
            out += f'QC_GRANT({f.table}, "{key}", QC_PARAM_{kind.upper()}, "{default}",\n         "{doc}")\n'
    return out


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def page(f: File) -> str:
    title = f"{f.name}/{f.major}" if f.name else f.header
    out = f"<!-- Made by api/generate.py from api/interfaces/{f.path}. -->\n# {title}\n\n"
    out += f"{f.summary[0].upper()}{f.summary[1:]}. Header: `quoin/{f.header}`."
    out += f" Table: `{f.table}`, revision {f.revision}.\n" if f.methods else "\n"
    if f.doc:
        out += "\n" + textwrap.fill(" ".join(f.doc.split()), 100) + "\n"
    if f.grant:
        out += "\n## Parameters of the grant\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
        out += "".join(f"| `{k}` | {t} | {d or '-'} | {cell(x)} |\n" for k, t, d, x in f.grant)
    for x in f.methods:
        out += f"\n## {x.name}\n\n```c\n" + prototype(f"{RESULTS[x.result]} {x.name}(", x, "qn_cap *", ");") + "```\n\n"
        out += textwrap.fill(" ".join(x.doc.split()), 100) + "\n"
        if any(p.doc for p in x.params):
            out += "\n" + "".join(f"- `{p.name}`: {cell(p.doc)}\n" for p in x.params if p.doc)
        out += f"\nSince revision {x.since}. Thread: {x.thread}."
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
        files[f"api/layout/{stem}.txt"] = layout(f)
        files[f"doc/interfaces/{stem}.md"] = page(f)
    files["api/layout/proof.c"] = proof(m)
    files["core/host/interfaces.def"] = host_list(m)
    return files

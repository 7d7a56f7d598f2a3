/* The ELF format, from the System V ABI. Every offset, size and count in a file is a claim: each
 * access goes through at(), which answers NULL outside the file. */
#include "core/host/elf.h"

#include "core/base/alloc.h"
#include "quoin/plugin.h"

#include <elf.h>

#define MAX_PHDRS 64u
#define MAX_DYN 512u

typedef struct dyn {
    uint64_t symtab, strtab, strsz, hash, gnu_hash, syment;
    uint64_t name[64]; /* DT_NEEDED */
    unsigned n_needed;
    uint64_t runpath;
    bool has_runpath;
} dyn;

typedef struct reader {
    qc_span f;
    Elf64_Phdr ph[MAX_PHDRS];
    unsigned n_ph;
    dyn d;
} reader;

static const void *at(const reader *r, uint64_t off, uint64_t len)
{
    if (off > r->f.len || len > r->f.len - off)
        return NULL;
    return r->f.data + off;
}

/* The bytes that a loader would map at vaddr. *left: how many of them the file holds. */
static const uint8_t *mapped(const reader *r, uint64_t vaddr, uint64_t *left)
{
    for (unsigned i = 0; i < r->n_ph; i++) {
        const Elf64_Phdr *p = &r->ph[i];
        if (p->p_type != PT_LOAD || vaddr < p->p_vaddr || vaddr - p->p_vaddr >= p->p_filesz)
            continue;
        uint64_t in = vaddr - p->p_vaddr;
        *left = p->p_filesz - in;
        return at(r, p->p_offset, p->p_filesz) ? r->f.data + p->p_offset + in : NULL;
    }
    return NULL;
}

static const char *string_at(const reader *r, uint64_t off)
{
    uint64_t left;
    if (off >= r->d.strsz)
        return NULL;
    const uint8_t *tab = mapped(r, r->d.strtab, &left);
    if (!tab || off >= left)
        return NULL;
    uint64_t room = (left < r->d.strsz ? left : r->d.strsz) - off;
    return memchr(tab + off, 0, room) ? (const char *)tab + off : NULL;
}

static void add_name(qc_elf_names *list, const char *name)
{
    if (!name || list->n >= QC_ELF_NAMES_MAX)
        return;
    if (!list->name)
        list->name = qc_alloc(QC_ELF_NAMES_MAX * sizeof *list->name);
    list->name[list->n++] = name;
}

static bool read_head(reader *r, qc_elf *e, qc_problems *p)
{
    Elf64_Ehdr h;
    const void *raw = at(r, 0, sizeof h);
    if (!raw || memcmp(raw, ELFMAG, SELFMAG) != 0) {
        qc_problem(p, "elf", "file: found something that is no ELF file, wanted a shared object");
        return false;
    }
    memcpy(&h, raw, sizeof h);
    if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB) {
        qc_problem(p, "elf", "class: found class %u, byte order %u, wanted 64-bit little-endian",
                   h.e_ident[EI_CLASS], h.e_ident[EI_DATA]);
        return false;
    }
    e->machine = h.e_machine;
    e->type = h.e_type;
#if defined(__x86_64__)
    const unsigned want = EM_X86_64;
#elif defined(__aarch64__)
    const unsigned want = EM_AARCH64;
#elif defined(__riscv)
    const unsigned want = EM_RISCV;
#else
    const unsigned want = EM_NONE;
#endif
    if (h.e_machine != want)
        qc_problem(p, "elf", "machine: found %u, wanted %u (this computer's)", h.e_machine, want);
    if (h.e_type != ET_DYN)
        qc_problem(p, "elf", "type: found %u, wanted %u (shared object)", h.e_type, ET_DYN);
    if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > MAX_PHDRS ||
        !at(r, h.e_phoff, (uint64_t)h.e_phnum * sizeof(Elf64_Phdr))) {
        qc_problem(p, "elf",
                   "program headers: found %u of %u bytes at %llu, wanted 1 to %u inside "
                   "the file",
                   h.e_phnum, h.e_phentsize, (unsigned long long)h.e_phoff, MAX_PHDRS);
        return false;
    }
    r->n_ph = h.e_phnum;
    memcpy(r->ph, r->f.data + h.e_phoff, h.e_phnum * sizeof(Elf64_Phdr));
    return p->n == 0;
}

/* Notes of one segment: name and descriptor are padded to the alignment, four bytes here. */
static void read_notes(const reader *r, const Elf64_Phdr *ph, qc_elf *e)
{
    const uint8_t *seg = at(r, ph->p_offset, ph->p_filesz);
    uint64_t left = ph->p_filesz, align = ph->p_align == 8 ? 8 : 4;
    while (seg && left >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr h;
        memcpy(&h, seg, sizeof h);
        uint64_t name = ((uint64_t)h.n_namesz + align - 1) & ~(align - 1);
        uint64_t desc = ((uint64_t)h.n_descsz + align - 1) & ~(align - 1);
        if (name > left - sizeof h || h.n_descsz > left - sizeof h - name)
            return;
        const uint8_t *text = seg + sizeof h;
        if (h.n_namesz == sizeof QN_NOTE_NAME && memcmp(text, QN_NOTE_NAME, h.n_namesz) == 0 &&
            h.n_type == QN_NOTE_TYPE) {
            e->notes++;
            e->manifest = qc_span_of(text + name, h.n_descsz);
        }
        uint64_t step = sizeof h + name + desc;
        if (step > left)
            return;
        seg += step;
        left -= step;
    }
}

static void read_segments(reader *r, qc_elf *e)
{
    bool stack_said = false;
    for (unsigned i = 0; i < r->n_ph; i++) {
        const Elf64_Phdr *ph = &r->ph[i];
        if (ph->p_type == PT_NOTE)
            read_notes(r, ph, e);
        if (ph->p_type == PT_LOAD && (ph->p_flags & PF_W) && (ph->p_flags & PF_X))
            e->writable_code = true;
        if (ph->p_type == PT_GNU_RELRO)
            e->relro = true;
        if (ph->p_type == PT_GNU_STACK) {
            stack_said = true;
            e->exec_stack = (ph->p_flags & PF_X) != 0;
        }
    }
    if (!stack_said)
        e->exec_stack = true;
}

static void read_dyn_entry(reader *r, const Elf64_Dyn *d, qc_elf *e)
{
    uint64_t v = d->d_un.d_val;
    switch (d->d_tag) {
    case DT_SYMTAB:
        r->d.symtab = v;
        break;
    case DT_STRTAB:
        r->d.strtab = v;
        break;
    case DT_STRSZ:
        r->d.strsz = v;
        break;
    case DT_SYMENT:
        r->d.syment = v;
        break;
    case DT_HASH:
        r->d.hash = v;
        break;
    case DT_GNU_HASH:
        r->d.gnu_hash = v;
        break;
    case DT_NEEDED:
        if (r->d.n_needed < QC_COUNTOF(r->d.name))
            r->d.name[r->d.n_needed++] = v;
        break;
    case DT_RPATH:
    case DT_RUNPATH:
        r->d.runpath = v;
        r->d.has_runpath = true;
        break;
    case DT_TEXTREL:
        e->text_relocs = true;
        break;
    case DT_BIND_NOW:
        e->bind_now = true;
        break;
    case DT_FLAGS:
        e->text_relocs |= (v & DF_TEXTREL) != 0;
        e->bind_now |= (v & DF_BIND_NOW) != 0;
        break;
    case DT_FLAGS_1:
        e->bind_now |= (v & DF_1_NOW) != 0;
        break;
    default: /* other entries say nothing about what we judge */
        break;
    }
}

static void read_dynamic(reader *r, qc_elf *e)
{
    for (unsigned i = 0; i < r->n_ph; i++) {
        const Elf64_Phdr *ph = &r->ph[i];
        const uint8_t *p = ph->p_type == PT_DYNAMIC ? at(r, ph->p_offset, ph->p_filesz) : NULL;
        if (!p)
            continue;
        uint64_t n = ph->p_filesz / sizeof(Elf64_Dyn);
        for (uint64_t k = 0; k < n && k < MAX_DYN; k++) {
            Elf64_Dyn d;
            memcpy(&d, p + k * sizeof d, sizeof d);
            if (d.d_tag == DT_NULL)
                break;
            read_dyn_entry(r, &d, e);
        }
    }
    for (unsigned i = 0; i < r->d.n_needed; i++)
        add_name(&e->needed, string_at(r, r->d.name[i]));
    if (r->d.has_runpath) {
        const char *s = string_at(r, r->d.runpath);
        e->runpath = s ? s : "(unreadable)";
    }
}

/* How many symbols there are is said only by the hash tables. GNU's: the last bucket's chain ends
 * with a set low bit. */
static uint64_t gnu_symbols(const reader *r)
{
    uint64_t left;
    uint32_t h[4], last = 0;
    const uint8_t *p = mapped(r, r->d.gnu_hash, &left);
    if (!p || left < sizeof h)
        return 0;
    memcpy(h, p, sizeof h);
    uint64_t buckets = sizeof h + (uint64_t)h[2] * 8, chains = buckets + (uint64_t)h[0] * 4;
    if (chains > left)
        return 0;
    for (uint32_t i = 0; i < h[0]; i++) {
        uint32_t b;
        memcpy(&b, p + buckets + (uint64_t)i * 4, 4);
        last = b > last ? b : last;
    }
    if (last < h[1])
        return h[1];
    for (uint64_t i = last;; i++) {
        uint32_t c;
        uint64_t off = chains + (i - h[1]) * 4;
        if (off + 4 > left)
            return 0;
        memcpy(&c, p + off, 4);
        if (c & 1)
            return i + 1;
    }
}

static uint64_t symbol_count(const reader *r)
{
    uint64_t left, n = 0;
    const uint8_t *p = r->d.hash ? mapped(r, r->d.hash, &left) : NULL;
    if (p && left >= 8) {
        uint32_t chains;
        memcpy(&chains, p + 4, 4);
        n = chains;
    }
    uint64_t g = r->d.gnu_hash ? gnu_symbols(r) : 0;
    return n > g ? n : g;
}

static void read_symbols(const reader *r, qc_elf *e)
{
    uint64_t left, n = symbol_count(r);
    const uint8_t *tab = mapped(r, r->d.symtab, &left);
    for (uint64_t i = 1; tab && i < n && (i + 1) * sizeof(Elf64_Sym) <= left; i++) {
        Elf64_Sym s;
        memcpy(&s, tab + i * sizeof s, sizeof s);
        unsigned bind = ELF64_ST_BIND(s.st_info), vis = ELF64_ST_VISIBILITY(s.st_other);
        if (bind == STB_LOCAL)
            continue;
        if (s.st_shndx == SHN_UNDEF)
            add_name(&e->imports, string_at(r, s.st_name));
        else if (vis == STV_DEFAULT || vis == STV_PROTECTED)
            add_name(&e->exports, string_at(r, s.st_name));
    }
}

bool qc_elf_read(qc_span file, qc_elf *out, qc_problems *p)
{
    reader r = {.f = file};
    *out = (qc_elf){0};
    if (!read_head(&r, out, p))
        return false;
    read_segments(&r, out);
    read_dynamic(&r, out);
    read_symbols(&r, out);
    if (out->notes != 1)
        qc_problem(p, "elf", "manifest: found %u notes named %s, wanted exactly one", out->notes,
                   QN_NOTE_NAME);
    else if (out->manifest.len < 2 || out->manifest.len > QN_MANIFEST_MAX)
        qc_problem(p, "elf", "manifest: found %zu bytes, wanted 2 to %d", out->manifest.len,
                   QN_MANIFEST_MAX);
    return p->n == 0;
}

void qc_elf_clear(qc_elf *e)
{
    qc_free(e->exports.name);
    qc_free(e->imports.name);
    qc_free(e->needed.name);
    *e = (qc_elf){0};
}

bool qc_elf_lint(const qc_elf *e, qc_problems *p)
{
    size_t before = p->n;
    bool entry = false;
    for (size_t i = 0; i < e->exports.n; i++) {
        if (strcmp(e->exports.name[i], "qn_plugin_entry") == 0)
            entry = true;
        else
            qc_problem(p, "lint", "exports: found symbol %s, wanted only qn_plugin_entry",
                       qc_printable(e->exports.name[i]));
    }
    if (!entry)
        qc_problem(p, "lint", "exports: found no qn_plugin_entry, wanted it");
    if (e->writable_code)
        qc_problem(p, "lint", "segments: found one that is writable and executable, wanted none");
    if (e->exec_stack)
        qc_problem(p, "lint", "stack: found an executable one, wanted -z noexecstack");
    if (e->text_relocs)
        qc_problem(p, "lint", "relocations: found some in code, wanted none (build with -fPIC)");
    if (e->runpath)
        qc_problem(p, "lint", "library path: found RPATH or RUNPATH %s, wanted none",
                   qc_printable(e->runpath));
    return p->n == before;
}

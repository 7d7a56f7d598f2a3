/* Lines of a Stratum client: cut from the stream, parsed, and given to a session that has a job.
 * The first byte says how the stream is cut. */
#include "plugins/stratum/line.h"
#include "plugins/stratum/session.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static int solve(void *arg, const st_share *s, const uint8_t *cb, size_t len, const char *worker)
{
    (void)arg;
    (void)s;
    (void)cb;
    (void)worker;
    return len > 0;
}

static void displace(void *arg, const uint8_t en1[ST_EN1_LEN], const st_session *by)
{
    (void)arg;
    (void)en1;
    (void)by;
}

static void record(void *arg, const st_record *r)
{
    (void)arg;
    if (strlen(r->worker) > ST_NAME_MAX)
        abort();
}

static bool on_line(void *arg, char *line, size_t len)
{
    st_session *s = arg;
    bool ok = st_session_line(s, line, len);
    /* What goes out is whole lines. */
    if (s->out.len && s->out.data[s->out.len - 1] != '\n')
        abort();
    if (s->out.len > (1u << 20))
        s->out.len = 0;
    return ok;
}

static void set_up(st_pool *p)
{
    p->chain = qn_chain_by_name("regtest");
    p->recipe.solo = 1;
    p->recipe.n_payout = 1;
    p->recipe.payout[0] = (st_payout){{0x51}, 1, 0};
    p->start_difficulty = p->min_difficulty = 1e-9;
    p->per_minute = 18;
    p->mask = 0x1fffe000;
    p->en1_limit = 1000;
    p->time = 1700000000;
    p->hooks = (st_hooks){NULL, solve, displace, record, NULL, NULL, NULL, NULL};
    qn_template_view v = {.size = sizeof v,
                          .id = 1,
                          .height = 500,
                          .bits = 0x207fffff,
                          .reward = 5000000000,
                          .coinbase_prefix_len = 3,
                          .n_path = 1};
    memset(v.target.b, 0xff, 31);
    (void)st_job_add(&p->jobs, &v, &p->recipe, 0);
}

int qc_fuzz_one(const uint8_t *data, size_t len)
{
    static st_pool p;
    st_line l = {.data = NULL};
    st_session s;
    if (!len)
        return 0;
    size_t step = data[0] ? data[0] : len;
    memset(&p, 0, sizeof p);
    set_up(&p);
    st_session_init(&s, &p);
    bool ok = true;
    for (size_t at = 1; ok && at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *part = malloc(n);
        if (!part)
            break;
        memcpy(part, data + at, n);
        ok = st_line_feed(&l, part, n, on_line, &s);
        free(part);
        p.now_ms += 1000;
        st_session_tick(&s);
    }
    st_line_clear(&l);
    st_session_clear(&s);
    st_pool_clear(&p);
    return 0;
}

/* Soon when it is far off, slowly when it is near: a step costs the miner what it has under way. */
#include "plugins/stratum/vardiff.h"

#define MUCH 8         /* times too fast: at once */
#define FEW 8          /* shares that say so */
#define MANY 72        /* shares that settle it */
#define LONG_MS 240000 /* as does such a time, */
#define LONG_SHARES 36 /* or that in which so many should come: chance alone moves nothing */
#define SILENCE_MS 60000
#define SILENCE_SHARES 6
#define LOW 0.5 /* within these it is left alone */
#define HIGH 1.5

void st_vardiff_reset(st_vardiff *v, uint64_t now_ms)
{
    *v = (st_vardiff){.since_ms = now_ms};
}

static double clamp(double f, double lo, double hi)
{
    return f < lo ? lo : f > hi ? hi : f;
}

static double ratio(const st_vardiff *v, uint64_t now_ms, uint32_t per_minute)
{
    /* A burst in less than a second says little. */
    uint64_t ms = now_ms - v->since_ms > 1000 ? now_ms - v->since_ms : 1000;
    return (double)v->shares * 60000 / ((double)ms * per_minute);
}

static double settle(st_vardiff *v, uint64_t now_ms, double f)
{
    st_vardiff_reset(v, now_ms);
    return f >= LOW && f <= HIGH ? 1 : clamp(f, 0.25, 4);
}

/* At least `least`, and so long that so many shares should have come. */
static uint64_t span(uint64_t least, uint64_t shares, uint32_t per_minute)
{
    uint64_t ms = shares * 60000 / per_minute;
    return ms > least ? ms : least;
}

double st_vardiff_share(st_vardiff *v, double shares, uint64_t now_ms, uint32_t per_minute)
{
    v->shares += shares;
    double f = ratio(v, now_ms, per_minute);
    if (v->shares >= FEW && f > MUCH) {
        st_vardiff_reset(v, now_ms);
        return clamp(f, 1, 1024);
    }
    bool enough = v->shares >= MANY ||
                  (v->shares > 1 && now_ms - v->since_ms >= span(LONG_MS, LONG_SHARES, per_minute));
    return enough ? settle(v, now_ms, f) : 1;
}

double st_vardiff_idle(st_vardiff *v, uint64_t now_ms, uint32_t per_minute)
{
    uint64_t ms = now_ms - v->since_ms;
    if (v->shares <= 0 && ms >= span(SILENCE_MS, SILENCE_SHARES, per_minute)) {
        st_vardiff_reset(v, now_ms);
        return 0.5;
    }
    if (v->shares > 0 && ms >= span(LONG_MS, LONG_SHARES, per_minute) &&
        ratio(v, now_ms, per_minute) < LOW)
        return settle(v, now_ms, ratio(v, now_ms, per_minute));
    return 1;
}

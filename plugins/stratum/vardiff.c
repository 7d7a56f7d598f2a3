/* Soon when it is far off, slowly when it is near: a step costs the miner what it has under way. */
#include "plugins/stratum/vardiff.h"

#define MUCH 8         /* times too fast: at once */
#define FEW 8u         /* shares that say so */
#define MANY 72u       /* shares that settle it */
#define LONG_MS 240000 /* as does such a time */
#define SILENCE_MS 60000
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

double st_vardiff_share(st_vardiff *v, uint64_t now_ms, uint32_t per_minute)
{
    v->shares++;
    double f = ratio(v, now_ms, per_minute);
    if (v->shares >= FEW && f > MUCH) {
        st_vardiff_reset(v, now_ms);
        return clamp(f, 1, 1024);
    }
    bool enough = v->shares >= MANY || (v->shares > 1 && now_ms - v->since_ms >= LONG_MS);
    return enough ? settle(v, now_ms, f) : 1;
}

double st_vardiff_idle(st_vardiff *v, uint64_t now_ms, uint32_t per_minute)
{
    uint64_t ms = now_ms - v->since_ms;
    /* So long that two shares should have come, even where few are wanted. */
    uint64_t silence = SILENCE_MS > 120000 / per_minute ? SILENCE_MS : 120000 / per_minute;
    if (!v->shares && ms >= silence) {
        st_vardiff_reset(v, now_ms);
        return 0.5;
    }
    if (v->shares && ms >= LONG_MS && ratio(v, now_ms, per_minute) < LOW)
        return settle(v, now_ms, ratio(v, now_ms, per_minute));
    return 1;
}

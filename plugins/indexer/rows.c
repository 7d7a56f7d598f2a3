#include "plugins/indexer/indexer.h"

void ix_put_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

uint32_t ix_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void ix_row(uint8_t kind, const uint8_t *prefix, uint32_t txnum, uint8_t out[static IX_ROW_LEN])
{
    out[0] = kind;
    memcpy(out + 1, prefix, IX_PREFIX);
    ix_put_be32(out + 1 + IX_PREFIX, txnum);
}

void ix_block_row(uint32_t height, uint8_t out[static IX_BLOCK_ROW_LEN])
{
    out[0] = 'B';
    ix_put_be32(out + 1, height);
}

uint32_t ix_row_txnum(const uint8_t *key)
{
    return ix_be32(key + 1 + IX_PREFIX);
}

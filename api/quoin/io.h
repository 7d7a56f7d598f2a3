/* quoin/io.h: descriptors that are handed over, and watching them on the
 * plugin's loop.
 *
 * Made by api/generate.py from api/interfaces/io.toml: change that, then run it. */
#ifndef QUOIN_IO_H
#define QUOIN_IO_H
#include "quoin/types.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a descriptor can be ready for. An error or the end of the other side
 *  counts as both. */
#define QN_IO_READ 1u  /* bytes, a connection or the end can be read */
#define QN_IO_WRITE 2u /* bytes can be written */

/** A watched descriptor is ready for some of events (QN_IO_*). On the plugin's
 *  loop, again and again for as long as it stays ready. */
typedef void qn_io_fn(void *arg, int32_t fd, uint32_t events);

#ifdef __cplusplus
}
#endif
#endif

/* core/base/hostport.h: "host:port" as people write it. Thread: any. */
#pragma once
#include "core/base/err.h"

/** Split "host[:port]" as Core does: a colon counts as a port separator only behind a bracketed or
 *  colon-free host. Returns: QC_OK; QC_EINVAL (port not 1..65535, or host too long). *port is left
 *  alone when there is none. */
QC_MUST_CHECK qc_err qc_split_host_port(const char *in, char *host, size_t cap, uint16_t *port);
/** The same, and port 0 is one: peers on I2P have no other. */
QC_MUST_CHECK qc_err qc_split_host_port0(const char *in, char *host, size_t cap, uint16_t *port);

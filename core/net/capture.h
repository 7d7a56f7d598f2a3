/* core/net/capture.h: all messages of a peer into two files, for people who look for faults
 * (-capturemessages; Core's format: time in microseconds, name padded to 12 bytes, length,
 * payload). Writes block the caller. Thread: net. */
#pragma once
#include "core/base/bytes.h"

/** Append to <dir>/<addr with _ for :>/msgs_recv.dat or msgs_sent.dat. What cannot be written is
 *  lost; that is logged. */
void qc_capture(const char *dir, const char *addr, const char *name, qc_span payload,
                bool received);

/* core/script/num.h: script numbers: little-endian, sign in the top bit (Core CScriptNum). */
#pragma once
#include "core/script/vm.h"

/** Returns QC_SE_OK; QC_SE_SCRIPTNUM: longer than `max` (<= 5) bytes, or MINIMALDATA is on and the
 *  encoding is not the shortest. */
QC_MUST_CHECK qc_script_err qc_num_read(const qc_vm *v, const qc_item *it, size_t max,
                                        int64_t *out);
void qc_push_num(qc_vm *v, int64_t n);
/** Encode; returns the length, <= 9. */
size_t qc_num_write(int64_t n, uint8_t out[static 9]);

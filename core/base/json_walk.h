/* core/base/json_walk.h: places in JSON text that a parser has found to be valid. */
#pragma once
#include "core/base/bytes.h"

/** Position of the first byte from i on that is no white space. */
size_t qc_json_skip_space(qc_span t, size_t i);
/** Position behind the string whose opening quote is at i. */
size_t qc_json_skip_string(qc_span t, size_t i);
/** Position behind the value that begins at i. */
size_t qc_json_skip_value(qc_span t, size_t i);

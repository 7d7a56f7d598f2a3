/* runner/load.h: from the node's HELLO to a loaded plugin. */
#pragma once
#include "runner/rt.h"

/** Read HELLO, take all rights away, load store and plugin, and say READY. Does not return when
 *  something is wrong: says PROBLEM and ends. Thread: the only one. */
void qc_rt_hello(qc_rt *rt);
/** Say why the plugin is not loaded: the step of the load sequence, and what was found. */
void qc_rt_problem(qc_rt *rt, const char *step, const char *line);

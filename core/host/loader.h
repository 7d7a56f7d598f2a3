/* core/host/loader.h: steps 10 and 11 in trusted mode: the image becomes code. Thread: the
 * plugin's. */
#pragma once
#include "core/host/image.h"
#include "quoin/plugin.h"

/** Load the sealed image and check its entry against its manifest. It is never unloaded: a thread
 *  or destructor that it left behind would run into nothing.
 *  Out: *library for the record; *entry lives for ever. Returns false when problems were added
 *  (steps "load", "entry"). */
bool qc_loader_open(const qc_image *m, void **library, const qn_plugin_1 **entry, qc_problems *p);

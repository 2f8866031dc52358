#ifndef MIEN_NETWORK_H
#define MIEN_NETWORK_H

#include <stdint.h>

/* Runs the network on MIEN_FACE_SIZE x MIEN_FACE_SIZE pixels. Returns its output codes, valid until the next call. */
const int8_t *mien_run_network(const uint8_t *pixels);

#endif

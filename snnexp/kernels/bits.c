/* Spikes as bits: n values that are 0 or one common number, eight to a byte. No Python or PyTorch interface. */
#include "loops.h"

/* The bit patterns of float32 and bfloat16; +0 and -0 both count as no spike. */
#define PACK(NAME, TYPE, SIGNLESS)                                                                        \
    EVERY_PROCESSOR static int64_t NAME(const TYPE *x, uint8_t *bits, int64_t first, int64_t last, int64_t n, TYPE value) { \
        int64_t odd = 0;                                                                                  \
        for (int64_t b = first; b < last; b++) {                                                          \
            const int64_t start = 8 * b, count = n - start < 8 ? n - start : 8;                           \
            uint8_t byte = 0;                                                                             \
            for (int64_t i = 0; i < count; i++) {                                                         \
                const TYPE pattern = x[start + i];                                                        \
                const int spike = (pattern & SIGNLESS) != 0;                                              \
                odd += spike & (pattern != value);                                                        \
                byte |= (uint8_t)(spike << i);                                                            \
            }                                                                                             \
            bits[b] = byte;                                                                               \
        }                                                                                                 \
        return odd;                                                                                       \
    }

#define UNPACK(NAME, TYPE)                                                                                \
    EVERY_PROCESSOR static void NAME(TYPE *x, const uint8_t *bits, int64_t first, int64_t last, int64_t n, TYPE value) { \
        for (int64_t b = first; b < last; b++) {                                                          \
            const int64_t start = 8 * b, count = n - start < 8 ? n - start : 8;                           \
            for (int64_t i = 0; i < count; i++)                                                           \
                x[start + i] = (bits[b] >> i) & 1 ? value : 0;                                            \
        }                                                                                                 \
    }

PACK(pack_single, uint32_t, 0x7fffffffu)
PACK(pack_half, uint16_t, 0x7fffu)
UNPACK(unpack_single, uint32_t)
UNPACK(unpack_half, uint16_t)

#define CHUNK 4096

/* Writes (n + 7) / 8 bytes; `value` is the bit pattern a spike has. Returns how many non-zero values have another one. */
int64_t bits_pack(const void *x, uint8_t *bits, int64_t n, uint32_t value, int32_t half, int32_t threads) {
    const int64_t bytes = (n + 7) / 8, chunks = (bytes + CHUNK - 1) / CHUNK;
    int64_t odd = 0;
    (void)threads;
#pragma omp parallel for num_threads(threads) reduction(+ : odd) schedule(static)
    for (int64_t c = 0; c < chunks; c++) {
        const int64_t first = c * CHUNK, last = first + CHUNK < bytes ? first + CHUNK : bytes;
        odd += half ? pack_half(x, bits, first, last, n, (uint16_t)value) : pack_single(x, bits, first, last, n, value);
    }
    return odd;
}

/* The inverse. */
void bits_unpack(void *x, const uint8_t *bits, int64_t n, uint32_t value, int32_t half, int32_t threads) {
    const int64_t bytes = (n + 7) / 8, chunks = (bytes + CHUNK - 1) / CHUNK;
    (void)threads;
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t c = 0; c < chunks; c++) {
        const int64_t first = c * CHUNK, last = first + CHUNK < bytes ? first + CHUNK : bytes;
        if (half)
            unpack_half(x, bits, first, last, n, (uint16_t)value);
        else
            unpack_single(x, bits, first, last, n, value);
    }
}

/* The bit pattern of the first value that is not zero; 0 if there is none. */
uint32_t bits_value(const void *x, int64_t n, int32_t half) {
    for (int64_t i = 0; i < n; i++) {
        const uint32_t pattern = half ? ((const uint16_t *)x)[i] : ((const uint32_t *)x)[i];
        if (pattern & (half ? 0x7fffu : 0x7fffffffu))
            return pattern;
    }
    return 0;
}

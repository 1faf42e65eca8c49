/* What the kernels share: loops that vectorise on every processor, and rows of float32 that memory may hold as bfloat16. */
#ifndef SNNEXP_LOOPS_H
#define SNNEXP_LOOPS_H
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__)
#define EVERY_PROCESSOR __attribute__((target_clones("default", "avx2", "avx512f")))
#else
#define EVERY_PROCESSOR
#endif
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

INLINE float widened(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE uint16_t halved(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return value != value ? 0x7fc0 : (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

INLINE const float *load(const void *base, int64_t offset, int64_t n, int half, float *row) {
    if (!half) return (const float *)base + offset;
    const uint16_t *from = (const uint16_t *)base + offset;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) row[i] = widened(from[i]);
    return row;
}

INLINE void store(void *base, int64_t offset, int64_t n, int half, const float *row, float factor) {
    float *wide = (float *)base + offset;
    uint16_t *narrow = (uint16_t *)base + offset;
    if (half) {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) narrow[i] = halved(factor * row[i]);
    } else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) wide[i] = factor * row[i];
    }
}
#endif

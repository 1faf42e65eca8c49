/* A clipped staircase of real values, one pass each way. No Python or PyTorch interface; equations in staircase.py. */
#include "loops.h"
#include <math.h>

typedef struct {
    const void *z, *y_grad;
    void *out;     /* y, or the gradient of z */
    double *sums;  /* of the gradient of the clip, one per chunk */
    int64_t size;
    float clip, levels, shift;
    int32_t half, threads;
} Staircase;

#define CHUNK 4096

INLINE float bounded(float u, float levels) {
    return u < 0.0f ? 0.0f : u > levels ? levels : u; /* NaN stays */
}

EVERY_PROCESSOR static void climb(const Staircase *s, int64_t first, int64_t n) {
    float row[CHUNK], steps[CHUNK];
    const float *z = load(s->z, first, n, s->half, row);
    const float clip = s->clip, levels = s->levels, shift = s->shift;
#pragma omp simd
    for (int64_t i = 0; i < n; i++)
        steps[i] = clip * floorf(bounded(z[i] * levels / clip, levels) + shift) / levels;
    store(s->out, first, n, s->half, steps, 1.0f);
}

EVERY_PROCESSOR static double descend(const Staircase *s, int64_t first, int64_t n) {
    float row[CHUNK], grads[CHUNK], passed[CHUNK], own[CHUNK];
    const float *z = load(s->z, first, n, s->half, row), *g = load(s->y_grad, first, n, s->half, grads);
    const float clip = s->clip, levels = s->levels, shift = s->shift;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        const float u = z[i] * levels / clip;
        const float open = u > 0.0f && u < levels ? 1.0f : 0.0f;
        passed[i] = g[i] * open;
        own[i] = g[i] * ((floorf(bounded(u, levels) + shift) - open * u) / levels);
    }
    store(s->out, first, n, s->half, passed, 1.0f);
    double parts[8] = {0.0}, sum = 0.0;
    for (int64_t i = n & ~7; i < n; i++) sum += own[i];
    for (int64_t i = 0; i + 8 <= n; i += 8)
        for (int64_t k = 0; k < 8; k++) parts[k] += own[i + k];
    for (int64_t k = 0; k < 8; k++) sum += parts[k];
    return sum;
}

void staircase_forward(const Staircase *s) {
    const int64_t chunks = (s->size + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t c = 0; c < chunks; c++)
        climb(s, c * CHUNK, s->size - c * CHUNK < CHUNK ? s->size - c * CHUNK : CHUNK);
}

/* Writes (size + 4095) / 4096 sums: the order in which they are added does not depend on the number of threads. */
void staircase_backward(const Staircase *s) {
    const int64_t chunks = (s->size + CHUNK - 1) / CHUNK;
#pragma omp parallel for num_threads(s->threads) schedule(static)
    for (int64_t c = 0; c < chunks; c++)
        s->sums[c] = descend(s, c * CHUNK, s->size - c * CHUNK < CHUNK ? s->size - c * CHUNK : CHUNK);
}

/* The time loop of an integrate-and-fire neuron; equations in parameters.py. Plain C, called through ctypes with raw pointers.
 *
 * Tensors are [steps][size] with rows one after another; an input that does not change with time has one row only (stride 0).
 * Work goes by blocks of columns, so that a block's rows of scratch stay in the first- and second-level cache.
 * Must be compiled without contraction of a * b + c: spikes have to equal those of the per-step cell to the last bit. */
#include <math.h>
#include <stdlib.h>

#include "loops.h"

enum { WIDEST = 4096, NARROWEST = 64, SCRATCH = 64 * 1024 /* floats of a block's potentials: 256 KiB */ };
enum { RECTANGLE, TRIANGLE, SIGMOID, ARCTAN, GAUSSIAN, EXPONENTIAL, FAST_SIGMOID, FIRED };

typedef struct {
    float leak, gain, threshold, amplitude, scale, width;
    int32_t soft, detach_reset, straight_through, scaled_amplitude, shape;
} Neuron;

typedef struct {
    const void *x;
    const float *v;
    void *y;
    float *v_last, *counts; /* counts, to which spikes are added per neuron: null: not wanted */
    const void *y_grad;
    const float *v_last_grad; /* null: zero */
    void *x_grad;
    float *v_grad; /* null: not wanted */
    double *sums; /* per block gradients of leak, gain, threshold; null: not wanted */
    int64_t steps, size, stride, width;
    int32_t half, threads; /* half: x, y and their gradients are bfloat16 */
} Call;

typedef struct {
    _Alignas(64) float in[WIDEST], gradient[WIDEST], slope[WIDEST], charge[WIDEST], carry[2][WIDEST], total[WIDEST], v[WIDEST];
} Rows;

/* ---- forward */
INLINE void fire(const Neuron *p, const float *x, const float *v, float *y, float *next, int64_t n) {
    const float leak = p->leak, gain = p->gain, threshold = p->threshold, amplitude = p->amplitude, keep = p->soft ? 1 : 0;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float u = leak * v[i] + gain * x[i], over = u - threshold;
        y[i] = over >= 0 ? amplitude : 0;
        next[i] = over >= 0 ? keep * over : u;
    }
}

INLINE void count(const float *y, float *counts, int64_t n) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) counts[i] += y[i] != 0 ? 1 : 0;
}

EVERY_PROCESSOR static void forward_block(const Neuron *p, const Call *c, int64_t first, int64_t n) {
    Rows rows;
    for (int64_t t = 0; t < c->steps; t++) {
        const float *x = load(c->x, t * c->stride + first, n, c->half, rows.in);
        const float *v = (t ? c->v_last : c->v) + first;
        float *y = c->half ? rows.gradient : (float *)c->y + t * c->size + first;
        fire(p, x, v, y, c->v_last + first, n);
        if (c->half) store(c->y, t * c->size + first, n, 1, y, 1);
        if (c->counts) count(y, c->counts + first, n);
    }
}

/* ---- derivative of the spike */
INLINE float decay(float x) { /* exp(x) for x <= 0 to 2e-7 relative, by 2^n * polynomial, so that it vectorises everywhere */
    const float shift = 12582912.0f; /* 1.5 * 2^23: adding it rounds to the nearest integer */
    x = x < -87.0f ? -87.0f : x;
    float n = (x * 1.44269504f + shift) - shift, r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float e = 1.0f + r * (1.0f + r * (0.5f + r * (1.66666667e-1f + r * (4.16666667e-2f + r * (8.33333333e-3f + r * 1.38888889e-3f)))));
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, 4);
    return e * power;
}

#define SQUARE(A) ((A) * (A))
INLINE float slope(const Neuron *p, float over, const int shape) {
    const float q = over * (1 / p->width);
    switch (shape) {
    case RECTANGLE: return fabsf(over / p->width) < 0.5f; /* divided as in the cell: the edge must not move by a rounding */
    case TRIANGLE: return fabsf(q) < 1 ? 1 - fabsf(q) : 0.0f;
    case SIGMOID: return 4 * decay(-fabsf(q)) / SQUARE(1 + decay(-fabsf(q)));
    case ARCTAN: return 1 / (1 + SQUARE(1.57079633f * q));
    case GAUSSIAN: return decay(-0.5f * SQUARE(q));
    case EXPONENTIAL: return decay(-fabsf(q));
    case FIRED: return over >= 0;
    default: return 1 / SQUARE(1 + fabsf(q));
    }
}

/* ---- backward */
typedef struct {
    const float *u, *y_grad, *v_grad;
    float *spike, *charge, *before; /* gradients of u - threshold (null: not wanted), of u, and of the potential one step before */
    float factor;                   /* of the charge */
} Step;

INLINE void unfire(const Neuron *p, Step s, int64_t n, const int soft, const int detach, const int shape, const int learned) {
    const Neuron k = *p;
    const float kept = k.straight_through ? 1 : k.leak;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        float over = s.u[i] - k.threshold, spike = k.amplitude * s.y_grad[i];
        if (!detach) spike -= s.v_grad[i] * (soft ? k.threshold : s.u[i]);
        spike *= k.scale * slope(&k, over, shape);
        if (learned) s.spike[i] = spike;
        spike += soft || over < 0 ? s.v_grad[i] : 0;
        s.charge[i] = s.factor * spike;
        s.before[i] = kept * spike;
    }
}

INLINE void unfire_reset(const Neuron *p, Step s, int64_t n, const int shape, const int learned) {
    if (p->soft && p->detach_reset) unfire(p, s, n, 1, 1, shape, learned);
    else if (p->soft) unfire(p, s, n, 1, 0, shape, learned);
    else if (p->detach_reset) unfire(p, s, n, 0, 1, shape, learned);
    else unfire(p, s, n, 0, 0, shape, learned);
}

INLINE void unfire_shape(const Neuron *p, Step s, int64_t n, const int shape) {
    if (s.spike) unfire_reset(p, s, n, shape, 1);
    else unfire_reset(p, s, n, shape, 0);
}

/* One loop without branches for each kind of neuron. */
INLINE void unfire_step(const Neuron *p, Step s, int64_t n) {
    switch (p->shape) {
    case RECTANGLE: unfire_shape(p, s, n, RECTANGLE); break;
    case TRIANGLE: unfire_shape(p, s, n, TRIANGLE); break;
    case SIGMOID: unfire_shape(p, s, n, SIGMOID); break;
    case ARCTAN: unfire_shape(p, s, n, ARCTAN); break;
    case GAUSSIAN: unfire_shape(p, s, n, GAUSSIAN); break;
    case EXPONENTIAL: unfire_shape(p, s, n, EXPONENTIAL); break;
    case FIRED: unfire_shape(p, s, n, FIRED); break;
    default: unfire_shape(p, s, n, FAST_SIGMOID);
    }
}

INLINE void learn(const Neuron *p, const float *x, const float *u, const float *before, int reset, const float *y_grad, const float *v_grad,
                  const float *spike, const float *charge, int64_t n, double *sums) {
    const float threshold = p->threshold, keep = p->soft ? 1 : 0, emitted = p->scaled_amplitude ? 1 : 0;
    float leak = 0, gain = 0, level = 0;
#pragma omp simd reduction(+ : leak, gain, level)
    for (int64_t i = 0; i < n; i++) {
        float over = before[i] - threshold, v = reset && over >= 0 ? keep * over : before[i];
        leak += charge[i] * v;
        gain += charge[i] * x[i];
        level += (u[i] - threshold >= 0 ? emitted * y_grad[i] - keep * v_grad[i] : 0) - spike[i];
    }
    sums[0] += leak, sums[1] += gain, sums[2] += level;
}

INLINE void recompute(const Neuron *p, const Call *c, int64_t first, int64_t n, float *potentials, Rows *rows) {
    const float leak = p->leak, gain = p->gain, threshold = p->threshold, keep = p->soft ? 1 : 0;
    float *v = rows->v;
    memcpy(v, c->v + first, n * sizeof(float));
    for (int64_t t = 0; t < c->steps; t++) {
        const float *x = load(c->x, t * c->stride + first, n, c->half, rows->in);
        float *potential = potentials + t * c->width;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            float u = leak * v[i] + gain * x[i], over = u - threshold;
            potential[i] = u;
            v[i] = over >= 0 ? keep * over : u;
        }
    }
}

INLINE void deliver(const Neuron *p, const Call *c, int64_t t, int64_t first, int64_t n, Rows *rows) {
    if (c->stride) store(c->x_grad, t * c->stride + first, n, c->half, rows->charge, p->gain);
    else {
#pragma omp simd
        for (int64_t i = 0; i < n; i++) rows->total[i] += rows->charge[i];
        if (t == 0) store(c->x_grad, first, n, c->half, rows->total, p->gain);
    }
}

EVERY_PROCESSOR static void backward_block(const Neuron *p, const Call *c, int64_t first, int64_t n, float *potentials, double *sums) {
    Rows rows;
    const int direct = !c->half && c->stride && !sums; /* gradients go where they belong in one pass */
    memset(rows.total, 0, n * sizeof(float));
    if (c->v_last_grad) memcpy(rows.carry[c->steps & 1], c->v_last_grad + first, n * sizeof(float));
    else memset(rows.carry[c->steps & 1], 0, n * sizeof(float));
    recompute(p, c, first, n, potentials, &rows);
    for (int64_t t = c->steps - 1; t >= 0; t--) {
        const float *u = potentials + t * c->width, *y_grad = load(c->y_grad, t * c->size + first, n, c->half, rows.gradient);
        float *now = rows.carry[(t + 1) & 1], *before = t || !c->v_grad ? rows.carry[t & 1] : c->v_grad + first;
        float *charge = direct ? (float *)c->x_grad + t * c->stride + first : rows.charge;
        unfire_step(p, (Step){u, y_grad, now, sums ? rows.slope : NULL, charge, before, direct ? p->gain : 1}, n);
        if (sums) {
            const float *x = load(c->x, t * c->stride + first, n, c->half, rows.in);
            learn(p, x, u, t ? u - c->width : c->v + first, t > 0, y_grad, now, rows.slope, rows.charge, n, sums);
        }
        if (!direct) deliver(p, c, t, first, n, &rows);
    }
}

/* ---- entries */
int32_t scan_interface(void) { return 6; } /* to be raised with any change to the structs or their meaning; compiled.py compares */

int64_t scan_block(int64_t steps) {
    int64_t fitting = SCRATCH / (steps < 1 ? 1 : steps) / NARROWEST * NARROWEST;
    return fitting < NARROWEST ? NARROWEST : fitting > WIDEST ? WIDEST : fitting;
}

void scan_forward(const Neuron *p, const Call *c) {
    int64_t blocks = (c->size + WIDEST - 1) / WIDEST;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (c->threads > 1 && blocks > 1)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t first = b * WIDEST, rest = c->size - first;
        forward_block(p, c, first, rest < WIDEST ? rest : WIDEST);
    }
}

int scan_backward(const Neuron *p, const Call *c) {
    int64_t blocks = (c->size + c->width - 1) / c->width;
    int failed = 0;
#pragma omp parallel num_threads(c->threads) if (c->threads > 1 && blocks > 1)
    {
        float *potentials = aligned_alloc(64, (size_t)(c->steps * c->width) * sizeof(float));
        if (!potentials) failed = 1;
#pragma omp for schedule(static)
        for (int64_t b = 0; b < blocks; b++) {
            int64_t first = b * c->width, rest = c->size - first;
            if (potentials) backward_block(p, c, first, rest < c->width ? rest : c->width, potentials, c->sums ? c->sums + 3 * b : NULL);
        }
        free(potentials);
    }
    return failed;
}

/* setuptools expects a module; nobody imports it. */
void *PyInit__scan(void) { return NULL; }

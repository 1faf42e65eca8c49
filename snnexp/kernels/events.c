/* Single-spike neurons, event by event; equations in snnexp/neurons/{if_exp,if_linear,alpha,lif2,if_delta}.py. Called through ctypes.
 *
 * Inputs of an image come in the order of their times; each is added, channel by channel, to the neurons it reaches, after these have
 * been asked whether they got to their threshold before it. Nothing of the size inputs x neurons is ever stored. A linear layer is a
 * convolution whose map and kernel have one position each. Neurons lie as [position][channel], weights as [input channel][tap][channel].
 * Every neuron belongs to one image and images are spread over threads, so results do not depend on their number; sums over images do. */
#include <math.h>
#include <stdlib.h>

#include "loops.h"

enum { IF_EXP, IF_LINEAR, ALPHA, LIF2, IF_DELTA };

typedef struct {
    int32_t kind;
    float threshold, time_constant, horizon, horizon_first, horizon_second; /* factors of a spike at the horizon */
} Neuron;

typedef struct {
    const float *times, *first, *second; /* [images][events] in order: time, and the factors of the two sums */
    const int32_t *order;                /* [images][events] number of the input; `inputs` stands for the bias */
    const int32_t *finite;               /* [images] events that arrive at all */
    const float *weights, *bias;
    float *s0, *s1, *start;              /* [images][positions][channels]; start: time of the last input that counts, -inf for never */
    const float *p, *q;                  /* backward: gradients by the two sums */
    float *by_first, *by_second;         /* backward: [images][inputs + 1] gradients by the factors of each input */
    float *weights_grad;                 /* backward: [threads][bias and weights], zero */
    int64_t images, events, inputs, channels, in_height, in_width, height, width, kernel_height, kernel_width;
    int64_t stride_height, stride_width, padding_height, padding_width, threads;
} Layer;

INLINE float power(float x) { /* exp(x) to 2e-7 relative for |x| < 80, by 2^n * polynomial, so that it vectorises everywhere */
    const float shift = 12582912.0f;
    x = x < -80.0f ? -80.0f : x > 80.0f ? 80.0f : x;
    float n = (x * 1.44269504f + shift) - shift, r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float e = 1.0f + r * (1.0f + r * (0.5f + r * (1.66666667e-1f + r * (4.16666667e-2f + r * (8.33333333e-3f + r * 1.38888889e-3f)))));
    int32_t bits = ((int32_t)n + 127) << 23;
    float whole;
    memcpy(&whole, &bits, 4);
    return e * whole;
}

/* Whether the potential gets to the threshold between `start` and `end`, where it is below at `start`; as `reaches` of the neurons. */
INLINE int reached(int kind, float threshold, float tau, float s0, float s1, float start, float end, float a, float b, float started) {
    if (kind == IF_EXP) return b * (s0 - threshold) >= s1;
    if (kind == IF_LINEAR) return end * s0 - s1 >= threshold;
    if (kind == IF_DELTA) return s0 > threshold;
    if (kind == ALPHA) {
        float peak = s1 / (s0 > 0 ? s0 : 1) + tau;
        peak = peak < start ? start : peak;
        peak = peak > end ? end : peak;
        return s0 > 0 && power(-peak / tau) * (s0 * peak - s1) >= threshold;
    }
    float u = s0 / (s1 > 0 ? 2 * s1 : 1), latest = 1 / a; /* LIF2: a is exp(end / 2 tau) */
    u = u > started ? started : u;
    u = u < latest ? latest : u;
    return s1 > 0 && s0 > 0 && 2 * u * (s0 - s1 * u) >= threshold;
}

INLINE int ask(int kind, const Neuron *n, float *s0, float *s1, float *start, float *waiting, int64_t channels, float from, float started,
               float end, float a, float b) {
    const float threshold = n->threshold, tau = n->time_constant;
    int fired = 0;
#pragma omp simd reduction(+ : fired)
    for (int64_t o = 0; o < channels; o++) {
        int hit = reached(kind, threshold, tau, s0[o], s1[o], from, end, a, b, started) & (waiting[o] > 0);
        start[o] = hit ? from : start[o];
        waiting[o] = hit ? 0.0f : waiting[o];
        fired += hit;
    }
    return fired;
}

INLINE int asked(const Neuron *n, float *s0, float *s1, float *start, float *waiting, int64_t channels, float from, float started, float end,
                 float a, float b) {
    switch (n->kind) {
    case IF_EXP: return ask(IF_EXP, n, s0, s1, start, waiting, channels, from, started, end, a, b);
    case IF_LINEAR: return ask(IF_LINEAR, n, s0, s1, start, waiting, channels, from, started, end, a, b);
    case ALPHA: return ask(ALPHA, n, s0, s1, start, waiting, channels, from, started, end, a, b);
    case LIF2: return ask(LIF2, n, s0, s1, start, waiting, channels, from, started, end, a, b);
    default: return ask(IF_DELTA, n, s0, s1, start, waiting, channels, from, started, end, a, b);
    }
}

INLINE void add(float *s0, float *s1, const float *waiting, const float *w, int64_t channels, float a, float b) {
#pragma omp simd
    for (int64_t o = 0; o < channels; o++) {
        float weight = w[o] * waiting[o];
        s0[o] += weight * a;
        s1[o] += weight * b;
    }
}

/* The outputs along one axis that input `place` reaches: from `first` to `last`; returns whether there are any. */
INLINE int outputs(int64_t place, int64_t padding, int64_t kernel, int64_t stride, int64_t size, int64_t *first, int64_t *last) {
    int64_t padded = place + padding, low = padded - kernel + 1;
    *first = low <= 0 ? 0 : (low + stride - 1) / stride;
    *last = padded / stride < size - 1 ? padded / stride : size - 1;
    return *first <= *last;
}

typedef struct {
    int64_t row, rows, column, columns, vertical, horizontal, channel; /* outputs from row to rows, column to columns; padded place */
} Reach;

INLINE int reach(const Layer *l, int64_t input, Reach *r) {
    int64_t plane = l->in_height * l->in_width;
    if (input == l->inputs) { /* the bias is in every patch */
        *r = (Reach){0, l->height - 1, 0, l->width - 1, 0, 0, -1};
        return 1;
    }
    int64_t y = input % plane / l->in_width, x = input % l->in_width;
    r->channel = input / plane, r->vertical = y + l->padding_height, r->horizontal = x + l->padding_width;
    return outputs(y, l->padding_height, l->kernel_height, l->stride_height, l->height, &r->row, &r->rows) &&
           outputs(x, l->padding_width, l->kernel_width, l->stride_width, l->width, &r->column, &r->columns);
}

INLINE int64_t place_of_weights(const Layer *l, const Reach *r, int64_t row, int64_t column) {
    int64_t tap = (r->vertical - row * l->stride_height) * l->kernel_width + r->horizontal - column * l->stride_width;
    return (r->channel * l->kernel_height * l->kernel_width + tap) * l->channels;
}

EVERY_PROCESSOR static void forward_image(const Neuron *n, const Layer *l, int64_t image, float *waiting, float *last, int32_t *left) {
    int64_t positions = l->height * l->width, channels = l->channels, size = positions * channels;
    float *s0 = l->s0 + image * size, *s1 = l->s1 + image * size, *start = l->start + image * size;
    int64_t open = size;
    for (int64_t i = 0; i < size; i++) s0[i] = s1[i] = 0, start[i] = -INFINITY, waiting[i] = 1;
    for (int64_t i = 0; i < positions; i++) last[i] = -INFINITY, left[i] = (int32_t)channels;
    for (int64_t e = 0; e <= l->finite[image]; e++) {
        int end = e == l->finite[image];
        int64_t event = image * l->events + e;
        float t = end ? n->horizon : l->times[event], a = end ? n->horizon_first : l->first[event];
        float b = end ? n->horizon_second : l->second[event];
        if (open == 0 || t > n->horizon) end = 1, t = n->horizon, a = n->horizon_first, b = n->horizon_second;
        Reach r = {0, l->height - 1, 0, l->width - 1, 0, 0, -1};
        if (!end && !reach(l, l->order[event], &r)) continue;
        for (int64_t row = r.row; row <= r.rows; row++)
            for (int64_t column = r.column; column <= r.columns; column++) {
                int64_t at = row * l->width + column, o = at * channels;
                if (!left[at]) continue;
                if (last[at] > -INFINITY && t > last[at]) {
                    float started = n->kind == LIF2 ? expf(-last[at] / (2 * n->time_constant)) : 0;
                    int fired = asked(n, s0 + o, s1 + o, start + o, waiting + o, channels, last[at], started, t, a, b);
                    left[at] -= fired, open -= fired;
                }
                if (end) continue;
                const float *w = r.channel < 0 ? l->bias : l->weights + place_of_weights(l, &r, row, column);
                add(s0 + o, s1 + o, waiting + o, w, channels, a, b);
                last[at] = t;
            }
        if (end) break;
    }
}

EVERY_PROCESSOR static void backward_image(const Layer *l, int64_t image, float *weights_grad, float *latest) {
    int64_t positions = l->height * l->width, channels = l->channels, size = positions * channels;
    const float *start = l->start + image * size, *p = l->p + image * size, *q = l->q + image * size;
    float *by_first = l->by_first + image * (l->inputs + 1), *by_second = l->by_second + image * (l->inputs + 1), end = -INFINITY;
    for (int64_t at = 0; at < positions; at++) {
        float most = -INFINITY;
        for (int64_t o = at * channels; o < (at + 1) * channels; o++) most = start[o] > most ? start[o] : most;
        latest[at] = most, end = most > end ? most : end;
    }
    for (int64_t e = 0; e < l->finite[image]; e++) {
        int64_t event = image * l->events + e, input = l->order[event];
        float t = l->times[event], a = l->first[event], b = l->second[event], sum_p = 0, sum_q = 0;
        if (t > end) break;
        Reach r;
        if (!reach(l, input, &r)) continue;
        for (int64_t row = r.row; row <= r.rows; row++)
            for (int64_t column = r.column; column <= r.columns; column++) {
                int64_t at = row * l->width + column;
                if (t > latest[at]) continue;
                int64_t place = r.channel < 0 ? -1 : place_of_weights(l, &r, row, column);
                const float *w = place < 0 ? l->bias : l->weights + place, *begin = start + at * channels;
                const float *pp = p + at * channels, *qq = q + at * channels;
                float *grad = weights_grad + (place < 0 ? 0 : channels + place);
#pragma omp simd reduction(+ : sum_p, sum_q)
                for (int64_t o = 0; o < channels; o++) {
                    float mask = t <= begin[o] ? 1.0f : 0.0f, gp = mask * pp[o], gq = mask * qq[o];
                    grad[o] += gp * a + gq * b;
                    sum_p += gp * w[o];
                    sum_q += gq * w[o];
                }
            }
        by_first[input] = sum_p, by_second[input] = sum_q;
    }
}

/* ---- entries */
int32_t events_interface(void) { return 1; } /* to be raised with any change to the structs or their meaning; events.py compares */

int events_forward(const Neuron *n, const Layer *l) {
    int64_t positions = l->height * l->width;
    int failed = 0;
#pragma omp parallel num_threads(l->threads) if (l->threads > 1 && l->images > 1)
    {
        float *waiting = malloc((size_t)positions * (l->channels + 1) * sizeof(float));
        int32_t *left = malloc((size_t)positions * sizeof(int32_t));
        if (!waiting || !left) failed = 1;
#pragma omp for schedule(dynamic)
        for (int64_t image = 0; image < l->images; image++)
            if (waiting && left) forward_image(n, l, image, waiting, waiting + positions * l->channels, left);
        free(waiting);
        free(left);
    }
    return failed;
}

/* Images go to threads in fixed blocks, so that sums over images are the same from run to run. */
int events_backward(const Layer *l, int64_t weights) {
    int64_t positions = l->height * l->width, size = weights + l->channels;
    int failed = 0;
#pragma omp parallel for num_threads(l->threads) schedule(static) if (l->threads > 1)
    for (int64_t thread = 0; thread < l->threads; thread++) {
        float *latest = malloc((size_t)positions * sizeof(float));
        int64_t first = l->images * thread / l->threads, last = l->images * (thread + 1) / l->threads;
        if (!latest) failed = 1;
        for (int64_t image = first; image < last && latest; image++) backward_image(l, image, l->weights_grad + thread * size, latest);
        free(latest);
    }
    return failed;
}

/* setuptools expects a module; nobody imports it. */
void *PyInit__events(void) { return NULL; }

/* Batch normalisation: sums per channel in double over float32 or bfloat16, and the passes that apply them. Equations in norm.py.
 *
 * A tensor is [outer][channels][inner] in memory: inner = 1 for channels last and for features, H W for channels first. It is taken as
 * rows of `width` columns, a whole number of outer slices, so that column i always belongs to channel i / inner % channels; the last row
 * may be shorter. Columns go by tiles and rows by blocks, so that loops are long and what they need stays in the first-level cache.
 * How sums are divided does not depend on the threads, and so their last bits do not either. */
#include <math.h>
#include <stdlib.h>

#include "loops.h"

enum { COLUMNS = 512, BLOCKS = 64, ROWS = 64, SPREAD = 1 << 18 /* columns of all blocks */, SMALL = 1 << 15 /* one thread is faster */ };

typedef struct {
    const void *x, *y_grad;
    void *y;                           /* of the backward pass: gradient of x */
    double *moments;                   /* [2][channels]: mean and biased variance of the batch */
    double *sums;                      /* [2][channels]: of g and of g z, over the batch; the first call of the backward pass finds them */
    const float *gamma, *beta;         /* beta null: zero */
    float *running_mean, *running_var; /* null: not kept */
    int64_t outer, channels, inner;
    double count, momentum, epsilon; /* count: values per channel in the whole batch, of which others may have a share */
    int32_t half, threads;
} Norm;

typedef struct { int64_t total, width, rows, tiles, blocks; } Plan;

typedef struct { /* what each column of a tile needs; x - near is exact where x is near the mean, and rest is what near lacks of it */
    _Alignas(64) float x[COLUMNS], g[COLUMNS], y[COLUMNS], near[COLUMNS], rest[COLUMNS], scale[COLUMNS], shift[COLUMNS], slope[COLUMNS];
} Tile;

typedef struct { float *near, *rest, *scale, *shift, *slope; } Channels; /* the same per channel */

static Plan planned(const Norm *c) {
    const int64_t slice = c->channels * c->inner, total = c->outer * slice;
    int64_t width = slice * (COLUMNS / slice > 1 ? COLUMNS / slice : 1);
    if (width > total) width = total;
    int64_t rows = (total + width - 1) / width, blocks = rows / ROWS;
    if (blocks > BLOCKS) blocks = BLOCKS;
    if (blocks > SPREAD / width) blocks = SPREAD / width;
    return (Plan){total, width, rows, (width + COLUMNS - 1) / COLUMNS, blocks < 1 ? 1 : blocks};
}

/* ---- from channels to columns */
INLINE void spread(const float *of, const Norm *c, int64_t first, int64_t n, float *row) {
    int64_t channel = first / c->inner % c->channels, within = first % c->inner;
    for (int64_t i = 0; i < n; i++) {
        row[i] = of[channel];
        if (++within == c->inner) {
            within = 0;
            if (++channel == c->channels) channel = 0;
        }
    }
}

static Channels channels_of(const Norm *c) {
    const int64_t n = c->channels;
    float *memory = malloc((size_t)(5 * n) * sizeof(float));
    if (!memory) return (Channels){0};
    Channels of = {memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n};
    for (int64_t i = 0; i < n; i++) {
        of.near[i] = (float)c->moments[i];
        of.rest[i] = (float)(c->moments[i] - (double)of.near[i]);
    }
    return of;
}

typedef void (*Pass)(const Norm *, const Plan *, const Channels *, int64_t block, int64_t tile, double *sums);

/* ---- inner loops */
INLINE void add_moments(const float *x, const double *near, int64_t n, double *sum, double *square) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) {
        double d = (double)x[i] - near[i];
        sum[i] += d;
        square[i] += d * d;
    }
}

INLINE void add_two_moments(const float *x, const float *other, const double *near, int64_t n, double *sum, double *square) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) { /* what is added up is loaded and stored half as often */
        double d = (double)x[i] - near[i], e = (double)other[i] - near[i];
        sum[i] += d + e;
        square[i] += d * d + e * e;
    }
}

INLINE void add_products(const float *x, const float *g, const double *mean, int64_t n, double *sum, double *product) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) { /* in double all through: with few values of x roundings of x - mean would all go one way */
        sum[i] += (double)g[i];
        product[i] += (double)g[i] * ((double)x[i] - mean[i]);
    }
}

INLINE void normalise(const float *x, const Tile *t, int64_t n, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = ((x[i] - t->near[i]) - t->rest[i]) * t->scale[i] + t->shift[i];
}

INLINE void descend(const float *x, const float *g, const Tile *t, int64_t n, float *y) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) y[i] = t->scale[i] * ((g[i] - t->shift[i]) - ((x[i] - t->near[i]) - t->rest[i]) * t->slope[i]);
}

/* ---- one tile of one block of rows */
#define EACH_ROW                                                                                                     \
    const int64_t first = tile * COLUMNS, end = first + COLUMNS < p->width ? first + COLUMNS : p->width;             \
    const int64_t from = block * p->rows / p->blocks, to = (block + 1) * p->rows / p->blocks;                        \
    for (int64_t row = from, at = from * p->width + first, n; row < to; row++, at += p->width)                       \
        if ((n = p->total - at < end - first ? p->total - at : end - first) > 0)

EVERY_PROCESSOR static void moments(const Norm *c, const Plan *p, const Channels *of, int64_t block, int64_t tile, double *sums) {
    Tile t;
    _Alignas(64) double near[COLUMNS];
    spread(of->near, c, tile * COLUMNS, COLUMNS, t.near);
    for (int64_t i = 0; i < COLUMNS; i++) near[i] = t.near[i];
    double *sum = sums + 2 * block * p->width + tile * COLUMNS, *square = sum + p->width;
    EACH_ROW {
        const float *x = load(c->x, at, n, c->half, t.x);
        if (row + 1 < to && at + p->width + n <= p->total) {
            add_two_moments(x, load(c->x, at + p->width, n, c->half, t.g), near, n, sum, square);
            row++, at += p->width;
        } else add_moments(x, near, n, sum, square);
    }
}

EVERY_PROCESSOR static void products(const Norm *c, const Plan *p, const Channels *of, int64_t block, int64_t tile, double *sums) {
    Tile t;
    _Alignas(64) double mean[COLUMNS];
    spread(of->near, c, tile * COLUMNS, COLUMNS, t.near);
    spread(of->rest, c, tile * COLUMNS, COLUMNS, t.rest);
    for (int64_t i = 0; i < COLUMNS; i++) mean[i] = (double)t.near[i] + (double)t.rest[i];
    double *sum = sums + 2 * block * p->width + tile * COLUMNS, *product = sum + p->width;
    EACH_ROW add_products(load(c->x, at, n, c->half, t.x), load(c->y_grad, at, n, c->half, t.g), mean, n, sum, product);
}

INLINE void spread_all(const Channels *of, const Norm *c, int64_t first, Tile *t) {
    spread(of->near, c, first, COLUMNS, t->near);
    spread(of->rest, c, first, COLUMNS, t->rest);
    spread(of->scale, c, first, COLUMNS, t->scale);
    spread(of->shift, c, first, COLUMNS, t->shift);
    spread(of->slope, c, first, COLUMNS, t->slope);
}

EVERY_PROCESSOR static void forward(const Norm *c, const Plan *p, const Channels *of, int64_t block, int64_t tile, double *unused) {
    (void)unused;
    Tile t;
    spread_all(of, c, tile * COLUMNS, &t);
    EACH_ROW {
        float *y = c->half ? t.y : (float *)c->y + at;
        normalise(load(c->x, at, n, c->half, t.x), &t, n, y);
        if (c->half) store(c->y, at, n, 1, y, 1);
    }
}

EVERY_PROCESSOR static void backward(const Norm *c, const Plan *p, const Channels *of, int64_t block, int64_t tile, double *unused) {
    (void)unused;
    Tile t;
    spread_all(of, c, tile * COLUMNS, &t);
    EACH_ROW {
        float *y = c->half ? t.y : (float *)c->y + at;
        descend(load(c->x, at, n, c->half, t.x), load(c->y_grad, at, n, c->half, t.g), &t, n, y);
        if (c->half) store(c->y, at, n, 1, y, 1);
    }
}

static void everywhere(Pass pass, const Norm *c, const Plan *p, const Channels *of, double *sums) {
    const int64_t pieces = p->blocks * p->tiles;
#pragma omp parallel for num_threads(c->threads) schedule(static) if (c->threads > 1 && p->total > SMALL)
    for (int64_t i = 0; i < pieces; i++) pass(c, p, of, i / p->tiles, i % p->tiles, sums);
}

/* Sums per channel, [2][channels], of what `pass` adds up per column; 1: no memory. */
static int summed(Pass pass, const Norm *c, const Channels *of, double *totals) {
    const Plan p = planned(c);
    double *sums = calloc((size_t)(2 * p.blocks * p.width), sizeof(double));
    if (!sums) return 1;
    everywhere(pass, c, &p, of, sums);
    for (int64_t b = 1; b < p.blocks; b++)
        for (int64_t i = 0; i < 2 * p.width; i++) sums[i] += sums[2 * b * p.width + i];
    memset(totals, 0, (size_t)(2 * c->channels) * sizeof(double));
    for (int64_t i = 0; i < p.width; i++) {
        const int64_t channel = i / c->inner % c->channels;
        totals[channel] += sums[i];
        totals[c->channels + channel] += sums[p.width + i];
    }
    free(sums);
    return 0;
}

static double inverse(const Norm *c, int64_t channel) { return 1 / sqrt(c->moments[c->channels + channel] + c->epsilon); }

static void keep_running(const Norm *c) {
    const double unbiased = c->count > 1 ? c->count / (c->count - 1) : c->count;
    for (int64_t i = 0; i < c->channels; i++) {
        float *mean = c->running_mean + i, *variance = c->running_var + i;
        *mean = (float)(*mean + c->momentum * (c->moments[i] - *mean));
        *variance = (float)(*variance + c->momentum * (unbiased * c->moments[c->channels + i] - *variance));
    }
}

/* ---- entries; 1: no memory */
int norm_moments(const Norm *c) {
    const double count = (double)(c->outer * c->inner);
    float row[1];
    Channels of = {malloc((size_t)c->channels * sizeof(float)), NULL, NULL, NULL, NULL};
    if (!of.near) return 1;
    for (int64_t i = 0; i < c->channels; i++) of.near[i] = *load(c->x, i * c->inner, 1, c->half, row); /* any value of the channel */
    int failed = summed(moments, c, &of, c->moments);
    for (int64_t i = 0; i < c->channels && !failed; i++) {
        double *mean = c->moments + i, *variance = mean + c->channels, about = *mean / count, spread = *variance / count - about * about;
        *mean = of.near[i] + about;
        *variance = spread < 0 ? 0 : spread;
    }
    free(of.near);
    return failed;
}

int norm_forward(const Norm *c) {
    const Plan p = planned(c);
    Channels of = channels_of(c);
    if (!of.near) return 1;
    for (int64_t i = 0; i < c->channels; i++) {
        of.scale[i] = (float)(c->gamma[i] * inverse(c, i));
        of.shift[i] = c->beta ? c->beta[i] : 0;
        of.slope[i] = 0;
    }
    everywhere(forward, c, &p, &of, NULL);
    if (c->running_mean) keep_running(c);
    free(of.near);
    return 0;
}

int norm_products(const Norm *c) {
    Channels of = channels_of(c);
    if (!of.near) return 1;
    int failed = summed(products, c, &of, c->sums);
    for (int64_t i = 0; i < c->channels && !failed; i++) c->sums[c->channels + i] *= inverse(c, i);
    free(of.near);
    return failed;
}

int norm_backward(const Norm *c) {
    const Plan p = planned(c);
    Channels of = channels_of(c);
    if (!of.near) return 1;
    for (int64_t i = 0; i < c->channels; i++) {
        of.scale[i] = (float)(c->gamma[i] * inverse(c, i));
        of.shift[i] = (float)(c->sums[i] / c->count);
        of.slope[i] = (float)(inverse(c, i) * c->sums[c->channels + i] / c->count);
    }
    everywhere(backward, c, &p, &of, NULL);
    free(of.near);
    return 0;
}

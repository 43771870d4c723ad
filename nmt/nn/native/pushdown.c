/* A step of nondeterministic stacks, forwards and backwards; nmt/nn/pushdown/tape.py defines it and names the
 * arrays. All are contiguous, of doubles; sequences are independent of each other.
 *
 * Q states, S symbols and C = QS are arguments everywhere, so that the compiler unrolls loops for the usual ones.
 */
#include <stdint.h>
#include <string.h>

#include "clones.h"
#include "scratch.h"

#define INLINE static inline __attribute__((always_inline))

enum { INTERFACE = 1, LANES = 8, MOST_STATES = 16, ROWS = 6 };

/* A vector anywhere in memory. */
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(sizeof(double)), may_alias));

/* Increased whenever the arguments or results of a function here change. */
int32_t interface_number(void) { return INTERFACE; }

/* The sizes of the arrays, in the order of `Tape._sizes`. */
struct sizes {
    int64_t rows, symbols, states;
    int64_t most, slots, moments;          /* entries; entries and steps that rows of the tape have room for: n, T */
    int64_t time, first, entries, dropped; /* of this step; entries before it, and whether it drops the first */
};

static const double LEAST = 1e-150;

INLINE double inverse(double x) { return x > 1e-300 ? 1.0 / x : 0.0; } /* of smaller ones it is infinite */

INLINE double sum(lanes x) {
    double total = 0.0;
    for (int64_t j = 0; j < LANES; j++) total += x[j];
    return total;
}

INLINE lanes *at(const double *x) { return (lanes *)x; }

/* The products of `count` rows, `stride` apart, with Q vectors, `stride` apart, from `start` (a multiple of LANES) to
 * `end` (rounded up to one): [count, Q]. The vectors are 0 outside of what counts.
 */
INLINE void products(
    const double *rows, const double *vectors, int64_t count, int64_t stride, int64_t Q, int64_t start, int64_t end,
    double *result
) {
    lanes sums[ROWS * MOST_STATES];
    for (int64_t j = 0; j < count * Q; j++) sums[j] = (lanes){0};
    for (int64_t k = start; k < end; k += LANES)
        for (int64_t c = 0; c < count; c++) {
            lanes row = *at(rows + c * stride + k);
            for (int64_t r = 0; r < Q; r++) sums[c * Q + r] += row * *at(vectors + r * stride + k);
        }
    for (int64_t j = 0; j < count * Q; j++) result[j] = sum(sums[j]);
}

/* Adds Q sums of `count` rows, each with its factors [count, Q], to `sums`; otherwise as `products`. */
INLINE void add_rows(
    const double *rows, const double *factors, int64_t count, int64_t stride, int64_t Q, int64_t start, int64_t end,
    double *sums
) {
    for (int64_t k = start; k < end; k += LANES)
        for (int64_t r = 0; r < Q; r++) {
            lanes sum = *at(sums + r * stride + k);
            for (int64_t c = 0; c < count; c++) sum += factors[c * Q + r] * *at(rows + c * stride + k);
            *at(sums + r * stride + k) = sum;
        }
}

/* Adds what is exposed by the pops of one sequence to `after` [entries, C, C].
 *
 * below: [S, most, C, slots, Q] of the sequence; popped: [S, most, Q, moments, Q]; gathered: room for [Q, slots, Q].
 */
INLINE void expose(
    const struct sizes *n, int64_t Q, int64_t S, const double *below, const double *popped, double *gathered,
    double *after
) {
    int64_t C = Q * S, pops = n->entries - 1, stride = n->slots * Q, group = C % 3 ? 1 : C % ROWS ? 3 : ROWS;
    for (int64_t y = 0; y < S; y++) {
        const double *of_symbol = popped + (y * n->most + n->first) * Q * n->moments * Q + n->time * Q;
        memset(gathered, 0, (size_t)(Q * stride) * sizeof(double));
        for (int64_t k = 0; k < pops * Q; k++)
            for (int64_t r = 0; r < Q; r++)
                gathered[r * stride + n->first * Q + k] = of_symbol[k * n->moments * Q + r];
        for (int64_t i = 0; i < pops; i++) {
            int64_t start = (n->first + i) * Q / LANES * LANES, end = (n->first + pops) * Q;
            for (int64_t c = 0; c < C; c += group) {
                const double *rows = below + ((y * n->most + n->first + i) * C + c) * stride;
                double exposed[ROWS * MOST_STATES];
                products(rows, gathered, group, stride, Q, start, end, exposed);
                for (int64_t j = 0; j < group; j++)
                    for (int64_t r = 0; r < Q; r++) after[(i * C + c + j) * C + r * S + y] += exposed[j * Q + r];
            }
        }
    }
}

/* Moves one sequence: fills `after` [entries + 1, C, C], and writes to the tape. */
INLINE void move_one(
    const struct sizes *n, int64_t Q, int64_t S, const double *weights, const double *top, const double *shares,
    double *below, double *popped, double *gathered, double *after
) {
    int64_t C = Q * S, width = 2 * C + Q, last = n->first + n->entries - 1;
    for (int64_t p = 0; p < n->entries; p++)
        for (int64_t c = 0; c < C; c++) {
            const double *from = shares + (p * C + c) * C;
            double *to = after + (p * C + c) * C, popping[MOST_STATES] = {0};
            for (int64_t e = 0; e < C; e++) to[e] = 0.0;
            for (int64_t d = 0; d < C; d++) {
                for (int64_t e = 0; e < C; e++) to[e] += from[d] * weights[d * width + C + e];
                for (int64_t r = 0; r < Q; r++) popping[r] += from[d] * weights[d * width + 2 * C + r];
            }
            for (int64_t y = 0; y < S; y++)
                for (int64_t u = 0; u < Q; u++)
                    below[(((y * n->most + n->first + p) * C + c) * n->slots + last) * Q + u] =
                        from[u * S + y] * inverse(top[u * S + y]);
            if (p > 0) {
                int64_t entry = ((c % S) * n->most + n->first + p - 1) * Q + c / S;
                for (int64_t r = 0; r < Q; r++) popped[(entry * n->moments + n->time) * Q + r] = popping[r];
            }
        }
    if (n->entries > 1) expose(n, Q, S, below, popped, gathered, after);
    for (int64_t c = 0; c < C; c++)
        for (int64_t d = 0; d < C; d++) after[(n->entries * C + c) * C + d] = top[c] * weights[c * width + d];
}

INLINE int32_t forward(
    const struct sizes *n, int64_t Q, int64_t S, const double *weights, const double *top, const double *shares,
    double *below, double *popped, double *after, double *total, double *next
) {
    int64_t C = Q * S, each = C * C, kept = n->entries + 1 - n->dropped;
    double *gathered = scratch((int64_t)sizeof(double) * ((n->entries + 1) * each + n->slots * Q * Q));
    if (!gathered) return 1;
    double *moved = gathered + n->slots * Q * Q;
    for (int64_t b = 0; b < n->rows; b++) {
        double *own = after + b * kept * each, whole = 0.0;
        move_one(
            n, Q, S, weights + b * C * (2 * C + Q), top + b * C, shares + b * n->entries * each,
            below + b * S * n->most * C * n->slots * Q, popped + b * S * n->most * Q * n->moments * Q, gathered, moved
        );
        const double *from = moved + n->dropped * each;
#pragma omp simd reduction(+ : whole)
        for (int64_t j = 0; j < kept * each; j++) whole += from[j];
        double factor = inverse(whole);
        for (int64_t j = 0; j < kept * each; j++) own[j] = from[j] * factor > LEAST ? from[j] * factor : 0.0;
        total[b] = whole;
        for (int64_t d = 0; d < C; d++) next[b * C + d] = 0.0;
        for (int64_t j = 0; j < kept * C; j++)
            for (int64_t d = 0; d < C; d++) next[b * C + d] += own[j * C + d];
    }
    return 0;
}

/* The gradient of what the pops of one sequence move: [S, Q, slots, Q] by y, r, k, u.
 *
 * found: [entries + 1, C, C], the gradient of `after` before it was divided.
 */
INLINE void pops_backward(
    const struct sizes *n, int64_t Q, int64_t S, const double *below, const double *found, double *of_exposed,
    double *gradient
) {
    int64_t C = Q * S, pops = n->entries - 1, stride = n->slots * Q, group = C % 3 ? 1 : C % ROWS ? 3 : ROWS;
    memset(gradient, 0, (size_t)(S * Q * stride) * sizeof(double));
    for (int64_t y = 0; y < S; y++)
        for (int64_t i = 0; i < pops; i++) {
            int64_t start = (n->first + i) * Q / LANES * LANES, end = (n->first + pops) * Q;
            for (int64_t c = 0; c < C; c += group) {
                int64_t row = (y * n->most + n->first + i) * C + c;
                double slopes[ROWS * MOST_STATES];
                for (int64_t j = 0; j < group; j++)
                    for (int64_t r = 0; r < Q; r++) {
                        double slope = found[(i * C + c + j) * C + r * S + y];
                        of_exposed[((row + j) * n->moments + n->time) * Q + r] = slopes[j * Q + r] = slope;
                    }
                add_rows(below + row * stride, slopes, group, stride, Q, start, end, gradient + y * Q * stride);
            }
        }
}

/* Adds the gradient through what is below the last entry of one sequence, which later pops expose.
 *
 * gathered: room for [Q, moments, Q].
 */
INLINE void below_backward(
    const struct sizes *n, int64_t Q, int64_t S, int64_t upper, const double *top, const double *shares,
    const double *popped, const double *of_exposed, const double *of_below, double *gathered, double *before,
    double *of_shares
) {
    int64_t C = Q * S, last = n->first + n->entries - 1, stride = n->moments * Q, group = C % 3 ? 1 : C % ROWS ? 3 : ROWS;
    int64_t later = (n->time + 1) * Q, start = later / LANES * LANES;
    if (n->entries == 0) return; /* nothing is below, and there is no last entry to read */
    for (int64_t y = 0; y < S; y++) {
        memset(gathered, 0, (size_t)(Q * stride) * sizeof(double));
        for (int64_t u = 0; u < Q; u++)
            for (int64_t k = later; k < upper * Q; k++)
                gathered[u * stride + k] = popped[((y * n->most + last) * Q + u) * stride + k];
        for (int64_t i = 0; i < n->entries; i++)
            for (int64_t c = 0; c < C; c += group) {
                int64_t row = (y * n->most + n->first + i) * C + c;
                double slopes[ROWS * MOST_STATES];
                products(of_exposed + row * stride, gathered, group, stride, Q, start, upper * Q, slopes);
                for (int64_t j = 0; j < group; j++)
                    for (int64_t u = 0; u < Q; u++) {
                        int64_t d = u * S + y, entry = (i * C + c + j) * C + d;
                        double outside = of_below ? of_below[((row + j) * n->slots + last) * Q + u] : 0.0;
                        double slope = (slopes[j * Q + u] + outside) * inverse(top[d]);
                        of_shares[entry] += slope;
                        before[d] -= slope * shares[entry] * inverse(top[d]);
                    }
            }
    }
}

/* The gradient of one sequence's step: of_weights [C, 2C + Q], before [C], of_shares [entries, C, C]. */
INLINE void move_one_backward(
    const struct sizes *n, int64_t Q, int64_t S, const double *weights, const double *top, const double *shares,
    const double *below, const double *found, double *of_exposed, double *gradient, double *of_weights, double *before,
    double *of_shares
) {
    int64_t C = Q * S, width = 2 * C + Q;
    const double *pushed = found + n->entries * C * C;
    for (int64_t c = 0; c < C; c++) {
        before[c] = 0.0;
        for (int64_t d = 0; d < C; d++) before[c] += pushed[c * C + d] * weights[c * width + d];
        for (int64_t d = 0; d < C; d++) of_weights[c * width + d] = pushed[c * C + d] * top[c];
        for (int64_t e = C; e < width; e++) of_weights[c * width + e] = 0.0;
    }
    if (n->entries > 1) pops_backward(n, Q, S, below, found, of_exposed, gradient);
    for (int64_t p = 0; p < n->entries; p++)
        for (int64_t c = 0; c < C; c++) {
            const double *kept = found + (p * C + c) * C, *from = shares + (p * C + c) * C;
            double popping[MOST_STATES] = {0};
            for (int64_t r = 0; p > 0 && r < Q; r++)
                popping[r] = gradient[(((c % S) * Q + r) * n->slots + n->first + p - 1) * Q + c / S];
            for (int64_t d = 0; d < C; d++) {
                const double *now = weights + d * width + C;
                double *of_now = of_weights + d * width + C, slope = 0.0;
                for (int64_t e = 0; e < C; e++) slope += kept[e] * now[e];
                for (int64_t r = 0; r < Q; r++) slope += popping[r] * now[C + r];
                for (int64_t e = 0; e < C; e++) of_now[e] += from[d] * kept[e];
                for (int64_t r = 0; r < Q; r++) of_now[C + r] += from[d] * popping[r];
                of_shares[(p * C + c) * C + d] = slope;
            }
        }
}

INLINE int32_t backward(
    const struct sizes *n, int64_t Q, int64_t S, int64_t upper, const double *weights, const double *top,
    const double *shares, const double *after, const double *total, const double *below, const double *popped,
    const double *of_next, const double *of_after, const double *of_below, double *of_exposed, double *of_weights,
    double *before, double *of_shares
) {
    int64_t C = Q * S, width = 2 * C + Q, each = C * C, kept = n->entries + 1 - n->dropped, tape = S * n->most * C;
    int64_t gathered = C * Q * n->slots + Q * Q * n->moments;
    double *found = scratch((int64_t)sizeof(double) * ((n->entries + 1) * each + gathered));
    if (!found) return 1;
    double *gradient = found + (n->entries + 1) * each;
    for (int64_t b = 0; b < n->rows; b++) {
        double factor = inverse(total[b]), mean = 0.0, *slopes = found + n->dropped * each;
        const double *own_after = after + b * kept * each;
        memset(found, 0, (size_t)(n->dropped * each) * sizeof(double));
        for (int64_t j = 0; j < kept * C; j++)
            for (int64_t d = 0; d < C; d++)
                slopes[j * C + d] =
                    (of_after ? of_after[(b * kept * C + j) * C + d] : 0.0) + (of_next ? of_next[b * C + d] : 0.0);
#pragma omp simd reduction(+ : mean)
        for (int64_t j = 0; j < kept * each; j++) mean += slopes[j] * own_after[j];
        for (int64_t j = 0; j < kept * each; j++)
            slopes[j] = own_after[j] > 0.0 ? (slopes[j] - mean) * factor : 0.0;
        const double *own_shares = shares + b * n->entries * each;
        double *exposed = of_exposed + b * tape * n->moments * Q, *own = of_weights + b * C * width;
        double *own_before = before + b * C, *own_of_shares = of_shares + b * n->entries * each;
        move_one_backward(
            n, Q, S, weights + b * C * width, top + b * C, own_shares, below + b * tape * n->slots * Q, found, exposed,
            gradient, own, own_before, own_of_shares
        );
        below_backward(
            n, Q, S, upper, top + b * C, own_shares, popped + b * S * n->most * Q * n->moments * Q, exposed,
            of_below ? of_below + b * tape * n->slots * Q : 0, gradient + C * Q * n->slots, own_before, own_of_shares
        );
        for (int64_t j = 0; j < C * width; j++) own[j] *= weights[b * C * width + j];
    }
    return 0;
}

/* One step: weights [B, C, 2C + Q], top [B, C], shares [B, n, C, C]; after [B, n + 1 - dropped, C, C], total [B],
 * next [B, C]. Returns whether memory ran out.
 */
FOR_EACH_CPU int32_t step_forward(
    const struct sizes *n, const double *weights, const double *top, const double *shares, double *below,
    double *popped, double *after, double *total, double *next
) {
    if (n->states == 2 && n->symbols == 3)
        return forward(n, 2, 3, weights, top, shares, below, popped, after, total, next);
    if (n->states == 3 && n->symbols == 3)
        return forward(n, 3, 3, weights, top, shares, below, popped, after, total, next);
    return forward(n, n->states, n->symbols, weights, top, shares, below, popped, after, total, next);
}

/* The gradients of one step: of_weights [B, C, 2C + Q], of the logarithms; before [B, C], of_shares [B, n, C, C].
 *
 * of_next, of_after and of_below may be null. Returns whether memory ran out.
 */
FOR_EACH_CPU int32_t step_backward(
    const struct sizes *n, int64_t upper, const double *weights, const double *top, const double *shares,
    const double *after, const double *total, const double *below, const double *popped, const double *of_next,
    const double *of_after, const double *of_below, double *of_exposed, double *of_weights, double *before,
    double *of_shares
) {
#define BACKWARD(Q, S) \
    backward( \
        n, Q, S, upper, weights, top, shares, after, total, below, popped, of_next, of_after, of_below, of_exposed, \
        of_weights, before, of_shares \
    )
    if (n->states == 2 && n->symbols == 3) return BACKWARD(2, 3);
    if (n->states == 3 && n->symbols == 3) return BACKWARD(3, 3);
    return BACKWARD(n->states, n->symbols);
}

"""Where least squares puts the coefficient of an AR(1) in n bars: quantiles of phi-hat, simulated, and their inversion.

phi-hat is too small, by more the closer phi is to 1, and by more again where the series is the residual of a fitted
line, which bends towards it. Both depend on nothing but n and phi: the level, the scale, alpha and beta drop out. So
the phi at which the phi-hat found is the median is a median-unbiased estimate, and those at which it is the 97.5 % and
2.5 % quantile are the ends of an exact 95 % interval; an end at 1 is a random walk.

The tables hold (phi - quantile) / scale(phi), with scale^2 = (1 - phi^2)/n + 10/n^2: of order 1 everywhere, and
smooth. A node stands for phi = 1 - c/n with c = (1 + n)^(node/16) - 1, from 1 at node 0 (a walk) to 0 at node 16.
Between nodes they are linear in the node, between lengths in ln n; above 5,000 bars c alone counts. Recipe: 100,000
draws a length, u a stationary AR(1) with normal shocks, the residual that of u on a constant and a walk of n normal
steps; ``python -m tests.engine.stats.half_life_table`` prints both tables.

Sources: Andrews 1993 (median-unbiased estimation of an AR(1)); Stock 1991 (intervals near a unit root by inversion).
"""

from __future__ import annotations

import numpy as np

from engine.stats.jit import njit

LENGTHS = np.array([10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0])
QUANTILES = (0.025, 0.5, 0.975)
NODES = 17
LOW, MEDIAN, HIGH = 0, 1, 2  # of QUANTILES
HALVINGS = 45

# A block for each length, a line for each quantile, a column for each node.
LEVEL = 0.01 * np.array([
    [[377, 367, 360, 350, 339, 326, 313, 299, 284, 269, 254, 238, 222, 206, 190, 172, 154],
     [130, 125, 120, 115, 110, 104, 97, 90, 83, 77, 70, 63, 56, 49, 41, 34, 26],
     [-37, -40, -43, -45, -48, -51, -54, -56, -59, -63, -67, -71, -76, -82, -90, -100, -112]],
    [[447, 433, 421, 406, 391, 375, 358, 340, 322, 305, 286, 268, 249, 230, 212, 193, 173],
     [133, 128, 123, 117, 110, 103, 95, 87, 79, 72, 64, 56, 49, 41, 34, 28, 20],
     [-22, -26, -29, -32, -36, -40, -45, -50, -55, -61, -69, -78, -87, -98, -109, -122, -137]],
    [[494, 480, 463, 443, 422, 401, 377, 357, 335, 314, 295, 276, 258, 241, 224, 207, 188],
     [135, 129, 122, 114, 105, 96, 86, 77, 68, 60, 52, 45, 38, 32, 26, 20, 13],
     [-17, -21, -26, -31, -36, -42, -49, -57, -67, -77, -88, -99, -111, -123, -135, -149, -164]],
    [[516, 498, 478, 454, 430, 404, 380, 355, 333, 311, 291, 273, 256, 241, 225, 210, 194],
     [137, 129, 121, 111, 101, 90, 79, 70, 61, 52, 45, 38, 31, 26, 20, 15, 10],
     [-16, -20, -26, -32, -39, -47, -56, -67, -79, -91, -104, -116, -128, -140, -151, -164, -176]],
    [[528, 507, 480, 456, 429, 399, 371, 344, 319, 296, 278, 262, 248, 235, 223, 210, 197],
     [137, 129, 118, 107, 95, 83, 72, 62, 53, 44, 37, 31, 26, 20, 15, 11, 6],
     [-14, -19, -26, -34, -42, -52, -64, -78, -92, -105, -118, -130, -142, -153, -163, -172, -184]],
    [[532, 503, 476, 445, 411, 378, 347, 320, 297, 277, 262, 247, 236, 225, 215, 206, 196],
     [138, 128, 115, 102, 88, 75, 63, 52, 43, 35, 29, 23, 18, 14, 11, 7, 4],
     [-14, -22, -29, -39, -49, -63, -78, -94, -108, -122, -135, -146, -156, -165, -173, -182, -189]],
    [[533, 504, 471, 435, 398, 362, 332, 305, 283, 265, 250, 237, 227, 219, 212, 205, 198],
     [137, 126, 112, 97, 82, 68, 56, 46, 37, 30, 23, 18, 14, 10, 8, 5, 3],
     [-14, -22, -31, -41, -54, -71, -88, -105, -121, -135, -146, -155, -164, -171, -177, -185, -192]],
    [[536, 507, 469, 429, 389, 352, 319, 293, 272, 255, 241, 231, 222, 215, 208, 203, 199],
     [138, 125, 109, 92, 76, 62, 50, 40, 31, 25, 19, 15, 12, 10, 7, 4, 2],
     [-13, -22, -33, -45, -60, -79, -98, -115, -130, -142, -153, -162, -170, -176, -182, -187, -192]],
    [[535, 497, 455, 411, 369, 331, 299, 275, 255, 241, 230, 222, 216, 211, 207, 202, 197],
     [138, 123, 105, 86, 68, 53, 42, 32, 25, 19, 15, 12, 9, 7, 5, 3, 2],
     [-14, -24, -36, -50, -69, -91, -111, -129, -144, -155, -165, -172, -178, -183, -187, -191, -195]],
])  # fmt: skip

RESIDUAL = 0.01 * np.array([
    [[454, 442, 429, 415, 400, 385, 368, 351, 332, 312, 292, 272, 251, 230, 208, 187, 164],
     [213, 206, 198, 190, 181, 172, 162, 151, 140, 129, 117, 105, 93, 81, 68, 56, 43],
     [8, 6, 2, 0, -4, -7, -11, -15, -19, -25, -30, -37, -45, -55, -66, -79, -93]],
    [[575, 560, 540, 521, 499, 474, 450, 425, 396, 369, 342, 315, 289, 263, 237, 211, 185],
     [231, 223, 213, 203, 191, 179, 165, 152, 138, 124, 111, 97, 84, 72, 60, 48, 36],
     [17, 13, 9, 5, 1, -4, -10, -17, -24, -33, -43, -53, -65, -77, -91, -105, -121]],
    [[673, 650, 622, 594, 560, 528, 491, 455, 419, 385, 353, 323, 295, 270, 246, 223, 200],
     [243, 232, 220, 205, 189, 173, 156, 139, 123, 107, 92, 79, 67, 56, 45, 36, 26],
     [20, 16, 10, 4, -2, -10, -19, -30, -41, -53, -66, -78, -92, -106, -120, -135, -152]],
    [[716, 690, 655, 615, 575, 533, 490, 447, 409, 373, 340, 313, 287, 264, 243, 223, 204],
     [248, 235, 219, 202, 184, 165, 145, 126, 109, 93, 79, 66, 55, 45, 36, 27, 19],
     [20, 16, 10, 2, -6, -16, -28, -42, -56, -70, -85, -99, -112, -125, -138, -151, -167]],
    [[738, 701, 662, 618, 571, 521, 472, 426, 385, 349, 319, 294, 272, 253, 237, 220, 204],
     [249, 235, 217, 196, 174, 152, 131, 111, 93, 78, 65, 54, 44, 35, 27, 20, 13],
     [23, 16, 8, 0, -11, -24, -39, -54, -70, -86, -101, -115, -128, -140, -152, -164, -176]],
    [[749, 712, 659, 603, 545, 488, 435, 388, 347, 315, 289, 268, 251, 238, 225, 212, 201],
     [252, 233, 212, 187, 161, 135, 112, 92, 75, 61, 50, 40, 32, 25, 19, 13, 9],
     [21, 14, 5, -6, -20, -36, -54, -71, -89, -105, -120, -134, -146, -157, -166, -176, -185]],
    [[751, 705, 652, 589, 524, 460, 404, 358, 323, 293, 271, 254, 239, 228, 218, 210, 200],
     [250, 229, 205, 178, 150, 123, 100, 80, 64, 50, 40, 31, 24, 19, 14, 10, 6],
     [22, 14, 3, -11, -27, -46, -67, -86, -104, -120, -134, -145, -156, -165, -172, -180, -189]],
    [[755, 703, 643, 575, 505, 439, 382, 336, 303, 277, 259, 243, 231, 221, 214, 207, 201],
     [251, 228, 200, 169, 139, 111, 88, 69, 54, 42, 33, 26, 20, 16, 11, 8, 5],
     [22, 12, 0, -16, -35, -57, -78, -98, -115, -130, -143, -154, -163, -171, -177, -184, -190]],
    [[755, 699, 630, 548, 465, 399, 346, 308, 278, 258, 241, 231, 222, 215, 210, 204, 199],
     [253, 226, 194, 158, 125, 96, 73, 56, 43, 33, 25, 19, 14, 11, 8, 6, 3],
     [21, 10, -4, -22, -45, -69, -92, -113, -131, -145, -156, -166, -173, -180, -184, -189, -193]],
])  # fmt: skip


@njit
def scale_of(phi: float, n: float) -> float:
    """About the standard deviation of phi-hat."""
    return float(np.sqrt((1.0 - phi * phi) / n + 10.0 / (n * n)))


@njit
def phi_quantile(quantile: int, phi: float, n: float, is_residual: bool) -> float:
    """The quantile (``LOW``, ``MEDIAN`` or ``HIGH``) of phi-hat at a true phi of 0 to 1 and ``n`` bars, 10 or more."""
    table = RESIDUAL if is_residual else LEVEL
    length = min(n, LENGTHS[-1])
    row = min(max(int(np.searchsorted(LENGTHS, length)) - 1, 0), LENGTHS.size - 2)
    across = max(np.log(length / LENGTHS[row]) / np.log(LENGTHS[row + 1] / LENGTHS[row]), 0.0)
    place = min((NODES - 1) * np.log1p(n * (1.0 - phi)) / np.log1p(length), NODES - 1.0)
    node = min(int(place), NODES - 2)
    along = place - node
    short, long = table[row, quantile], table[row + 1, quantile]
    below = (1.0 - across) * short[node] + across * long[node]
    above = (1.0 - across) * short[node + 1] + across * long[node + 1]
    return float(phi - ((1.0 - along) * below + along * above) * scale_of(phi, n))


@njit
def phi_where(quantile: int, phi_hat: float, n: float, is_residual: bool) -> float:
    """The phi, 0 to 1, at which ``phi_hat`` is that quantile; 0 and 1 stand for all beyond them, NaN for NaN."""
    if phi_hat != phi_hat:
        return np.nan
    if phi_hat >= phi_quantile(quantile, 1.0, n, is_residual):
        return 1.0
    if phi_hat <= phi_quantile(quantile, 0.0, n, is_residual):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if phi_quantile(quantile, middle, n, is_residual) <= phi_hat:
            low = middle
        else:
            high = middle
    return low

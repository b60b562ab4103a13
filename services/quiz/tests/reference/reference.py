"""Computes the statistics of a quiz with NumPy, SciPy and Pingouin, independently of the service, for `statistics.json`.

    pip install numpy scipy pandas pingouin
    python reference.py > statistics.json
"""

import json

import numpy as np
import pandas as pd
import pingouin
from scipy import stats


def cov(x, y):
    return float(np.cov(x, y, ddof=1)[0, 1])


def case(name, maxima, seed, n, partial):
    random = np.random.default_rng(seed)
    ability = random.normal(size=n)
    marks = np.zeros((n, len(maxima)))
    for i, top in enumerate(maxima):
        difficulty = random.normal(scale=0.8)
        chance = 1 / (1 + np.exp(-(1.2 * ability - difficulty)))
        if partial and i % 2:
            # Partial marks, in quarters.
            marks[:, i] = np.round(np.clip(chance + random.normal(scale=0.2, size=n), 0, 1) * 4) / 4 * top
        else:
            marks[:, i] = (random.random(n) < chance) * top
    score = marks.sum(axis=1)
    alpha, _ = pingouin.cronbach_alpha(data=pd.DataFrame(marks))
    sd = float(np.std(score, ddof=1))
    error_ratio = float(np.sqrt(1 - alpha)) if alpha >= 0 else None
    whole = {
        "n": n,
        "mean": float(np.mean(score)),
        "median": float(np.median(score)),
        "sd": sd,
        "skewness": float(stats.skew(score, bias=False)),
        "kurtosis": float(stats.kurtosis(score, bias=False)),
        "alpha": float(alpha),
        "error_ratio": error_ratio,
        "standard_error": None if error_ratio is None else error_ratio * sd,
    }
    pulls = [np.sqrt(cov(marks[:, i], score)) if cov(marks[:, i], score) >= 0 else None for i in range(len(maxima))]
    pull = sum(p for p in pulls if p is not None)
    items = []
    for i, top in enumerate(maxima):
        x, rest = marks[:, i], score - marks[:, i]
        right = (x >= top - 1e-9).astype(int)
        items.append(
            {
                "facility": float(np.mean(x) / top),
                "sd": float(np.std(x, ddof=1)),
                "discrimination": float(100 * np.corrcoef(x, rest)[0, 1]),
                "efficiency": 100 * cov(x, rest) / cov(np.sort(x), np.sort(rest)),
                "effective_weight": None if pulls[i] is None else float(100 * pulls[i] / pull),
                "intended_weight": float(100 * top / sum(maxima)),
                "point_biserial": float(stats.pointbiserialr(right, score).statistic),
            }
        )
    return {"name": name, "max_marks": maxima, "marks": marks.tolist(), "whole": whole, "items": items}


print(
    json.dumps(
        [
            case("right or wrong, one mark each", [1.0] * 8, 1, 60, False),
            case("partial marks, questions of different weight", [1.0, 2.0, 5.0, 4.0, 0.5, 3.0], 2, 45, True),
            case("a small class", [1.0, 1.0, 2.0, 2.0], 3, 9, True),
        ],
        separators=(",", ":"),
    )
)

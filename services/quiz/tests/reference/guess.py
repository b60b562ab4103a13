"""Computes what blind guessing earns by trying out every guess, independently of the service, for `guess.json`.

    python guess.py > guess.json

A guess picks one option, one truth, or for each premise, gap and place one of what is offered for it, each as likely as any other. What is typed, put into
order or put anywhere on a picture is not guessed, as in Moodle.
"""

import json
from fractions import Fraction
from itertools import product


def option(text, fraction=0):
    return {"key": text, "text": text, "fraction": fraction}


def mean(values):
    values = list(values)
    return sum(values, Fraction(0)) / len(values)


def guess(spec):
    kind = spec["type"]
    if kind == "single_choice":
        return mean(Fraction(str(o["fraction"])) for o in spec["options"])
    if kind == "true_false":
        return mean(Fraction(int(said == spec["correct"])) for said in (True, False))
    if kind == "matching":
        pairs = spec["pairs"]
        targets = sorted({p["target"] for p in pairs} | {d["text"] for d in spec.get("distractors", [])})
        return mean(
            Fraction(sum(said == p["target"] for said, p in zip(given, pairs)), len(pairs))
            for given in product(targets, repeat=len(pairs))
        )
    if kind in ("select_words", "drag_words", "drag_onto_picture"):
        choices, places = spec["choices"], spec["places"]
        right = [choices[p["choice"] - 1] for p in places]
        offered = [[c for c in choices if c.get("group", 1) == r.get("group", 1)] for r in right]
        return mean(
            Fraction(sum(g["text"] == r["text"] for g, r in zip(given, right)), len(places)) for given in product(*offered)
        )
    if kind == "cloze":
        lists = [
            [(Fraction(str(o["fraction"])), g.get("weight", 1)) for o in g["blank"]["options"]]
            if g["blank"]["kind"] == "choice"
            else [(Fraction(0), g.get("weight", 1))]
            for g in spec["gaps"]
        ]
        return mean(
            sum((worth * weight for worth, weight in given), Fraction(0)) / sum(weight for _, weight in given)
            for given in product(*lists)
        )
    if kind in ("short_answer", "numerical", "calculated", "ordering", "multiple_choice"):
        return Fraction(0)
    return None


def words(kind, places, choices, **more):
    return {
        "type": kind,
        "places": [{"key": str(n + 1), "choice": c} for n, c in enumerate(places)],
        "choices": [{"key": f"c{n}", "text": text, "group": group} for n, (text, group) in enumerate(choices)],
        **more,
    }


SPECS = [
    {"type": "single_choice", "options": [option("a", 1), option("b", 0.5), option("c", -0.25), option("d")]},
    {"type": "true_false", "correct": False},
    {
        "type": "matching",
        "pairs": [
            {"key": "p", "premise": "France", "target_key": "t", "target": "Paris"},
            {"key": "q", "premise": "Spain", "target_key": "u", "target": "Madrid"},
            {"key": "r", "premise": "The Seine", "target_key": "v", "target": "Paris"},
        ],
        "distractors": [{"key": "w", "text": "Rome"}, {"key": "x", "text": "Berne"}],
    },
    words("select_words", [1, 3, 4], [("cat", 1), ("dog", 1), ("runs", 2), ("ran", 2), ("run", 2)]),
    words("drag_words", [2, 1, 4], [("cat", 1), ("dog", 1), ("cat", 1), ("on", 3)]),
    {
        "type": "cloze",
        "gaps": [
            {"key": "1", "weight": 3, "blank": {"kind": "choice", "options": [option("a", 1), option("b"), option("c", 0.5)]}},
            {"key": "2", "weight": 1, "blank": {"kind": "text", "accepted": [{"text": "x"}]}},
            {"key": "3", "weight": 2, "blank": {"kind": "choice", "options": [option("a"), option("b", 1)]}},
        ],
    },
    {
        "type": "calculated",
        "accepted": [{"formula": "{a} + 1"}],
        "wildcards": [{"name": "a", "values": [1, 2]}],
    },
    {
        "type": "drag_onto_picture",
        "picture": {"name": "p.png", "data": ""},
        "places": [{"key": "p", "at": {"x": 1, "y": 1}, "choice": 1}, {"key": "q", "at": {"x": 2, "y": 2}, "choice": 4}],
        "choices": [{"key": f"c{n}", "text": t, "group": g} for n, (t, g) in enumerate([("a", 1), ("b", 1), ("c", 1), ("d", 2)])],
    },
    {
        "type": "drag_markers",
        "picture": {"name": "p.png", "data": ""},
        "zones": [{"shape": {"kind": "circle", "x": 1, "y": 1, "radius": 1}, "marker": 1}],
        "markers": [{"key": "m", "text": "m"}],
    },
    {"type": "essay"},
]

print(
    json.dumps(
        [{"answer": spec, "guess": None if guess(spec) is None else float(guess(spec))} for spec in SPECS], separators=(",", ":")
    )
)

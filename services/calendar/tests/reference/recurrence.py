"""Expands events with recurring-ical-events, icalendar and python-dateutil, independently of the service, for `recurrence.json`.

    pip install icalendar==7.3.0 recurring-ical-events==3.8.2 python-dateutil==2.9.0.post0 tzdata==2026.6
    python recurrence.py > recurrence.json

Each case is an event: its zone (none for whole days), its first local start, its rule, its exceptions, its moved and cancelled occurrences, and the span of
local days that was asked for. What is expected are the starts, in UTC (or days), and whether the occurrence was cancelled. Rules are drawn at random from a
seed; starts lie close to changes of clocks, some of them within the hour that is skipped or comes twice.
"""

import json
import random
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from dateutil.rrule import rrulestr

# A zone, and days close to its changes of clocks.
ZONES = {
    "Europe/London": ["2025-03-30", "2025-10-26", "2026-03-29", "2026-10-25"],
    "America/New_York": ["2025-03-09", "2025-11-02", "2026-03-08", "2026-11-01"],
    "Australia/Sydney": ["2025-04-06", "2025-10-05", "2026-04-05", "2026-10-04"],
    "Australia/Lord_Howe": ["2025-04-06", "2025-10-05", "2026-04-05", "2026-10-04"],
    "Pacific/Auckland": ["2025-04-06", "2025-09-28", "2026-04-05", "2026-09-27"],
    "Asia/Kolkata": ["2025-04-01", "2026-11-24"],
    "UTC": ["2025-04-01", "2026-02-28"],
}
TIMES = [time(9, 0), time(15, 30), time(0, 0), time(23, 45), time(1, 30), time(2, 15), time(2, 30), time(1, 0), time(2, 0), time(3, 0)]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]


def some(pick, values, most):
    return ",".join(str(value) for value in sorted(pick.sample(values, pick.randint(1, most)), key=str))


def rule(pick):
    frequency = pick.choice(["DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "MONTHLY", "YEARLY"])
    parts = [f"FREQ={frequency}"]
    if pick.random() < 0.5:
        parts.append(f"INTERVAL={pick.randint(1, {'DAILY': 20, 'WEEKLY': 5, 'MONTHLY': 4, 'YEARLY': 2}[frequency])}")
    if frequency == "DAILY":
        if pick.random() < 0.3:
            parts.append("BYDAY=" + some(pick, DAYS, 5))
        if pick.random() < 0.2:
            parts.append("BYMONTH=" + some(pick, list(range(1, 13)), 6))
    elif frequency == "WEEKLY":
        if pick.random() < 0.7:
            parts.append("BYDAY=" + some(pick, DAYS, 4))
        if pick.random() < 0.4:
            parts.append("WKST=" + pick.choice(DAYS))
    elif frequency == "MONTHLY":
        shape = pick.random()
        if shape < 0.3:
            parts.append("BYMONTHDAY=" + some(pick, [1, 2, 13, 15, 28, 29, 30, 31, -1, -2, -7], 3))
        elif shape < 0.6:
            parts.append("BYDAY=" + ",".join(f"{pick.choice([1, 2, 3, 4, 5, -1, -2])}{day}" for day in pick.sample(DAYS, pick.randint(1, 2))))
        elif shape < 0.8:
            parts.append("BYDAY=" + some(pick, DAYS, 5))
            parts.append("BYSETPOS=" + some(pick, [1, 2, -1, -2], 2))
    else:
        shape = pick.random()
        if shape < 0.3:
            parts.append("BYMONTH=" + some(pick, list(range(1, 13)), 3))
            parts.append("BYDAY=" + ",".join(f"{pick.choice([1, 2, -1])}{day}" for day in pick.sample(DAYS, 1)))
        elif shape < 0.5:
            parts.append("BYYEARDAY=" + some(pick, [1, 60, 100, 200, 365, 366, -1, -100], 3))
        elif shape < 0.7:
            parts.append("BYWEEKNO=" + some(pick, [1, 10, 20, 33, 52, 53], 2))
            parts.append("BYDAY=" + some(pick, DAYS, 2))
        elif shape < 0.85:
            parts.append("BYMONTH=" + some(pick, list(range(1, 13)), 2))
            parts.append("BYMONTHDAY=" + some(pick, [1, 15, 29, 30, 31, -1], 2))
    return ";".join(parts)


def stamp(moment):
    return moment.strftime("%Y%m%dT%H%M%S") if isinstance(moment, datetime) else moment.strftime("%Y%m%d")


def case(pick, all_day):
    zone = pick.choice(list(ZONES))
    near = date.fromisoformat(pick.choice(ZONES[zone])) - timedelta(days=pick.randint(0, 40))
    start = datetime.combine(near, time(0) if all_day else pick.choice(TIMES))
    pattern = rule(pick)
    # The event must start on a day of its rule, and the rule then still makes it first.
    starts = rrulestr(pattern, dtstart=start)
    start = next(iter(starts), None)
    if start is None:
        return None
    starts = iter(rrulestr(pattern, dtstart=start))
    drawn = [moment for moment, _ in zip(starts, range(60)) if moment < start + timedelta(days=365 * 6)]
    if not drawn or drawn[0] != start or len(drawn) < 3:
        return None
    drawn = drawn[: pick.randint(3, len(drawn))]
    tz = ZoneInfo(zone)
    if start.replace(tzinfo=tz).astimezone(timezone.utc).astimezone(tz).replace(tzinfo=None) != start:
        # The service keeps the instant of the first occurrence, and a time that clocks skip is none: such a series is refused. Later occurrences may be skipped.
        return None
    if pick.random() < 0.5:
        pattern += f";COUNT={len(drawn)}"
    elif all_day:
        pattern += ";UNTIL=" + drawn[-1].strftime("%Y%m%d")
    else:
        pattern += ";UNTIL=" + drawn[-1].replace(tzinfo=tz).astimezone(timezone.utc).strftime("%Y%m%dT%H%M%SZ")

    def written(moment):
        return moment.date() if all_day else moment

    exceptions = sorted(pick.sample(drawn[1:], min(len(drawn) - 1, pick.choice([0, 0, 1, 2]))))
    left = [moment for moment in drawn[1:] if moment not in exceptions]
    changed = pick.sample(left, min(len(left), pick.choice([0, 0, 1, 2])))
    moved = [(written(moment), written(moment + timedelta(days=pick.choice([-3, 1, 2, 9]), hours=0 if all_day else pick.choice([-2, 0, 5])))) for moment in changed[:1]]
    cancelled = [written(moment) for moment in changed[1:]]

    def event(**lines):
        made = icalendar.Event()
        made.add("uid", "case")
        made.add("dtstamp", datetime(2026, 1, 1, tzinfo=timezone.utc))
        for name, value in lines.items():
            made.add(name.replace("_", "-"), value)
        return made

    def local(moment):
        return moment if all_day else moment.replace(tzinfo=tz)

    length = timedelta(days=pick.choice([1, 1, 2])) if all_day else timedelta(minutes=pick.choice([10, 45, 90]))
    calendar = icalendar.Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//reference//EN")
    master = event(dtstart=local(written(start)), duration=length)
    master.add("rrule", icalendar.vRecur.from_ical(pattern))
    for moment in exceptions:
        master.add("exdate", local(written(moment)))
    calendar.add_component(master)
    for original, later in moved:
        calendar.add_component(event(dtstart=local(later), duration=length, recurrence_id=local(original)))
    for original in cancelled:
        calendar.add_component(event(dtstart=local(original), duration=length, recurrence_id=local(original), status="CANCELLED"))
    # What was written is what is read: the parser has its own way with it.
    calendar = icalendar.Calendar.from_ical(calendar.to_ical())

    middle = pick.choice(drawn).date()
    first, last = middle - timedelta(days=pick.randint(0, 200)), middle + timedelta(days=pick.randint(0, 160))
    if all_day:
        span = (first, last + timedelta(days=1))
    else:
        span = (datetime.combine(first, time(0), tz), datetime.combine(last + timedelta(days=1), time(0), tz))
    expected = []
    for occurrence in recurring_ical_events.of(calendar).between(*span):
        begins = occurrence["DTSTART"].dt
        # The span ends before its end, and an occurrence that ends as the span begins is not in it. The library reckons lengths by the clock, the standard (and
        # the service) by what really passes, so the edge is drawn here.
        if isinstance(begins, datetime):
            begins = begins.astimezone(timezone.utc)
            if begins >= span[1].astimezone(timezone.utc) or begins + length <= span[0].astimezone(timezone.utc):
                continue
            begins = begins.strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            if begins >= span[1] or begins + length <= span[0]:
                continue
            begins = begins.isoformat()
        expected.append([begins, str(occurrence.get("STATUS", "CONFIRMED"))])
    if not expected:
        return None
    return {
        "zone": None if all_day else zone,
        "start": stamp(written(start)),
        "minutes": None if all_day else int(length.total_seconds() // 60),
        "days": length.days if all_day else None,
        "rrule": pattern,
        "exdates": [stamp(written(moment)) for moment in exceptions],
        "moved": [[stamp(original), stamp(later)] for original, later in moved],
        "cancelled": [stamp(original) for original in cancelled],
        "from": first.isoformat(),
        "to": last.isoformat(),
        "expected": sorted(expected),
    }


def main():
    pick = random.Random(20261121)
    cases = []
    while len(cases) < 600:
        made = case(pick, all_day=pick.random() < 0.25)
        if made is not None:
            cases.append(made)
    print("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]")


main()

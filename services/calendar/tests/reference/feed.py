"""Opens a feed with icalendar and expands it with recurring-ical-events, independently of the service.

    pip install icalendar==7.3.0 recurring-ical-events==3.8.2 tzdata==2026.6
    python feed.py feed.ics 2026-10-01 2026-12-01

Prints each occurrence: its start in UTC (or its day), its name, its summary and its status. Ends with a fault if anything in the file is not as RFC 5545 has it.
"""

import sys
from datetime import date, datetime, timezone

import icalendar
import recurring_ical_events


def main(path, first, last):
    with open(path, "rb") as file:
        calendar = icalendar.Calendar.from_ical(file.read())
    faults = list(calendar.errors)
    for component in calendar.walk():
        faults.extend(component.errors)
    zones = {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")}
    for event in calendar.walk("VEVENT"):
        for name in ["UID", "DTSTAMP", "DTSTART", "SEQUENCE"]:
            if name not in event:
                faults.append(f"an event without {name}")
        for name in ["DTSTART", "DTEND", "RECURRENCE-ID"]:
            zone = event[name].params.get("TZID") if name in event else None
            if zone is not None and zone not in zones:
                faults.append(f"{zone} is used and not told")
    if faults:
        sys.exit("\n".join(map(str, faults)))
    for zone in calendar.walk("VTIMEZONE"):
        # As a program that knows no zones by name would read it.
        zone.to_tz()
    found = []
    for event in recurring_ical_events.of(calendar).between(date.fromisoformat(first), date.fromisoformat(last)):
        start = event["DTSTART"].dt
        start = start.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(start, datetime) else start.isoformat()
        found.append(f"{start} {event['UID']} {event['SUMMARY']} {event.get('STATUS')}")
    print("\n".join(sorted(found)))


main(*sys.argv[1:])

//! Rooms, the timetable and its bells, what happens in the year (holidays, exams, meetings, a sports day), and who sees whom at the parents' evening to come. Not
//! all goes as planned: a meeting is moved and another called off, somebody stands in for a teacher, a lesson is called off and one is in another room.

use std::collections::HashSet;

use anyhow::Context;
use chrono::{Days, NaiveDate};
use serde_json::{Value, json};
use store::SchoolTransaction;
use uuid::Uuid;
use write_behind::natural_id;

use crate::ids::{Ids, Kind, id};
use crate::insert::school_rows;
use crate::roster::Roster;
use crate::timetable::{PERIODS, lessons};

/// Rooms that don't belong to a class.
const SHARED: &[(&str, i32)] = &[("Assembly hall", 600), ("Laboratory", 36), ("Computer room", 40), ("Library", 60), ("Staff room", 70)];

/// Everything of the calendar.
pub(crate) async fn write(transaction: &mut SchoolTransaction, roster: &Roster) -> anyhow::Result<()> {
    let (school, now) = (roster.school, roster.dates.now);
    let connection = transaction.connection()?;
    school_rows(connection, school, now, "rooms", &rooms(roster)).await?;
    school_rows(connection, school, now, "timetable_entries", &timetable(roster)).await?;
    school_rows(connection, school, now, "timetable_entries", &[cover(roster)?]).await?;
    school_rows(connection, school, now, "room_bookings", &[reading_circle(roster)?]).await?;
    let (bells, blocks) = bells(roster);
    school_rows(connection, school, now, "timetable_columns", &bells).await?;
    school_rows(connection, school, now, "timetable_blocks", &blocks).await?;
    school_rows(connection, school, now, "timetable_days", &short_days(roster)?).await?;
    school_rows(connection, school, now, "timetable_lesson_days", &lesson_days(roster)?).await?;
    // Events have columns of two kinds, so they go as two statements.
    school_rows(connection, school, now, "calendar_events", &all_day(roster)?).await?;
    school_rows(connection, school, now, "calendar_events", &timed(roster)?).await?;
    school_rows(connection, school, now, "calendar_events", &changed_meetings(roster)?).await?;
    let (slots, bookings) = appointments(roster)?;
    school_rows(connection, school, now, "appointment_slots", &slots).await?;
    school_rows(connection, school, now, "appointment_bookings", &bookings).await
}

/// The shared rooms first, then one for each class.
fn rooms(roster: &Roster) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::Room);
    let shared = SHARED.iter().map(|(name, capacity)| ((*name).to_owned(), *capacity));
    let of_classes = roster.classes.iter().map(|class| (format!("Room {}{}", class.grade, class.section), 40));
    shared
        .chain(of_classes)
        .map(|(name, capacity)| json!({"id": ids.next(), "name": name, "capacity": capacity, "is_active": true}))
        .collect()
}

fn room_of(roster: &Roster, class: Uuid) -> Option<Uuid> {
    let place = roster.classes.iter().position(|other| other.id == class)?;
    Some(id(roster.spec.number, Kind::Room, SHARED.len() + place + 1))
}

fn timetable(roster: &Roster) -> Vec<Value> {
    let mut ids = Ids::of(roster.spec.number, Kind::TimetableEntry);
    let lessons = lessons(roster).into_iter();
    lessons
        .map(|lesson| {
            let (start, end) = PERIODS.get(lesson.period).copied().unwrap_or((0, 1));
            json!({"id": ids.next(), "class_id": lesson.class.id, "subject_id": lesson.taught.subject, "teacher_id": lesson.taught.teacher,
                "room_id": room_of(roster, lesson.class.id), "rotation_day": lesson.day, "period": lesson.period + 1, "start_minute": start,
                "end_minute": end, "valid_from": roster.dates.year.from, "valid_to": roster.dates.year.to, "status": "active"})
        })
        .collect()
}

/// On the next of its days somebody who is free stands in for the first lesson of the first class.
fn cover(roster: &Roster) -> anyhow::Result<Value> {
    let lessons = lessons(roster);
    let class = roster.classes.first().context("there are classes")?;
    let place = lessons.iter().position(|lesson| lesson.class.id == class.id).context("every class has lessons")?;
    let lesson = lessons.get(place).context("it was just found")?;
    let day = next_day(roster, lesson)?;
    let is_then = |other: &crate::timetable::Lesson<'_>| (other.day, other.period) == (lesson.day, lesson.period);
    let busy: HashSet<Uuid> = lessons.iter().filter(|other| is_then(other)).map(|other| other.taught.teacher).collect();
    let free = roster.teachers.iter().find(|teacher| !busy.contains(&teacher.id)).context("somebody is free")?;
    let (start, end) = PERIODS.get(lesson.period).copied().unwrap_or((0, 1));
    let row = |number: usize| id(roster.spec.number, Kind::TimetableEntry, number);
    Ok(
        json!({"id": row(lessons.len() + 1), "class_id": class.id, "subject_id": lesson.taught.subject, "teacher_id": free.id, "rotation_day": lesson.day,
        "period": lesson.period + 1, "start_minute": start, "end_minute": end, "valid_from": day, "valid_to": day, "covers_entry_id": row(place + 1),
        "note": "Please go on with the exercises", "status": "active"}),
    )
}

/// Of the first class's other lessons, on the next of their days, one is called off, and one is in the computer room.
fn lesson_days(roster: &Roster) -> anyhow::Result<Vec<Value>> {
    let lessons = lessons(roster);
    let class = roster.classes.first().context("there are classes")?;
    let own = lessons.iter().enumerate().filter(|(_, lesson)| lesson.class.id == class.id).skip(1);
    let computers = id(roster.spec.number, Kind::Room, 3);
    let said = [("cancelled", None, "The teacher is at a training"), ("moved", Some(computers), "We look at maps on screens")];
    let mut ids = Ids::of(roster.spec.number, Kind::LessonDay);
    let row = |((place, lesson), (state, room, reason)): ((usize, &crate::timetable::Lesson<'_>), (&str, Option<Uuid>, &str))| {
        let entry = id(roster.spec.number, Kind::TimetableEntry, place + 1);
        Ok(
            json!({"id": ids.next(), "entry_id": entry, "class_id": class.id, "day": next_day(roster, lesson)?, "state": state, "room_id": room,
            "reason": reason, "version": 2}),
        )
    };
    own.zip(said).map(row).collect()
}

/// The next day on which the lesson is given.
fn next_day(roster: &Roster, lesson: &crate::timetable::Lesson<'_>) -> anyhow::Result<NaiveDate> {
    let is_its_day = |day: &NaiveDate| usize::try_from(chrono::Datelike::weekday(day).number_from_monday()) == Ok(lesson.day);
    roster.dates.days_to_come().into_iter().find(is_its_day).context("the term goes on")
}

/// The library, after lessons.
fn reading_circle(roster: &Roster) -> anyhow::Result<Value> {
    let day = roster.dates.days_to_come().get(3).copied().context("the term goes on")?;
    let class = roster.classes.first().context("there are classes")?;
    let mut ids = Ids::of(roster.spec.number, Kind::RoomBooking);
    Ok(
        json!({"id": ids.next(), "room_id": id(roster.spec.number, Kind::Room, 4), "purpose": "Reading circle", "starts_at": roster.dates.at(day, 16, 0),
        "ends_at": roster.dates.at(day, 17, 0), "booked_by": class.teacher_user, "status": "booked"}),
    )
}

/// The bell of usual days, and that of short ones: the same periods, half an hour each, done by noon.
fn bells(roster: &Roster) -> (Vec<Value>, Vec<Value>) {
    let mut ids = (Ids::of(roster.spec.number, Kind::Bell), Ids::of(roster.spec.number, Kind::BellBlock));
    let short: Vec<(usize, usize)> = (0..PERIODS.len()).map(|period| (540 + 30 * period, 570 + 30 * period)).collect();
    let (mut bells, mut blocks) = (Vec::new(), Vec::new());
    for (name, periods) in [("Usual day", PERIODS.as_slice()), ("Short day", short.as_slice())] {
        let bell = ids.0.next();
        bells.push(json!({"id": bell, "name": name}));
        for (period, (start, end)) in periods.iter().enumerate() {
            let number = period + 1;
            blocks.push(json!({"id": ids.1.next(), "column_id": bell, "name": format!("Period {number}"), "period": number, "start_minute": start, "end_minute": end}));
        }
    }
    (bells, blocks)
}

/// The last day of each term is a short one.
fn short_days(roster: &Roster) -> anyhow::Result<Vec<Value>> {
    let mut ids = Ids::of(roster.spec.number, Kind::TimetableDay);
    let short = id(roster.spec.number, Kind::Bell, 2);
    let last = |term| roster.dates.school_days(term).last().copied().context("the term has days");
    let row = |term| -> anyhow::Result<Value> {
        let day = last(term)?;
        Ok(
            json!({"id": ids.next(), "day": day, "rotation_day": chrono::Datelike::weekday(&day).number_from_monday(), "column_id": short, "note": "Last day of the term"}),
        )
    };
    roster.dates.terms.into_iter().map(row).collect()
}

fn uid(roster: &Roster, event: Uuid) -> String {
    format!("{event}@{}.demo.schools24.example", roster.spec.code.to_lowercase())
}

fn all_day(roster: &Roster) -> anyhow::Result<Vec<Value>> {
    let dates = &roster.dates;
    let [first, current] = dates.terms;
    let mut events: Vec<(&str, &str, NaiveDate, NaiveDate)> =
        dates.holidays.iter().map(|(name, span)| ("holiday", *name, span.from, span.to)).collect();
    let nth = |span, number: usize| dates.school_days(span).get(number).copied().context("the term is long enough");
    let last = |span, back: usize| dates.school_days(span).into_iter().rev().nth(back).context("the term is long enough");
    events.extend([
        ("event", "First day of the year", first.from, first.from),
        ("exam", "Term 1 examinations", last(first, 9)?, last(first, 3)?),
        ("event", "Science fair", nth(current, 28)?, nth(current, 28)?),
        ("event", "Sports day", nth(current, 44)?, nth(current, 44)?),
        ("exam", "Final examinations", last(current, 12)?, last(current, 5)?),
    ]);
    let mut ids = Ids::of(roster.spec.number, Kind::Event);
    let rows = events.into_iter().map(|(kind, title, from, to)| {
        let event = ids.next();
        json!({"id": event, "uid": uid(roster, event), "sequence": 0, "kind": kind, "title": title, "is_all_day": true, "start_date": from, "end_date": to, "last_day": to,
            "exdates": [], "audience": {}, "status": "confirmed", "created_by": roster.admin.user})
    });
    Ok(rows.collect())
}

/// The first Monday after the current term's first week: that of the first staff meeting.
fn first_staff_meeting(roster: &Roster) -> anyhow::Result<NaiveDate> {
    let [_, current] = roster.dates.terms;
    let mut days = current.from.iter_days().skip(7);
    days.find(|day| chrono::Datelike::weekday(day) == chrono::Weekday::Mon).context("weeks have Mondays")
}

/// Of the staff meetings to come the second is a day later, and the third is called off.
fn changed_meetings(roster: &Roster) -> anyhow::Result<Vec<Value>> {
    let dates = &roster.dates;
    let events = timed(roster)?;
    let series = events.last().context("there are events")?;
    let master: Uuid = series.get("id").and_then(Value::as_str).context("events have ids")?.parse()?;
    let to_come: Vec<NaiveDate> = first_staff_meeting(roster)?.iter_weeks().skip_while(|day| *day <= dates.today).take(3).collect();
    let [_, second, third] = to_come[..] else { anyhow::bail!("the term goes on") };
    let rows = [(second, second + Days::new(1), "confirmed"), (third, third, "cancelled")].into_iter().map(|(planned, day, status)| {
        let name = planned.format("%Y%m%dT160000").to_string();
        // As the service names it, which finds it when it is changed again.
        let id = natural_id("calendar_event", &[master.as_bytes(), name.as_bytes()]);
        json!({"id": id, "uid": uid(roster, master), "sequence": 1, "kind": "meeting", "title": series.get("title"), "room_id": series.get("room_id"),
            "is_all_day": false, "starts_at": dates.at(day, 16, 0), "ends_at": dates.at(day, 17, 0), "time_zone": roster.spec.zone.name(), "last_day": day,
            "exdates": [], "master_event_id": master, "recurrence_id": name, "audience": series.get("audience"), "status": status,
            "created_by": roster.admin.user})
    });
    Ok(rows.collect())
}

fn timed(roster: &Roster) -> anyhow::Result<Vec<Value>> {
    let dates = &roster.dates;
    let [first, current] = dates.terms;
    let soon = dates.days_to_come();
    let soon = |number: usize| soon.get(number).copied().context("the term goes on");
    let hall = id(roster.spec.number, Kind::Room, 1);
    let staff_room = id(roster.spec.number, Kind::Room, SHARED.len());
    let monday = first_staff_meeting(roster)?;
    let weekly = format!("FREQ=WEEKLY;UNTIL={}T000000Z", (current.to + Days::new(1)).format("%Y%m%d"));
    let teachers = json!({"roles": ["teacher", "school_admin", "admin"]});
    let everybody = json!({});
    let events = [
        ("meeting", "Parents' evening", hall, first.from + Days::new(45), (17, 0), (19, 30), None, &everybody),
        ("meeting", "Parents' evening", hall, soon(8)?, (17, 0), (19, 30), None, &everybody),
        ("event", "Concert of the school choir", hall, soon(14)?, (18, 0), (19, 30), None, &everybody),
        ("meeting", "Staff meeting", staff_room, monday, (16, 0), (17, 0), Some(weekly), &teachers),
    ];
    let start = all_day(roster)?.len();
    let rows = events.into_iter().enumerate().map(|(number, (kind, title, room, day, from, to, rrule, audience))| {
        let event = id(roster.spec.number, Kind::Event, start + number + 1);
        json!({"id": event, "uid": uid(roster, event), "sequence": 0, "kind": kind, "title": title, "room_id": room, "is_all_day": false,
            "starts_at": dates.at(day, from.0, from.1), "ends_at": dates.at(day, to.0, to.1), "time_zone": roster.spec.zone.name(), "rrule": rrule,
            "last_day": if rrule.is_some() { current.to } else { day },
            "exdates": [], "audience": audience, "status": "confirmed", "created_by": roster.admin.user})
    });
    Ok(rows.collect())
}

/// Half an evening with each class's teacher, ten minutes a family; some have booked. And an oral examination of the first class, which nobody has booked yet.
fn appointments(roster: &Roster) -> anyhow::Result<(Vec<Value>, Vec<Value>)> {
    let day = roster.dates.days_to_come().get(8).copied().context("the term goes on")?;
    let mut ids = (Ids::of(roster.spec.number, Kind::AppointmentSlot), Ids::of(roster.spec.number, Kind::AppointmentBooking));
    let (mut slots, mut bookings, mut busy, mut parents) = (Vec::new(), Vec::new(), HashSet::new(), HashSet::new());
    // Who teaches two classes sees the families of the first.
    for class in roster.classes.iter().filter(|class| busy.insert(class.teacher)) {
        let mut series = None;
        for number in 0..8_u32 {
            let (slot, minute) = (ids.0.next(), number * 10);
            let series = *series.get_or_insert(slot);
            let (starts_at, ends_at) =
                (roster.dates.at(day, 17 + minute / 60, minute % 60), roster.dates.at(day, 17 + (minute + 10) / 60, (minute + 10) % 60));
            slots.push(json!({"id": slot, "series_id": series, "kind": "meeting", "title": format!("Parents' evening, {}", class.name), "class_id": class.id,
                "teacher_id": class.teacher, "room_id": room_of(roster, class.id), "starts_at": starts_at, "ends_at": ends_at, "book_until": starts_at,
                "capacity": 1, "status": "open", "created_by": class.teacher_user}));
            // Every other is free, and the family that the documentation names has not booked yet.
            let known = |email: &str| roster.spec.known.is_some_and(|known| known.student == email);
            let student = class.students.get(usize::try_from(number)?).filter(|student| number % 2 == 0 && !known(&student.person.email));
            let parent = student.and_then(|student| roster.families.get(student.family)).and_then(|family| family.parents.first());
            // Who has children in two classes is with one teacher at a time.
            if let (Some(student), Some((parent, _))) = (student, parent.filter(|(parent, _)| parents.insert((parent.user, number)))) {
                bookings.push(
                    json!({"id": ids.1.next(), "slot_id": slot, "series_id": series, "slot_capacity": 1, "starts_at": starts_at, "ends_at": ends_at, "seat": 1,
                    "student_id": student.id, "booked_by": parent.user, "attending_parent": parent.user, "status": "booked"}),
                );
            }
        }
    }
    let (class, slot) = (roster.classes.first().context("there are classes")?, ids.0.next());
    let day = roster.dates.days_to_come().get(10).copied().context("the term goes on")?;
    let (starts_at, ends_at) = (roster.dates.at(day, 16, 0), roster.dates.at(day, 16, 30));
    slots.push(json!({"id": slot, "series_id": slot, "kind": "exam", "title": format!("Oral examination, {}", class.name), "class_id": class.id,
        "teacher_id": class.teacher, "room_id": id(roster.spec.number, Kind::Room, 2), "starts_at": starts_at, "ends_at": ends_at, "book_until": starts_at,
        "capacity": 30, "status": "open", "created_by": roster.admin.user}));
    Ok((slots, bookings))
}

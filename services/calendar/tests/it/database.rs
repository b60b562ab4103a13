//! The same rules in the tables themselves, for whoever comes there in another way.

use futures_util::future::join_all;
use serde_json::json;
use store::StoreError;
use uuid::Uuid;

use crate::school::{School, path_of_slot};

#[tokio::test]
async fn the_tables_refuse_what_the_service_would() {
    let school = School::open().await;
    let (id, class, other, new) = (school.id, school.class, school.other_class, Uuid::now_v7);
    let (day, [teacher, colleague]) = (school.day(1), school.teachers);
    let room = school.room("Hall").await;
    let entry = |class: domain::ClassId, teacher: String, room: String, more: &str| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, room_id, rotation_day, start_minute, end_minute, valid_from, valid_to, covers_entry_id)
             VALUES ('{id}', '{}', '{class}', {teacher}, {room}, 1, 540, 585, '{day}', '{day}', {more})",
            new()
        )
    };
    let quoted = |value: &dyn std::fmt::Display| format!("'{value}'");
    let none = || "NULL".to_owned();
    school.attacker().attempt(&entry(class, quoted(&teacher), quoted(&room), "NULL")).await.unwrap();
    school.attacker().refused("timetable_entries_teacher_free", &entry(other, quoted(&teacher), none(), "NULL")).await;
    school.attacker().refused("timetable_entries_room_free", &entry(other, none(), quoted(&room), "NULL")).await;
    school.attacker().refused("timetable_entries_class_free", &entry(class, none(), none(), "NULL")).await;
    let lesson: Uuid =
        sqlx::query_scalar("SELECT id FROM timetable_entries").fetch_one(&mut school.fleet.database.superuser().await).await.unwrap();
    school
        .attacker()
        .refused("timetable_entries_cover_is_of_its_lesson", &entry(other, quoted(&colleague), none(), &quoted(&lesson)))
        .await;
    school
        .attacker()
        .refused("timetable_entries_cover_is_bounded", &entry(class, quoted(&colleague), quoted(&room), &quoted(&lesson)))
        .await;
    school.attacker().attempt(&entry(class, quoted(&colleague), none(), &quoted(&lesson))).await.unwrap();
    school.attacker().refused("timetable_entries_teacher_free", &entry(other, quoted(&colleague), none(), "NULL")).await;

    let slot = path_of_slot(&school.slot().await);
    school.parent.post(&format!("{slot}/bookings"), &json!({})).await.expect(201);
    let copy = |seat: u32, student: domain::StudentId| {
        format!(
            "INSERT INTO appointment_bookings (school_id, id, slot_id, slot_capacity, starts_at, ends_at, seat, student_id, booked_by)
             SELECT school_id, '{}', slot_id, slot_capacity, starts_at, ends_at, {seat}, '{student}', booked_by FROM appointment_bookings",
            new()
        )
    };
    school.attacker().refused("appointment_bookings_one_a_seat", &copy(1, school.other_child)).await;
    school.attacker().refused("appointment_bookings_capacity", &copy(2, school.other_child)).await;
    school.attacker().refused("appointment_bookings_slot", "UPDATE appointment_bookings SET slot_capacity = 2").await;
    school.attacker().attempt("UPDATE appointment_slots SET capacity = 2").await.unwrap();
    school.attacker().refused("appointment_bookings_student_free", &copy(2, school.child)).await;
    school.attacker().attempt(&copy(2, school.other_child)).await.unwrap();
    school.attacker().refused("appointment_bookings_capacity", "UPDATE appointment_slots SET capacity = 1").await;

    let event = |more: &str| {
        format!(
            "INSERT INTO calendar_events (school_id, id, uid, kind, title, is_all_day, start_date, end_date, created_by, rrule)
             SELECT '{id}', '{}', 'u', 'holiday', 'x', true, '{day}', '{day}', user_id, {more} FROM teachers LIMIT 1",
            new()
        )
    };
    school.attacker().refused("calendar_events_holiday_has_days", &event("'FREQ=DAILY;COUNT=2'")).await;
    school.attacker().attempt(&event("NULL")).await.unwrap();
    school.attacker().refused("calendar_events_once", &event("NULL")).await;
}

#[tokio::test]
async fn the_tables_keep_days_bells_and_periods_apart() {
    let school = School::open().await;
    let (id, day, new) = (school.id, school.day(1), Uuid::now_v7);
    let [teacher, _] = school.teachers;
    let room = school.room("Hall").await;
    let lesson = |class: domain::ClassId, start: u32, teacher: &str, room: &str| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, room_id, rotation_day, period, start_minute, end_minute, valid_from)
             VALUES ('{id}', '{}', '{class}', {teacher}, {room}, 6, 3, {start}, {start} + 10, '{day}')",
            new()
        )
    };
    let (teacher, room) = (format!("'{teacher}'"), format!("'{room}'"));
    school.attacker().attempt(&lesson(school.class, 600, &teacher, &room)).await.unwrap();
    school.attacker().refused("timetable_entries_teacher_period", &lesson(school.other_class, 700, &teacher, "NULL")).await;
    school.attacker().refused("timetable_entries_room_period", &lesson(school.other_class, 700, "NULL", &room)).await;
    school.attacker().refused("timetable_entries_class_period", &lesson(school.class, 700, "NULL", "NULL")).await;

    let bell = new();
    school
        .attacker()
        .attempt(&format!("INSERT INTO timetable_columns (school_id, id, name) VALUES ('{id}', '{bell}', 'Short')"))
        .await
        .unwrap();
    school
        .attacker()
        .refused(
            "timetable_columns_name",
            &format!("INSERT INTO timetable_columns (school_id, id, name) VALUES ('{id}', '{}', 'Short')", new()),
        )
        .await;
    let block = |period: u32, start: u32| {
        format!(
            "INSERT INTO timetable_blocks (school_id, id, column_id, name, period, start_minute, end_minute)
             VALUES ('{id}', '{}', '{bell}', 'x', {period}, {start}, {start} + 30)",
            new()
        )
    };
    school.attacker().attempt(&block(1, 540)).await.unwrap();
    school.attacker().refused("timetable_blocks_period", &block(1, 570)).await;
    school.attacker().refused("timetable_blocks_one_at_a_time", &block(2, 569)).await;
    let on = |rotation_day: &str, bell: &str| {
        format!(
            "INSERT INTO timetable_days (school_id, id, day, rotation_day, column_id) VALUES ('{id}', '{}', '{day}', {rotation_day}, {bell})",
            new()
        )
    };
    school.attacker().refused("timetable_days_bell_has_lessons", &on("NULL", &format!("'{bell}'"))).await;
    school.attacker().refused("timetable_days_column", &on("1", &format!("'{}'", new()))).await;
    school.attacker().attempt(&on("1", &format!("'{bell}'"))).await.unwrap();
    school.attacker().refused("timetable_days_once", &on("2", "NULL")).await;
    school.attacker().refused("timetable_days_column", &format!("DELETE FROM timetable_columns WHERE id = '{bell}'")).await;
}

#[tokio::test]
async fn of_fifty_transactions_that_put_a_teacher_into_two_lessons_one_commits() {
    let school = School::open().await;
    let (id, day, teacher) = (school.id, school.day(1), school.teachers[0]);
    let outcomes = join_all((0..50).map(|n| {
        let class = if n % 2 == 0 { school.class } else { school.other_class };
        let sql = format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, rotation_day, start_minute, end_minute, valid_from)
             VALUES ('{id}', '{}', '{class}', '{teacher}', 2, 540 + {n} % 20, 585, '{day}')",
            Uuid::now_v7()
        );
        let school = &school;
        async move { school.attacker().attempt(&sql).await }
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries").await, 1);
}

#[tokio::test]
async fn of_fifty_transactions_that_take_one_room_one_commits() {
    let school = School::open().await;
    let room = school.room("Hall").await;
    let (id, day) = (school.id, school.day(1));
    let outcomes = join_all((0..50).map(|n| {
        let sql = format!(
            "INSERT INTO room_bookings (school_id, id, room_id, purpose, starts_at, ends_at, booked_by)
             SELECT '{id}', '{}', '{room}', 'x', '{day}T10:{:02}:00Z', '{day}T11:{:02}:00Z', user_id FROM teachers LIMIT 1",
            Uuid::now_v7(),
            n,
            n
        );
        let school = &school;
        async move { school.attacker().attempt(&sql).await }
    }))
    .await;
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(done, 1);
    let by_rule = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| {
        // Of two that wait for each other PostgreSQL ends one.
        error.constraint() == Some("room_bookings_room_free")
            || error.to_string().contains("deadlock")
            || matches!(error, StoreError::Unavailable(_))
    });
    assert!(by_rule, "{outcomes:?}");
    assert_eq!(school.count("SELECT count(*) FROM room_bookings").await, 1);
}

/// Of fifty transactions at once one commits; of the others each is refused by `rule`, or ended because two waited for each other.
pub async fn one_of_fifty(school: &School, rule: &str, sql: impl Fn(usize) -> String) {
    let attempts: Vec<String> = (0..50).map(sql).collect();
    let outcomes = join_all(attempts.iter().map(|sql| school.attacker().attempt(sql))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{rule}: {outcomes:?}");
    let by_rule = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(|error| {
        error.constraint() == Some(rule) || error.to_string().contains("deadlock") || matches!(error, StoreError::Unavailable(_))
    });
    assert!(by_rule, "{rule}: {outcomes:?}");
}

#[tokio::test]
async fn of_fifty_lessons_in_one_class_or_one_room_at_once_one_commits() {
    let school = School::open().await;
    let (id, day, class, room) = (school.id, school.day(1), school.class, school.room("Hall").await);
    let other = school.other_class;
    let lesson = |class: domain::ClassId, room: &str, rotation_day: u32, n: usize| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, room_id, rotation_day, start_minute, end_minute, valid_from)
             VALUES ('{id}', '{}', '{class}', {room}, {rotation_day}, 540 + {n} % 20, 585, '{day}')",
            Uuid::now_v7()
        )
    };
    one_of_fifty(&school, "timetable_entries_class_free", |n| lesson(class, "NULL", 1, n)).await;
    // Of two classes, so that only the room is in the way; each class is once in it at most.
    let mut classes = vec![class, other];
    for n in 0..48 {
        let teacher = school.fleet.member(school.id, domain::Role::Teacher, &format!("teacher{n}@a.example")).await;
        classes.push(school.fleet.class(school.id, &format!("Class {n}"), teacher, &[]).await);
    }
    one_of_fifty(&school, "timetable_entries_room_free", |n| lesson(classes[n], &format!("'{room}'"), 2, n)).await;
    assert_eq!(school.count("SELECT count(*) FROM timetable_entries").await, 2);
}

#[tokio::test]
async fn of_fifty_who_stand_in_for_one_lesson_at_once_one_commits() {
    let school = School::open().await;
    let (id, day, class) = (school.id, school.day(1), school.class);
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await.expect(201);
    let lesson = lesson["id"].as_str().unwrap();
    let mut teachers = Vec::new();
    for n in 0..50 {
        let user = school.fleet.member(school.id, domain::Role::Teacher, &format!("teacher{n}@a.example")).await;
        school.fleet.class(school.id, &format!("Class {n}"), user, &[]).await;
        let query = sqlx::query_scalar::<_, Uuid>("SELECT id FROM teachers WHERE school_id = $1 AND user_id = $2");
        let query = query.bind(school.id.as_uuid()).bind(user.as_uuid());
        teachers.push(query.fetch_one(&mut school.fleet.database.superuser().await).await.unwrap());
    }
    let cover = |n: usize| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, rotation_day, start_minute, end_minute, valid_from, valid_to, covers_entry_id)
             SELECT '{id}', '{}', '{class}', '{}', rotation_day, start_minute, end_minute, '{day}', '{day}', id FROM timetable_entries WHERE id = '{lesson}'",
            Uuid::now_v7(),
            teachers[n]
        )
    };
    one_of_fifty(&school, "timetable_entries_one_cover", cover).await;
}

#[tokio::test]
async fn of_fifty_bookings_of_one_seat_one_time_of_a_series_or_one_parents_minute_one_commits() {
    let school = School::open().await;
    let (id, day) = (school.id, school.day(1));
    let mut students = Vec::new();
    for n in 0..50 {
        students.push(school.fleet.member(school.id, domain::Role::Student, &format!("n{n}@a.example")).await);
    }
    school.fleet.class(school.id, "7C", school.fleet.member(school.id, domain::Role::Teacher, "third@a.example").await, &students).await;
    let mut ids = Vec::new();
    for student in &students {
        ids.push(school.fleet.student_id(school.id, *student).await);
    }
    let booking = |slot: &str, student: domain::StudentId, parent: &str| {
        format!(
            "INSERT INTO appointment_bookings (school_id, id, slot_id, series_id, slot_capacity, starts_at, ends_at, seat, student_id, booked_by, attending_parent)
             SELECT '{id}', '{}', id, series_id, capacity, starts_at, ends_at, 1, '{student}', created_by, {parent} FROM appointment_slots WHERE id = '{slot}'",
            Uuid::now_v7()
        )
    };
    let slot = path_of_slot(&school.slot().await);
    let slot = slot.rsplit('/').next().unwrap();
    one_of_fifty(&school, "appointment_bookings_one_a_seat", |n| booking(slot, ids[n], "NULL")).await;
    let evening = json!({"kind": "meeting", "title": "Evening", "starts_at": format!("{day}T16:00:00Z"), "ends_at": format!("{day}T20:10:00Z"), "minutes": 5});
    let made = school.teacher.post("/api/v1/appointment-slots", &evening).await.expect(201);
    let of_series = |n: usize| booking(made["items"][n]["id"].as_str().unwrap(), school.child, "NULL");
    one_of_fifty(&school, "appointment_bookings_one_a_series", of_series).await;
    let mut at_once = Vec::new();
    let minute =
        json!({"kind": "meeting", "title": "Talk", "starts_at": format!("{day}T21:00:00Z"), "ends_at": format!("{day}T21:10:00Z")});
    for _ in 0..50 {
        at_once.push(path_of_slot(&school.office.post("/api/v1/appointment-slots", &minute).await).rsplit('/').next().unwrap().to_owned());
    }
    one_of_fifty(&school, "appointment_bookings_parent_free", |n| booking(&at_once[n], ids[n], "created_by")).await;
    school
        .attacker()
        .refused("appointment_bookings_who_books_comes", &booking(&at_once[0], school.other_child, &format!("'{}'", school.student_user)))
        .await;
    assert_eq!(school.count("SELECT count(*) FROM appointment_bookings").await, 3);
}

#[tokio::test]
async fn a_series_without_an_end_and_a_slot_of_days_are_refused() {
    let school = School::open().await;
    let (id, day) = (school.id, school.day(1));
    let event = |rrule: &str, last_day: &str| {
        format!(
            "INSERT INTO calendar_events (school_id, id, uid, title, is_all_day, start_date, end_date, created_by, rrule, last_day)
             SELECT '{id}', '{0}', '{0}', 'x', true, '{day}', '{day}', user_id, '{rrule}', {last_day} FROM teachers LIMIT 1",
            Uuid::now_v7()
        )
    };
    school.attacker().refused("calendar_events_bounded", &event("FREQ=DAILY", "NULL")).await;
    school.attacker().refused("calendar_events_bounded", &event("FREQ=DAILY;INTERVAL=2;BYDAY=MO", "NULL")).await;
    for (rrule, last_day) in [("FREQ=DAILY;COUNT=2", "NULL"), ("UNTIL=20300101;FREQ=DAILY", "NULL"), ("FREQ=DAILY", "'2040-01-01'")] {
        school.attacker().attempt(&event(rrule, last_day)).await.unwrap();
    }
    school.slot().await;
    school
        .attacker()
        .refused("appointment_slots_within_a_day", "UPDATE appointment_slots SET ends_at = starts_at + interval '2 days'")
        .await;
}

#[tokio::test]
async fn every_rule_that_has_words_is_a_constraint_of_the_database() {
    let school = School::open().await;
    for rule in [
        "rooms_school_id_name_key",
        "room_bookings_room_free",
        "timetable_entries_teacher_free",
        "timetable_entries_room_free",
        "timetable_entries_class_free",
        "timetable_entries_one_cover",
        "timetable_entries_teacher_period",
        "timetable_entries_room_period",
        "timetable_entries_class_period",
        "timetable_columns_name",
        "timetable_blocks_period",
        "timetable_blocks_one_at_a_time",
        "timetable_days_column",
        "timetable_entries_school_id_class_id_fkey",
        "timetable_entries_school_id_subject_id_fkey",
        "timetable_entries_school_id_teacher_id_fkey",
        "timetable_entries_school_id_room_id_fkey",
        "timetable_lesson_days_class_free",
        "timetable_lesson_days_teacher_free",
        "timetable_lesson_days_room_free",
        "timetable_lesson_days_class_period",
        "timetable_lesson_days_room",
        "appointment_slots_teacher_free",
        "appointment_slots_room_free",
        "appointment_slots_school_id_class_id_fkey",
        "appointment_slots_school_id_teacher_id_fkey",
        "appointment_slots_school_id_room_id_fkey",
        "appointment_bookings_capacity",
        "appointment_bookings_student_free",
        "appointment_bookings_slot",
        "appointment_bookings_one_a_seat",
        "appointment_bookings_one_a_series",
        "appointment_bookings_parent_free",
    ] {
        let query = "SELECT count(*) FROM (SELECT conname::text AS name FROM pg_constraint UNION SELECT relname::text FROM pg_class WHERE relkind = 'i') n WHERE name = $1";
        let there: i64 = sqlx::query_scalar(query).bind(rule).fetch_one(&mut school.fleet.database.superuser().await).await.unwrap();
        assert_eq!(there, 1, "{rule}");
    }
}

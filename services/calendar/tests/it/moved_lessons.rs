//! Lessons that were moved on one day, in the tables themselves: whoever comes there in another way meets the same rules.

use futures_util::future::join_all;
use uuid::Uuid;

use crate::database::one_of_fifty;
use crate::school::School;

#[tokio::test]
async fn of_fifty_lessons_moved_into_one_room_one_class_one_period_or_to_one_teacher_at_once_one_commits() {
    let school = School::open().await;
    let (id, day) = (school.id, school.day(1));
    let (rotation_day, teacher, room) = (school.weekday(1), school.teachers[0], school.room("Hall").await);
    let mut lessons = Vec::new();
    for n in 0..50 {
        let user = school.fleet.member(school.id, domain::Role::Teacher, &format!("teacher{n}@a.example")).await;
        lessons.push((Uuid::now_v7(), school.fleet.class(school.id, &format!("Class {n}"), user, &[]).await));
    }
    // Lessons of fifty classes, each at its own minutes and all with one teacher; and fifty of one class.
    let lesson = |entry: Uuid, class: domain::ClassId, teacher: &str, start: usize| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, rotation_day, start_minute, end_minute, valid_from)
             VALUES ('{id}', '{entry}', '{class}', {teacher}, {rotation_day}, {start}, {start} + 10, '{day}')"
        )
    };
    let of_class: Vec<Uuid> = (0..50).map(|_| Uuid::now_v7()).collect();
    for n in 0..50 {
        let (entry, class) = lessons[n];
        school.attacker().attempt(&lesson(entry, class, &format!("'{teacher}'"), 20 * n)).await.unwrap();
        school.attacker().attempt(&lesson(of_class[n], school.class, "NULL", 20 * n)).await.unwrap();
    }
    let moved = |entry: Uuid, class: domain::ClassId, room: &str, period: &str, start: usize| {
        format!(
            "INSERT INTO timetable_lesson_days (school_id, id, entry_id, class_id, day, state, room_id, period, start_minute, end_minute)
             VALUES ('{id}', '{}', '{entry}', '{class}', '{day}', 'moved', {room}, {period}, {start}, {start} + 5)",
            Uuid::now_v7()
        )
    };
    let clear = async || {
        assert_eq!(school.count("SELECT count(*) FROM timetable_lesson_days").await, 1);
        school.fleet.database.sql("DELETE FROM timetable_lesson_days").await;
    };
    one_of_fifty(&school, "timetable_lesson_days_teacher_free", |n| moved(lessons[n].0, lessons[n].1, "NULL", "NULL", 1200)).await;
    clear().await;
    one_of_fifty(&school, "timetable_lesson_days_class_free", |n| moved(of_class[n], school.class, "NULL", "NULL", 1200)).await;
    clear().await;
    one_of_fifty(&school, "timetable_lesson_days_class_period", |n| moved(of_class[n], school.class, "NULL", "7", 1050 + 6 * n)).await;
    clear().await;
    school.fleet.database.sql("UPDATE timetable_entries SET teacher_id = NULL").await;
    one_of_fifty(&school, "timetable_lesson_days_room_free", |n| moved(lessons[n].0, lessons[n].1, &format!("'{room}'"), "NULL", 1200))
        .await;
    clear().await;
    // Without minutes of its own, what is moved to the room is there at its usual ones: where another is that was put on at the same time.
    let there = format!("UPDATE timetable_entries SET start_minute = 1300, end_minute = 1310 WHERE id = '{}'", lessons[0].0);
    school.attacker().attempt(&there).await.unwrap();
    let of_many = |n: usize| {
        if n == 0 {
            return moved(lessons[0].0, lessons[0].1, &format!("'{room}'"), "NULL", 1300).replace("1300, 1300 + 5", "NULL, NULL");
        }
        let (_, class) = lessons[n];
        lesson(Uuid::now_v7(), class, &format!("NULL, '{room}'"), 1300)
            .replace("teacher_id, rotation_day", "teacher_id, room_id, rotation_day")
    };
    let attempts: Vec<String> = (0..50).map(of_many).collect();
    let outcomes = join_all(attempts.iter().map(|sql| school.attacker().attempt(sql))).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
}

#[tokio::test]
async fn what_is_said_of_a_lesson_on_a_day_is_of_that_lesson_and_says_where_it_is_moved_to() {
    let school = School::open().await;
    let (id, day) = (school.id, school.day(1));
    let lesson = school.office.post("/api/v1/timetable-entries", &school.lesson()).await.expect(201);
    let lesson = lesson["id"].as_str().unwrap();
    let said = |class: domain::ClassId, columns: &str, values: &str| {
        format!(
            "INSERT INTO timetable_lesson_days (school_id, id, entry_id, class_id, day, {columns})
             VALUES ('{id}', '{}', '{lesson}', '{class}', '{day}', {values})",
            Uuid::now_v7()
        )
    };
    let attacker = school.attacker();
    let own = |columns: &str, values: &str| said(school.class, columns, values);
    attacker.refused("timetable_lesson_days_lesson", &said(school.other_class, "state", "'cancelled'")).await;
    attacker.refused("timetable_lesson_days_moved_somewhere", &own("state", "'moved'")).await;
    attacker.refused("timetable_lesson_days_moved_somewhere", &own("state, period", "'cancelled', 2")).await;
    attacker.refused("timetable_lesson_days_has_an_end", &own("state, start_minute", "'moved', 600")).await;
    attacker.refused("timetable_lesson_days_has_an_end", &own("state, start_minute, end_minute", "'moved', 600, 600")).await;
    attacker.refused("timetable_lesson_days_room", &own("state, room_id", &format!("'moved', '{}'", Uuid::now_v7()))).await;
    attacker.attempt(&own("state", "'cancelled'")).await.unwrap();
    attacker.refused("timetable_lesson_days_once", &own("state", "'cancelled'")).await;
    // Whoever changes the timetable in another way meets what was moved all the same.
    attacker.attempt("UPDATE timetable_lesson_days SET state = 'moved', start_minute = 700, end_minute = 745").await.unwrap();
    let other = |start: u32, teacher: &str| {
        format!(
            "INSERT INTO timetable_entries (school_id, id, class_id, teacher_id, rotation_day, start_minute, end_minute, valid_from)
             VALUES ('{id}', '{}', '{}', {teacher}, {}, {start}, {start} + 30, '{day}')",
            Uuid::now_v7(),
            school.other_class,
            school.weekday(1)
        )
    };
    let teacher = format!("'{}'", school.teachers[0]);
    attacker.refused("timetable_lesson_days_teacher_free", &other(730, &teacher)).await;
    attacker.attempt(&other(730, "NULL")).await.unwrap();
    let hand = format!("UPDATE timetable_entries SET teacher_id = {teacher} WHERE start_minute = 730");
    attacker.refused("timetable_lesson_days_teacher_free", &hand).await;
    // On another day it is where it always is.
    let next =
        format!("INSERT INTO timetable_days (school_id, id, day, rotation_day) VALUES ('{id}', '{}', '{day}', NULL)", Uuid::now_v7());
    attacker.attempt(&next).await.unwrap();
    attacker.attempt(&hand).await.unwrap();
    attacker.refused("timetable_lesson_days_teacher_free", "DELETE FROM timetable_days").await;
}

//! Many who write what belongs together in different ways: they wait for one another in one order, so that none is ended for it and no limit is passed.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{Answer, count, statuses};

use crate::school::{School, path_of_slot};

const ENTRIES: &str = "/api/v1/timetable-entries";
const SLOTS: &str = "/api/v1/appointment-slots";

/// Whether each was done, or told that somebody else was quicker.
fn are_orderly(answers: &[Answer]) -> bool {
    answers.iter().all(|answer| matches!(answer.status, 200 | 201 | 204 | 404 | 409 | 412))
}

#[tokio::test]
async fn fifty_who_change_lessons_and_take_them_and_their_cover_off_do_not_stand_in_each_others_way() {
    let school = School::open().await;
    for round in 0..3 {
        let mut lessons = Vec::new();
        for number in 0..10 {
            let mut lesson = school.lesson();
            lesson["start_minute"] = json!(480 + 40 * number);
            lesson["end_minute"] = json!(500 + 40 * number);
            let lesson = school.office.post(ENTRIES, &lesson).await;
            let body = json!({"teacher_id": school.teachers[1], "valid_from": school.day(1), "valid_to": school.day(8)});
            let cover = school.office.post(&format!("{}/cover", lesson.header("location")), &body).await;
            assert_eq!((lesson.status, cover.status), (201, 201), "{:#}", cover.body);
            lessons.push((lesson, cover));
        }
        let answers = join_all((0..50_u32).map(|n| {
            let (school, (lesson, cover)) = (&school, &lessons[n as usize / 5]);
            async move {
                let (path, etag) = (lesson.header("location"), lesson.etag());
                match (n + round) % 5 {
                    0 | 2 => school.office.delete(cover.header("location"), &cover.etag()).await,
                    1 => school.office.delete(path, &etag).await,
                    _ => school.office.patch(path, &etag, &json!({"start_minute": 485 + 40 * (n / 5)})).await,
                }
            }
        }))
        .await;
        assert!(are_orderly(&answers), "{:?}", statuses(&answers));
        assert!(count(&answers, 204) + count(&answers, 200) >= 10, "of each lesson one thing is done: {:?}", statuses(&answers));
        let mut superuser = school.fleet.database.superuser().await;
        sqlx::query("UPDATE timetable_entries SET status = 'cancelled'").execute(&mut superuser).await.unwrap();
    }
}

#[tokio::test]
async fn fifty_who_move_slots_and_book_others_for_the_same_student_do_not_stand_in_each_others_way() {
    let school = School::open().await;
    let at = |minute: u32| format!("{}T{:02}:{:02}:00Z", school.day(1), 8 + minute / 60, minute % 60);
    let slot = |from: u32| json!({"kind": "meeting", "title": "Talk", "starts_at": at(from), "ends_at": at(from + 5), "book_until": at(0), "capacity": 5});
    let (mut moving, mut free) = (Vec::new(), Vec::new());
    for n in 0..25 {
        // The one moves to where the other is.
        let one = school.teacher.post(SLOTS, &slot(20 * n)).await;
        school.parent.post(&format!("{}/bookings", path_of_slot(&one)), &json!({})).await.expect(201);
        moving.push(path_of_slot(&one));
        free.push(path_of_slot(&school.other_teacher.post(SLOTS, &slot(20 * n + 10)).await));
    }
    let answers = join_all((0..50_usize).map(|n| {
        let (school, moving, free, at) = (&school, &moving, &free, &at);
        async move {
            if n % 2 == 0 {
                let from = 20 * u32::try_from(n / 2).unwrap() + 10;
                school.teacher.patch(&moving[n / 2], "\"v1\"", &json!({"starts_at": at(from), "ends_at": at(from + 5)})).await
            } else {
                school.parent.post(&format!("{}/bookings", free[n / 2]), &json!({})).await
            }
        }
    }))
    .await;
    assert!(are_orderly(&answers), "{:?}", statuses(&answers));
    assert_eq!(count(&answers, 200) + count(&answers, 201), 25, "of the two that exclude each other one is done: {:?}", statuses(&answers));
    let overlapping =
        "SELECT count(*) FROM appointment_bookings a JOIN appointment_bookings b ON a.id < b.id AND a.student_id = b.student_id
        AND a.status = 'booked' AND b.status = 'booked' AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at";
    assert_eq!(school.count(overlapping).await, 0);
}

#[tokio::test]
async fn of_fifty_feeds_that_are_asked_for_at_once_a_user_gets_twenty() {
    let school = School::open().await;
    let nothing = json!({});
    let answers = join_all((0..50).map(|_| school.parent.post("/api/v1/calendar/feeds", &nothing))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (20, 30), "{:?}", statuses(&answers));
    assert_eq!(school.other_parent.post("/api/v1/calendar/feeds", &nothing).await.status, 201, "others have feeds of their own");
}

#[tokio::test]
async fn of_sixty_bells_that_are_made_at_once_a_school_gets_fifty() {
    let school = School::open().await;
    let bells: Vec<_> = (0..60)
        .map(|n| json!({"name": format!("Bell {n}"), "blocks": [{"name": "First", "period": 1, "start_minute": 540, "end_minute": 580}]}))
        .collect();
    let answers = join_all(bells.iter().map(|bell| school.office.post("/api/v1/timetable-columns", bell))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (50, 10), "{:?}", statuses(&answers));
}

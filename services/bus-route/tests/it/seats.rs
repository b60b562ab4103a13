//! Seats: never more than there are, on any day, however many ask at once.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, insist, made};

const PATH: &str = "/api/v1/bus/assignments";

/// How many sit in the bus on the fullest of all days.
const FULLEST: &str = "SELECT coalesce(max((SELECT count(*) FROM bus_assignments a WHERE a.status = 'active' AND a.direction = d.direction
    AND daterange(a.begin_date, a.end_date, '[]') @> d.begin_date)), 0) FROM bus_assignments d WHERE d.status = 'active'";

#[tokio::test]
async fn of_fifty_who_want_the_last_five_seats_five_get_one() {
    let school = School::open_with(5).await;
    let students = school.students(50).await;
    let wishes: Vec<Value> = students.iter().map(|student| school.wish(*student, 0, school.today, None)).collect();
    let answers = join_all(wishes.iter().map(|wish| insist(&school.office, PATH, wish))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (5, 45), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM bus_assignments WHERE status = 'active'").await, 5);
    assert_eq!(school.count("SELECT count(DISTINCT seat) FROM bus_assignments").await, 5);
}

#[tokio::test]
async fn times_that_overlap_in_all_ways_never_overfill_the_bus_on_any_day_and_leave_no_seat_empty() {
    let school = School::open_with(5).await;
    let students = school.students(50).await;
    // Ten times, each wanted by five: every day of the month is wanted by more than five.
    let wishes: Vec<Value> = students
        .iter()
        .enumerate()
        .map(|(n, student)| {
            let begin = i64::try_from(n % 10).unwrap() * 3;
            school.wish(*student, n % 4, school.day(begin), Some(school.day(begin + 2 + i64::try_from(n % 7).unwrap())))
        })
        .collect();
    let answers = join_all(wishes.iter().map(|wish| insist(&school.office, PATH, wish))).await;
    assert_eq!(count(&answers, 201) + count(&answers, 409), 50, "{:?}", statuses(&answers));
    assert_eq!(school.count(FULLEST).await, 5);
    // Whoever was refused is refused for a day on which the bus is full: nobody is sent away for want of one seat throughout.
    for (_, wish) in answers.iter().zip(&wishes).filter(|(answer, _)| answer.status == 409) {
        let again = school.office.post(PATH, wish).await;
        assert_eq!(again.status, 409);
        let detail = again.body["detail"].as_str().unwrap();
        let day = detail.trim_end_matches('.').rsplit(' ').next().unwrap();
        let full = format!(
            "SELECT count(*) FROM bus_assignments WHERE status = 'active' AND direction = 'pickup' AND daterange(begin_date, end_date, '[]') @> '{day}'::date"
        );
        assert_eq!(school.count(&full).await, 5, "{detail}");
    }
}

#[tokio::test]
async fn who_has_a_place_on_every_day_gets_a_seat_even_if_others_must_move() {
    let school = School::open_with(2).await;
    let students = school.students(4).await;
    let (a, b) = (
        school.wish(students[0], 0, school.day(0), Some(school.day(9))),
        school.wish(students[1], 0, school.day(10), Some(school.day(19))),
    );
    // The second half is taken on the other seat.
    let blocker = school.office.post(PATH, &school.wish(students[2], 0, school.day(10), Some(school.day(10)))).await;
    school.office.post(PATH, &a).await.expect(201);
    let second = school.office.post(PATH, &b).await.expect(201);
    assert_eq!(second["seat"], 2);
    school.office.delete(blocker.header("location"), "\"v1\"").await;
    let whole = school.office.post(PATH, &school.wish(students[3], 0, school.day(0), Some(school.day(19)))).await.expect(201);
    assert!(whole["seat"].as_i64().unwrap() <= 2);
    assert_eq!(school.count(FULLEST).await, 2);
    // Longer is possible as long as there is room.
    let path = format!("{PATH}/{}", whole["id"].as_str().unwrap());
    let seen = school.office.get(&path).await;
    school.office.patch(&path, &seen.etag(), &json!({"end_date": null})).await.expect(200);
    let late = school.office.post(PATH, &school.wish(students[2], 0, school.day(15), None)).await;
    assert_eq!(late.status, 409);
    school.office.post(PATH, &school.wish(students[2], 0, school.day(20), None)).await.expect(201);
}

#[tokio::test]
async fn of_fifty_seats_for_one_student_one_is_taken() {
    let school = School::open_with(5).await;
    let route = made(&school.office, "/api/v1/bus/routes", &json!({"name": "South", "capacity": 5})).await;
    let path = format!("/api/v1/bus/routes/{route}/stops");
    let stops = crate::school::put(&school.office, &path, "\"v1\"", &json!({"stops": crate::school::stops()})).await.expect(200);
    let mut other = school.wish(school.child, 0, school.today, None);
    other["route_id"] = json!(route);
    other["stop_id"] = stops["stops"][0]["id"].clone();
    let here = school.wish(school.child, 0, school.today, Some(school.day(30)));
    let answers = join_all((0..50).map(|n| insist(&school.office, PATH, if n % 2 == 0 { &here } else { &other }))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    // The way home is another matter.
    let mut home = here.clone();
    home["direction"] = json!("drop");
    school.office.post(PATH, &home).await.expect(201);
}

#[tokio::test]
async fn a_retried_request_takes_one_seat() {
    let school = School::open_with(5).await;
    let wish = school.wish(school.child, 0, school.today, None);
    let answers = join_all((0..50).map(|_| school.office.post_once(PATH, "key", &wish))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", statuses(&answers));
    let again = school.office.post_once(PATH, "key", &wish).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(school.count("SELECT count(*) FROM bus_assignments").await, 1);
}

#[tokio::test]
async fn seats_are_taken_out_only_while_they_are_free_whoever_sits_where() {
    let school = School::open_with(5).await;
    let route = format!("/api/v1/bus/routes/{}", school.route);
    let mut seats = Vec::new();
    for student in school.students(5).await {
        seats.push(school.seat(student, 0).await.header("location").to_owned());
    }
    assert_eq!(school.office.patch(&route, "\"v2\"", &json!({"capacity": 4})).await.status, 409);
    // The last seat stays taken, the first ones are given back: the others move up.
    for seat in &seats[..3] {
        school.office.delete(seat, "\"v1\"").await;
    }
    school.office.patch(&route, "\"v2\"", &json!({"capacity": 2})).await.expect(200);
    assert_eq!(school.count("SELECT max(seat)::bigint FROM bus_assignments WHERE status = 'active'").await, 2);
    assert_eq!(school.office.patch(&route, "\"v3\"", &json!({"capacity": 1})).await.status, 409);
    let wish = school.wish(school.child, 0, school.today, None);
    assert_eq!(school.office.post(PATH, &wish).await.status, 409);
}

#[tokio::test]
async fn a_wish_names_all_that_is_wrong_with_it() {
    let school = School::open().await;
    let wish = json!({"student_id": uuid::Uuid::now_v7(), "route_id": school.route, "stop_id": uuid::Uuid::now_v7(), "direction": "drop",
        "begin_date": school.today, "end_date": school.day(-1)});
    assert_eq!(school.office.post(PATH, &wish).await.pointers(), ["/end_date", "/student_id", "/stop_id"]);
    let mut elsewhere = school.wish(school.child, 0, school.today, None);
    elsewhere["route_id"] = json!(uuid::Uuid::now_v7());
    assert_eq!(school.office.post(PATH, &elsewhere).await.pointers(), ["/route_id"]);
}

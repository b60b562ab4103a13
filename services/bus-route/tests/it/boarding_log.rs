//! Reading who boarded when: a trip's, and a student's own.

use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, made};

async fn noted(school: &School, trip: &str, student: impl serde::Serialize, kind: &str, stop: usize) {
    let note = json!({"student_id": student, "kind": kind, "stop_id": school.stops[stop]});
    school.driver.post(&format!("{trip}/boardings"), &note).await.expect(200);
}

/// Every item of a list, a page of `limit` at a time.
async fn pages(who: &Api, path: &str, limit: usize) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = who.get(&format!("{path}limit={limit}{cursor}")).await.expect(200);
        let of_page = page["items"].as_array().unwrap();
        assert!(of_page.len() <= limit);
        items.extend(of_page.iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

#[tokio::test]
async fn a_trips_log_is_in_order_and_has_what_is_not_saved_yet() {
    let school = School::with(9, &[("BATCH_PROCESSOR_ENABLED", "false")]).await;
    let students = school.students(5).await;
    let trip = school.start().await;
    for student in &students {
        noted(&school, &trip, student, "boarded", 0).await;
    }
    // Getting on again later does not move anybody in the list.
    for kind in ["alighted", "boarded"] {
        noted(&school, &trip, students[1], kind, 1).await;
    }
    noted(&school, &trip, students[3], "alighted", 2).await;
    assert_eq!(school.count("SELECT count(*) FROM bus_boardings").await, 0, "nothing is saved");
    let path = format!("{trip}/boardings?");
    let all = pages(&school.office, &path, 2).await;
    let seen: Vec<&Value> = all.iter().map(|row| &row["student_id"]).collect();
    assert_eq!(seen, students.iter().map(|student| json!(student)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(all, pages(&school.driver, &path, 200).await);
    let kinds: Vec<&Value> = all[1]["log"].as_array().unwrap().iter().map(|note| &note["kind"]).collect();
    assert_eq!(kinds, ["boarded", "alighted", "boarded"]);
    let off = pages(&school.office, &format!("{path}is_aboard=false&"), 1).await;
    assert_eq!(off.iter().map(|row| &row["student_id"]).collect::<Vec<_>>(), [&json!(students[3])]);
    assert_eq!(pages(&school.office, &format!("{path}is_aboard=true&"), 3).await.len(), 4);
    // Saved by halves, it is the same list.
    let drains = (bus_route::SERVICE.drains)();
    let postgres = school.fleet.platform.batch_postgres().clone();
    let settings = write_behind::ProcessorSettings::default();
    write_behind::Processor::new(school.fleet.platform.redis().clone(), postgres, drains, settings).run_once().await.unwrap();
    assert_eq!(school.count("SELECT count(*) FROM bus_boardings").await, 5);
    noted(&school, &trip, students[0], "alighted", 3).await;
    let again = pages(&school.office, &path, 2).await;
    assert_eq!((again.len(), &again[0]["is_aboard"], &again[0]["version"]), (5, &json!(false), &json!(2)));
    assert_eq!(again[1..], all[1..]);
    for who in [&school.other_driver, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    for who in [&school.parent, &school.student, &school.teacher] {
        assert_eq!(who.get(&path).await.status, 403);
    }
    assert_eq!(school.fleet.anonymous().get(&path).await.status, 401);
    // A cursor is of its own list.
    let cursor = school.office.get(&format!("{path}limit=1")).await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    assert_eq!(school.office.get(&format!("{path}is_aboard=true&cursor={cursor}")).await.status, 400);
    assert_eq!(school.driver.get(&format!("{path}cursor={cursor}")).await.status, 400);
    for query in ["limit=0", "is_aboard=perhaps", "student=1"] {
        assert_eq!(school.office.get(&format!("{path}{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn a_students_boardings_are_for_own_parents_the_student_and_the_office() {
    let school = School::open().await;
    school.seat(school.child, 1).await;
    let trip = school.start().await;
    noted(&school, &trip, school.child, "boarded", 1).await;
    noted(&school, &trip, school.child, "alighted", 3).await;
    let path = format!("/api/v1/students/{}/boardings", school.child);
    let stops = |list: &Value| list["items"][0]["log"].as_array().unwrap().iter().map(|note| note["stop_id"].clone()).collect::<Vec<_>>();
    for who in [&school.office, &school.parent] {
        let list = who.get(&path).await.expect(200);
        let row = &list["items"][0];
        assert_eq!(
            (list["items"].as_array().unwrap().len(), &row["route_name"], &row["direction"]),
            (1, &json!("North"), &json!("pickup"))
        );
        assert_eq!((&row["service_date"], &row["is_aboard"]), (&json!(school.today), &json!(false)));
        assert!(trip.ends_with(row["trip_id"].as_str().unwrap()), "{row:#}");
        assert_eq!(stops(&list), [json!(school.stops[1]), json!(school.stops[3])]);
    }
    let own = school.student.get(&path).await.expect(200);
    assert_eq!(stops(&own), [Value::Null, Value::Null], "a stop is for parents, the driver and the office");
    assert_eq!(own["items"][0]["log"][1]["kind"], "alighted");
    for who in [&school.other_parent, &school.teacher, &school.driver, &school.other_driver, &school.outsider] {
        assert_eq!(who.get(&path).await.status, 404);
    }
    assert_eq!(school.fleet.anonymous().get(&path).await.status, 401);
    let other = format!("/api/v1/students/{}/boardings", school.other_child);
    assert_eq!(school.student.get(&other).await.status, 404);
    assert_eq!(school.other_parent.get(&other).await.expect(200)["items"], json!([]));
    let nobody = format!("/api/v1/students/{}/boardings", uuid::Uuid::now_v7());
    for who in [&school.office, &school.parent, &school.student] {
        assert_eq!(who.get(&nobody).await.status, 404);
    }
}

#[tokio::test]
async fn a_students_boardings_are_those_of_the_days_that_are_asked_for() {
    let school = School::open().await;
    let mut trips = Vec::new();
    for (days, direction) in [(-1, "pickup"), (0, "pickup"), (0, "drop"), (1, "pickup")] {
        let new = json!({"route_id": school.route, "direction": direction, "service_date": school.day(days)});
        let trip = format!("/api/v1/bus/trips/{}", made(&school.office, "/api/v1/bus/trips", &new).await);
        school.driver.post_if(&format!("{trip}/start"), "\"v1\"", &json!({})).await.expect(200);
        noted(&school, &trip, school.child, "boarded", 0).await;
        noted(&school, &trip, school.child, "alighted", 1).await;
        school.driver.post_if(&format!("{trip}/end"), "\"v2\"", &json!({})).await.expect(200);
        trips.push(trip.rsplit('/').next().unwrap().to_owned());
    }
    let path = format!("/api/v1/students/{}/boardings?", school.child);
    let ids = |rows: &[Value]| rows.iter().map(|row| row["trip_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let [yesterday, morning, home, tomorrow] = trips.try_into().unwrap();
    assert_eq!(ids(&pages(&school.parent, &path, 2).await), [&home, &morning, &yesterday].map(Clone::clone), "up to today");
    let all = format!("{path}from={}&to={}&", school.day(-1), school.day(1));
    assert_eq!(ids(&pages(&school.parent, &all, 1).await), [&tomorrow, &home, &morning, &yesterday].map(Clone::clone));
    school.saved().await;
    assert_eq!(ids(&pages(&school.parent, &all, 3).await), [&tomorrow, &home, &morning, &yesterday].map(Clone::clone));
    let one = format!("{path}from={0}&to={0}&", school.day(-1));
    assert_eq!(ids(&pages(&school.office, &one, 1).await), [yesterday]);
    for (from, to) in [(1, 0), (-366, 0)] {
        let refused = school.parent.get(&format!("{path}from={}&to={}", school.day(from), school.day(to))).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["query:from"]), "{from} to {to}");
    }
    school.parent.get(&format!("{path}from={}&to={}", school.day(-365), school.day(0))).await.expect(200);
    for query in ["from=yesterday", "to=2026-02-30", "day=2026-11-01"] {
        assert_eq!(school.parent.get(&format!("{path}{query}")).await.status, 422, "{query}");
    }
}

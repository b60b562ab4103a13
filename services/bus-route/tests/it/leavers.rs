//! Who has left the school has no seat, and pays for none.

use bus_route::sweep::sweep_once;
use chrono::Datelike;
use futures_util::future::join_all;
use serde_json::json;

use crate::school::{School, made};

/// The office notes that the student is no student of the school any more.
async fn leaves(school: &School) {
    let path = format!("/api/v1/students/{}", school.child);
    let seen = school.office.get(&path).await;
    let etag = seen.etag();
    seen.expect(200);
    school.office.patch(&path, &etag, &json!({"status": "tobedeleted"})).await.expect(200);
}

#[tokio::test]
async fn who_has_left_the_school_is_not_charged_and_stands_on_no_manifest() {
    let school = School::open().await;
    school.seat(school.child, 0).await;
    school.seat(school.other_child, 1).await;
    let trip = school.plan().await;
    leaves(&school).await;
    let manifest = school.office.get(&format!("{trip}/manifest")).await.expect(200);
    let riders: Vec<_> = manifest["students"].as_array().unwrap().iter().map(|student| student["student_id"].clone()).collect();
    assert_eq!(riders, [json!(school.other_child)]);
    let slab = json!({"from_metres": 0, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    let month = json!({"period": format!("{}-{:02}", school.today.year(), school.today.month())});
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &month).await.expect(200)["charged"], 1);
    assert_eq!(school.count(&format!("SELECT count(*) FROM bus_fee_charges WHERE student_id = '{}'", school.child)).await, 0);
}

#[tokio::test]
async fn two_seats_one_after_the_other_are_one_charge_a_month() {
    let school = School::open().await;
    let (first, last) = (school.today, school.day(1));
    for (stop, begin, end) in [(0, first, Some(first)), (1, last, None)] {
        made(&school.office, "/api/v1/bus/assignments", &school.wish(school.child, stop, begin, end)).await;
    }
    let slab = json!({"from_metres": 0, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    let month = json!({"period": format!("{}-{:02}", last.year(), last.month())});
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &month).await.expect(200)["charged"], 1);
    assert_eq!((school.count("SELECT count(*) FROM bus_fee_charges").await, school.told("transport:fee_due").await), (1, 1));
}

#[tokio::test]
async fn the_seat_of_who_has_left_the_school_is_free_for_somebody_else() {
    let school = School::open_with(1).await;
    // One that began before, and one that would begin: the way home from next week on.
    made(&school.office, "/api/v1/bus/assignments", &school.wish(school.child, 0, school.day(-7), None)).await;
    let mut home = school.wish(school.child, 0, school.day(7), None);
    home["direction"] = json!("drop");
    made(&school.office, "/api/v1/bus/assignments", &home).await;
    assert_eq!(sweep_once(&school.fleet.platform).await.unwrap(), 0, "nobody has left");
    leaves(&school).await;
    let wish = school.wish(school.other_child, 0, school.today, None);
    assert_eq!(school.office.post("/api/v1/bus/assignments", &wish).await.status, 409, "until it is noticed");
    let rounds = join_all((0..20).map(|_| sweep_once(&school.fleet.platform))).await;
    assert_eq!(rounds.into_iter().map(Result::unwrap).sum::<usize>(), 2);
    made(&school.office, "/api/v1/bus/assignments", &wish).await;
    home["student_id"] = json!(school.other_child);
    made(&school.office, "/api/v1/bus/assignments", &home).await;
    // What was, stays: the seat was held until yesterday.
    let query = format!(
        "SELECT count(*) FROM bus_assignments WHERE student_id = '{}' AND status = 'active' AND end_date = '{}'",
        school.child,
        school.day(-1)
    );
    assert_eq!(school.count(&query).await, 1);
    assert_eq!(school.count("SELECT count(*) FROM bus_assignments WHERE status = 'cancelled' AND direction = 'drop'").await, 1);
}

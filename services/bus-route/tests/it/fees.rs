//! What seats cost, told to fee once a month.

use chrono::Datelike;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, insist, made};

#[tokio::test]
async fn a_seat_is_charged_by_its_distance_once_a_month_however_many_charge() {
    let school = School::open().await;
    let slab = |from: i32, below: Value, amount: i64| json!({"from_metres": from, "below_metres": below, "currency": "INR", "amount_minor": amount, "valid_from": "2020-01-01"});
    made(&school.office, "/api/v1/bus/fee-slabs", &slab(0, json!(3000), 50_000)).await;
    made(&school.office, "/api/v1/bus/fee-slabs", &slab(3000, Value::Null, 80_000)).await;
    let overlap = school.office.post("/api/v1/bus/fee-slabs", &slab(2999, json!(3001), 1)).await;
    assert_eq!((overlap.status, overlap.pointers()), (409, vec!["/from_metres"]));
    for (field, value) in [("amount_minor", json!(0)), ("amount_minor", json!(-5)), ("currency", json!("inr")), ("from_metres", json!(-1))]
    {
        let mut bad = slab(9000, Value::Null, 1);
        bad[field] = value;
        assert_eq!(school.office.post("/api/v1/bus/fee-slabs", &bad).await.status, 422, "{field}");
    }
    // The first stop is 4,000 m away, the last 1,000.
    school.seat(school.child, 0).await;
    school.seat(school.other_child, 3).await;
    assert_eq!(school.count("SELECT count(*) FROM bus_fee_charges").await, 2);
    assert_eq!(school.count("SELECT sum(amount_minor)::bigint FROM bus_fee_charges").await, 130_000);
    assert_eq!(school.told("transport:fee_due").await, 2);
    let month = |months: u32| {
        let zero_based = school.today.month0() + months;
        format!("{}-{:02}", school.today.year() + i32::try_from(zero_based / 12).unwrap(), zero_based % 12 + 1)
    };
    let (this, next) = (json!({"period": month(0)}), json!({"period": month(1)}));
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &this).await.expect(200)["charged"], 0);
    let answers = join_all((0..50).map(|_| insist(&school.office, "/api/v1/bus/fees/charge", &next))).await;
    let charged: i64 = answers.into_iter().map(|answer| answer.expect(200)["charged"].as_i64().unwrap()).sum();
    assert_eq!(charged, 2);
    assert_eq!(school.told("transport:fee_due").await, 4);
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &json!({"period": "2026-13"})).await.status, 422);
}

#[tokio::test]
async fn without_a_slab_a_seat_costs_nothing() {
    let school = School::open().await;
    school.seat(school.child, 0).await;
    assert_eq!(school.count("SELECT count(*) FROM bus_fee_charges").await, 0);
    assert_eq!(school.told("transport:fee_due").await, 0);
}

#[tokio::test]
async fn a_month_is_charged_once_however_often_the_seat_is_given_back_and_taken_again() {
    let school = School::open().await;
    let slab = json!({"from_metres": 0, "below_metres": null, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    for stop in 0..4 {
        let seat = school.seat(school.child, stop).await;
        assert_eq!(school.office.delete(seat.header("location"), "\"v1\"").await.status, 204);
    }
    school.seat(school.child, 0).await;
    assert_eq!((school.count("SELECT count(*) FROM bus_fee_charges").await, school.told("transport:fee_due").await), (1, 1));
    let this = json!({"period": school.today.format("%Y-%m").to_string()});
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &this).await.expect(200)["charged"], 0);
    // The way home is another matter.
    let mut home = school.wish(school.child, 0, school.today, None);
    home["direction"] = json!("drop");
    made(&school.office, "/api/v1/bus/assignments", &home).await;
    assert_eq!((school.count("SELECT count(*) FROM bus_fee_charges").await, school.told("transport:fee_due").await), (2, 2));
}

#[tokio::test]
async fn only_months_near_are_charged() {
    let school = School::open().await;
    let slab = json!({"from_metres": 0, "below_metres": null, "currency": "INR", "amount_minor": 50_000, "valid_from": "2020-01-01"});
    made(&school.office, "/api/v1/bus/fee-slabs", &slab).await;
    // It is charged when its time comes.
    made(&school.office, "/api/v1/bus/assignments", &school.wish(school.child, 0, school.day(100), None)).await;
    for (begin, days) in [(json!("9999-12-31"), "far"), (json!(school.day(400)), "a year and more")] {
        let mut wish = school.wish(school.other_child, 0, school.today, None);
        wish["begin_date"] = begin;
        let refused = school.office.post("/api/v1/bus/assignments", &wish).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/begin_date"]), "{days}");
    }
    for days in [-70, 70, 100] {
        let period = json!({"period": school.day(days).format("%Y-%m").to_string()});
        let refused = school.office.post("/api/v1/bus/fees/charge", &period).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/period"]), "{period}");
    }
    assert_eq!(school.office.post("/api/v1/bus/fees/charge", &json!({"period": "9999-12"})).await.status, 422);
    assert_eq!((school.count("SELECT count(*) FROM bus_fee_charges").await, school.told("transport:fee_due").await), (0, 0));
}

#[tokio::test]
async fn a_slab_is_ended_and_goes_only_while_nothing_was_charged_by_it() {
    let school = School::open().await;
    let path = "/api/v1/bus/fee-slabs";
    let slab = |from: i32, below: Value, since: &str| json!({"from_metres": from, "below_metres": below, "currency": "INR", "amount_minor": 50_000, "valid_from": since});
    let far = made(&school.office, path, &slab(3000, Value::Null, "2020-01-01")).await;
    let near = made(&school.office, path, &slab(0, json!(3000), "2020-01-01")).await;
    let list = async |query: &str| {
        let page = school.office.get(&format!("{path}{query}")).await.expect(200);
        page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await, [near.clone(), far.clone()], "the nearest first");
    let (near_path, far_path) = (format!("{path}/{near}"), format!("{path}/{far}"));
    let seen = school.office.get(&near_path).await;
    assert_eq!((seen.etag(), &seen.body["below_metres"], &seen.body["valid_to"]), ("\"v1\"".to_owned(), &json!(3000), &Value::Null));
    assert_eq!(school.office.patch(&near_path, "\"v1\"", &json!({"valid_to": "2019-12-31"})).await.pointers(), ["/valid_to"]);
    assert_eq!(school.office.patch(&near_path, "\"v1\"", &json!({"amount_minor": 1})).await.pointers(), ["/amount_minor"]);
    assert_eq!(school.office.patch(&near_path, "\"v2\"", &json!({"valid_to": null})).await.status, 412);
    let ended = school.office.patch(&near_path, "\"v1\"", &json!({"valid_to": "2020-12-31"})).await.expect(200);
    assert_eq!((&ended["valid_to"], &ended["version"]), (&json!("2020-12-31"), &json!(2)));
    assert_eq!((list("?on=2020-12-31").await, list("?on=2021-01-01").await), (vec![near.clone(), far.clone()], vec![far.clone()]));
    // Another follows it; the first can't be made to reach into that one's time.
    let next = made(&school.office, path, &slab(0, json!(3000), "2021-01-01")).await;
    let overlaps = school.office.patch(&near_path, "\"v2\"", &json!({"valid_to": null})).await;
    assert_eq!((overlaps.status, overlaps.pointers()), (409, vec!["/from_metres"]));
    assert_eq!(list("?on=2021-01-01").await, [next, far]);
    // The first stop is 4,000 m away.
    school.seat(school.child, 0).await;
    assert_eq!(school.office.delete(&far_path, "\"v1\"").await.status, 409, "somebody was charged by it");
    assert_eq!(school.office.delete(&near_path, "\"v1\"").await.status, 412);
    assert_eq!(school.office.delete(&near_path, "\"v2\"").await.status, 204);
    assert_eq!(school.office.get(&near_path).await.status, 404);
    for (field, value, pointer) in [
        ("below_metres", json!(5000), "/below_metres"),
        ("valid_to", json!("2019-01-01"), "/valid_to"),
        ("amount_minor", json!(1.5), "/amount_minor"),
    ] {
        let mut bad = slab(5000, Value::Null, "2020-01-01");
        bad[field] = value;
        let refused = school.office.post(path, &bad).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{bad}");
    }
}

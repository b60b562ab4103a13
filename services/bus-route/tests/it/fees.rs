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

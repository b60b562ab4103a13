//! Charges of other services: each becomes one issued invoice, however often it is told.

use domain::{EventKind, SchoolId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::{School, eventually};

async fn say(school: &School, kind: EventKind, data: &Value) {
    let subject = Uuid::now_v7();
    let event = events::envelope(kind, school.school, None, subject, school.fleet.platform.clock().now(), data).unwrap();
    school.fleet.platform.events().publish(&event).await.unwrap();
}

fn penalty(student: impl serde::Serialize, loan: Uuid, amount: i64, due_on: &str) -> Value {
    json!({"student_id": student, "loan_id": loan, "amount_minor": amount, "currency": "INR", "reason": "Book returned late", "due_on": due_on})
}

#[tokio::test]
async fn a_penalty_and_a_seat_become_invoices_once() {
    let school = School::open().await;
    let (loan, seat) = (Uuid::now_v7(), Uuid::now_v7());
    let late = penalty(school.student_id, loan, 2_500, &school.day(7));
    let fare = |period: &str| {
        json!({"student_id": school.student_id, "allocation_id": seat, "amount_minor": 90_000, "currency": "INR", "period": period,
        "description": "Bus, North, up to 5 km", "due_on": school.day(7)})
    };
    // What makes no sense stands in nobody's way.
    say(&school, EventKind::InventoryPenaltyDue, &penalty(school.student_id, Uuid::now_v7(), -5, &school.day(7))).await;
    say(&school, EventKind::InventoryPenaltyDue, &penalty(SchoolId::generate(), Uuid::now_v7(), 5, &school.day(7))).await;
    for _ in 0..5 {
        say(&school, EventKind::InventoryPenaltyDue, &late).await;
        say(&school, EventKind::TransportFeeDue, &fare("2026-27/1")).await;
    }
    say(&school, EventKind::TransportFeeDue, &fare("2026-27/2")).await;
    let path = format!("/api/v1/invoices?student_id={}", school.student_id);
    let seen = eventually(async || school.parent.get(&path).await.expect(200), |list| list["items"].as_array().unwrap().len() >= 3).await;
    let mut sources: Vec<(&str, i64, &str)> = seen["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["source"].as_str().unwrap(), one["total_minor"].as_i64().unwrap(), one["status"].as_str().unwrap()))
        .collect();
    sources.sort_unstable();
    assert_eq!(sources, [("inventory", 2_500, "issued"), ("transport", 90_000, "issued"), ("transport", 90_000, "issued")]);
    assert_eq!(school.count("SELECT count(*) FROM invoices").await, 3);
    school.books_agree().await;
}

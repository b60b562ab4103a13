//! A morning at the desk, from an empty store room on: what the README's tour does.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn a_book_is_received_lent_scanned_and_given_back() {
    let school = School::open().await;
    let category = school.category(json!({"loan_days": 7, "penalty_per_day_minor": 100})).await;
    let book = json!({"name": "A Short History of Maps", "kind": "asset", "is_serialised": true, "barcode": "9780306406157", "category_id": category});
    let book = id(&school.keeper.post("/api/v1/inventory/items", &book).await.expect(201));
    let received = json!({"kind": "receive", "item_id": book, "location_id": school.library, "serial_numbers": ["B-1", "B-2"], "total_cost_minor": 25_001});
    let received = school.keeper.post("/api/v1/inventory/movements", &received).await;
    assert!(received.header("location").starts_with("/api/v1/inventory/movements/"));
    let received = received.expect(201);
    let values: Vec<i64> =
        received["movements"].as_array().unwrap().iter().map(|movement| movement["value_minor"].as_i64().unwrap()).collect();
    assert_eq!(values, [12_501, 12_500], "the odd minor unit is not lost");
    let loan = school.lend("B-2").await.expect(201);
    let seen = school.parent.get("/api/v1/inventory/loans?state=open").await.expect(200);
    assert_eq!(seen["items"][0]["serial_number"], json!("B-2"));
    let scanned = school.keeper.get("/api/v1/inventory/barcodes?code=B-2").await.expect(200);
    assert_eq!((&scanned["unit"]["state"], &scanned["unit"]["holder_user_id"]), (&json!("on_loan"), &json!(school.student_user)));
    let back =
        school.keeper.post("/api/v1/inventory/returns", &json!({"serial_number": "B-2", "location_id": school.store})).await.expect(201);
    assert_eq!((&back["loan"]["id"], &back["on_hand"]), (&loan["id"], &json!(1)));
    let history = school.keeper.get(&format!("/api/v1/inventory/items/{book}/movements")).await.expect(200);
    let kinds: Vec<&str> = history["items"].as_array().unwrap().iter().map(|movement| movement["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["loan_return", "loan", "receive", "receive"]);
    school.check_books().await;
}

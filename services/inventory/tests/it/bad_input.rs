//! What can't be is refused, all at once and by name.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::School;

#[tokio::test]
async fn wrong_movements_are_refused_with_every_fault() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    let atlas = school.book("Atlas", 2, None).await;
    let movement = |more: Value| {
        let mut body = json!({"kind": "receive", "item_id": chalk, "location_id": school.store});
        // What the others are not about is right.
        if !["kind", "unit_cost_minor"].iter().any(|name| more.get(name).is_some()) {
            body["unit_cost_minor"] = json!(0);
        }
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let tries: &[(Value, &[&str])] = &[
        (json!({"kind": "receive", "quantity": 1}), &["/unit_cost_minor"]),
        (json!({"quantity": 1, "warranty_until": "+12026-01-01"}), &["/warranty_until"]),
        (json!({"quantity": 1, "warranty_until": "2201-01-01"}), &["/warranty_until"]),
        (json!({}), &["/quantity"]),
        (json!({"quantity": 0}), &["/quantity"]),
        (json!({"quantity": -1}), &["/quantity"]),
        (json!({"quantity": 1_000_001}), &["/quantity"]),
        (
            json!({"quantity": 1, "unit_cost_minor": -1, "total_cost_minor": -1}),
            &["/unit_cost_minor", "/total_cost_minor", "/total_cost_minor"],
        ),
        (json!({"quantity": 1_000_000, "unit_cost_minor": 9_000_000_000_000_000_i64}), &["/unit_cost_minor", "/unit_cost_minor"]),
        (json!({"quantity": 1, "supplier_id": Uuid::now_v7()}), &["/supplier_id"]),
        (json!({"quantity": 1, "location_id": Uuid::now_v7()}), &["/location_id"]),
        (json!({"quantity": 1, "item_id": Uuid::now_v7()}), &["/item_id"]),
        (json!({"quantity": 1, "serial_numbers": ["X"]}), &["/serial_numbers"]),
        (json!({"kind": "write_off", "quantity": 1, "unit_cost_minor": 1}), &["/unit_cost_minor", "/reason"]),
        (json!({"kind": "issue", "quantity": 1}), &["/kind"]),
        (json!({"quantity": 1.5}), &["/quantity"]),
        (json!({"quantity": 1, "colour": "red"}), &["/colour"]),
        (json!({"item_id": atlas}), &["/serial_numbers"]),
        (json!({"item_id": atlas, "serial_numbers": ["X", "X"], "quantity": 3}), &["/quantity", "/serial_numbers/1"]),
        (json!({"item_id": atlas, "serial_numbers": []}), &["/serial_numbers"]),
        (json!({"item_id": atlas, "kind": "write_off", "reason": "x", "serial_numbers": ["Atlas-1", "Atlas-9"]}), &["/serial_numbers/1"]),
    ];
    for (more, pointers) in tries {
        let answer = school.keeper.post("/api/v1/inventory/movements", &movement(more.clone())).await;
        assert_eq!((answer.status, answer.pointers().as_slice()), (422, *pointers), "{more}: {:#}", answer.body);
    }
    assert_eq!(school.count("SELECT count(*) FROM stock_movements").await, 2, "the two copies of the atlas");
}

#[tokio::test]
async fn wrong_items_loans_and_terms_are_refused() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let tries: &[(&str, Value, &[&str])] = &[
        ("items", json!({"name": "X", "kind": "consumable", "is_serialised": true}), &["/is_serialised"]),
        (
            "items",
            json!({"name": "X", "kind": "asset", "reorder_level": -1, "replacement_cost_minor": -1}),
            &["/reorder_level", "/replacement_cost_minor"],
        ),
        ("items", json!({"name": "X", "kind": "asset", "category_id": Uuid::now_v7()}), &["/category_id"]),
        ("categories", json!({"name": "X", "loan_days": 0, "penalty_per_day_minor": -1}), &["/loan_days", "/penalty_per_day_minor"]),
        ("locations", json!({"name": "X", "parent_location_id": Uuid::now_v7()}), &["/parent_location_id"]),
        ("suppliers", json!({"name": "X", "email": "nobody"}), &["/email"]),
        ("transfers", json!({"item_id": atlas, "from_location_id": school.store, "to_location_id": school.store}), &["/to_location_id"]),
        ("loans", json!({"serial_number": "Atlas-1"}), &["/borrower_user_id"]),
        ("loans", json!({"serial_number": "Atlas-1", "student_id": Uuid::now_v7()}), &["/student_id"]),
        ("loans", json!({"serial_number": "None", "student_id": school.student_id}), &["/serial_number"]),
        ("loans", json!({"student_id": school.student_id}), &["/serial_number"]),
        ("loans", json!({"serial_number": "Atlas-1", "student_id": school.student_id, "due_on": "2020-01-01"}), &["/due_on"]),
        ("loans", json!({"serial_number": "Atlas-1", "student_id": school.student_id, "due_on": "2999-01-01"}), &["/due_on"]),
        ("loans", json!({"serial_number": "Atlas-1", "student_id": school.student_id, "quantity": 2}), &["/quantity"]),
        ("returns", json!({}), &["/loan_id"]),
        ("returns", json!({"issue_id": Uuid::now_v7()}), &["/issue_id"]),
        ("reservations", json!({"item_id": atlas, "student_id": school.student_id, "expires_on": "2020-01-01"}), &["/expires_on"]),
        ("stock-takes", json!({"location_id": Uuid::now_v7()}), &["/location_id"]),
    ];
    for (path, body, pointers) in tries {
        let answer = school.keeper.post(&format!("/api/v1/inventory/{path}"), body).await;
        assert_eq!((answer.status, answer.pointers().as_slice()), (422, *pointers), "{path} {body}: {:#}", answer.body);
    }
    assert_eq!(school.keeper.post("/api/v1/inventory/returns", &json!({"loan_id": Uuid::now_v7()})).await.status, 404);
    assert_eq!(school.keeper.post("/api/v1/inventory/returns", &json!({"serial_number": "Atlas-1"})).await.status, 409);
    assert_eq!(school.keeper.patch(&format!("/api/v1/inventory/items/{atlas}"), "v1", &json!({})).await.status, 400);
    let missing = school
        .keeper
        .send(school.keeper.request(reqwest::Method::PATCH, &format!("/api/v1/inventory/items/{atlas}")).json(&json!({})))
        .await;
    assert_eq!(missing.status, 428);
}

#[tokio::test]
async fn a_day_with_a_year_that_is_none_of_ours_comes_in_nowhere() {
    let school = School::open().await;
    school.book("Atlas", 1, None).await;
    for year in ["+12026", "-0001", "1899", "2201", "9999"] {
        let day = format!("{year}-01-01").replace('+', "%2B");
        let answer = school.teacher.get(&format!("/api/v1/inventory/units?warranty_before={day}")).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["query:warranty_before"]), "{day}: {:#}", answer.body);
        let file = format!("sku,location,serial_number,warranty_until\nATLAS,Library,A-1,{year}-01-01\n");
        let answer = school.keeper.post_file("/api/v1/inventory/opening-stock/import", "text/csv", file).await;
        assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/2/warranty_until"]), "{year}: {:#}", answer.body);
    }
    let units = school.teacher.get("/api/v1/inventory/units?warranty_before=2200-12-31").await.expect(200);
    assert_eq!(units["items"], json!([]), "a unit without a warranty has none that ends");
    let unit = school.teacher.get("/api/v1/inventory/units").await.expect(200)["items"][0].clone();
    let path = format!("/api/v1/inventory/units/{}", unit["id"].as_str().unwrap());
    let etag = format!("\"v{}\"", unit["version"]);
    let strange = school.keeper.patch(&path, &etag, &json!({"warranty_until": "2201-01-01"})).await;
    assert_eq!((strange.status, strange.pointers()), (422, vec!["/warranty_until"]));
    school.keeper.patch(&path, &etag, &json!({"warranty_until": "2200-12-31"})).await.expect(200);
}

#[tokio::test]
async fn what_was_given_costs_nothing_and_what_was_bought_says_what_it_cost() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 100).await;
    let more = |cost: Value| {
        let mut body = json!({"kind": "receive", "item_id": chalk, "location_id": school.store, "quantity": 10});
        body.as_object_mut().unwrap().extend(cost.as_object().unwrap().clone());
        body
    };
    let silent = school.keeper.post("/api/v1/inventory/movements", &more(json!({}))).await;
    assert_eq!((silent.status, silent.pointers()), (422, vec!["/unit_cost_minor"]));
    assert_eq!(school.item(&chalk).await["value_minor"], json!(1_000));
    school.keeper.post("/api/v1/inventory/movements", &more(json!({"unit_cost_minor": 0}))).await.expect(201);
    school.keeper.post("/api/v1/inventory/movements", &more(json!({"total_cost_minor": 500}))).await.expect(201);
    let item = school.item(&chalk).await;
    assert_eq!((&item["on_hand"], &item["value_minor"]), (&json!(30), &json!(1_500)));
    school.check_books().await;
}

//! Loans: due days, penalties, renewals, losses, and who is next.

use serde_json::{Value, json};

use crate::school::{School, id};

fn fines() -> Value {
    json!({"loan_days": 14, "penalty_per_day_minor": 200, "penalty_grace_days": 2, "penalty_cap_minor": 1_000, "max_renewals": 1, "hold_days": 3})
}

#[tokio::test]
async fn a_book_that_comes_back_in_time_costs_nothing_and_one_that_is_late_is_told_to_fee_once() {
    let mut school = School::open_with_clock().await;
    let category = school.category(fines()).await;
    school.book("Atlas", 2, Some(&category)).await;
    let (in_time, late) = (school.lend("Atlas-1").await.expect(201), school.lend("Atlas-2").await.expect(201));
    assert_eq!((&in_time["state"], &in_time["item_name"]), (&json!("open"), &json!("Atlas")));
    school.days_pass(14).await;
    assert_eq!(school.keeper.get("/api/v1/inventory/loans/overdue").await.expect(200)["items"], json!([]), "the due day is in time");
    let back = school.give_back(&in_time).await.expect(201);
    assert_eq!((&back["loan"]["state"], &back["loan"]["penalty_minor"]), (&json!("returned"), &json!(0)));
    school.days_pass(4).await;
    let overdue = school.keeper.get("/api/v1/inventory/loans/overdue").await.expect(200);
    assert_eq!(overdue["items"].as_array().unwrap().len(), 1);
    assert_eq!(overdue["items"][0]["owed_so_far_minor"], json!(400), "four days late, two of them of grace");
    let back = school.keeper.post("/api/v1/inventory/returns", &json!({"serial_number": "Atlas-2"})).await.expect(201);
    assert_eq!(back["loan"]["penalty_minor"], json!(400));
    assert_eq!(school.give_back(&late).await.status, 409);
    let told = school.told("inventory:penalty_due").await;
    assert_eq!(told.len(), 1);
    let expected =
        json!({"student_id": school.student_id, "loan_id": late["id"], "amount_minor": 400, "currency": "INR", "reason": "returned late"});
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&told[0][field], value, "{field}");
    }
    assert!(told[0]["due_on"].as_str().unwrap().len() == 10);
    school.check_books().await;
}

#[tokio::test]
async fn the_terms_of_a_loan_stay_those_on_which_it_was_lent() {
    let mut school = School::open_with_clock().await;
    let category = school.category(fines()).await;
    school.book("Atlas", 1, Some(&category)).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let dearer = json!({"penalty_per_day_minor": 99_999, "penalty_cap_minor": null});
    school.keeper.patch(&format!("/api/v1/inventory/categories/{category}"), "\"v1\"", &dearer).await.expect(200);
    school.days_pass(30).await;
    assert_eq!(school.give_back(&loan).await.expect(201)["loan"]["penalty_minor"], json!(1_000), "the cap that was agreed");
}

#[tokio::test]
async fn a_loan_is_renewed_as_often_as_the_category_allows_unless_somebody_waits() {
    let mut school = School::open_with_clock().await;
    let category = school.category(fines()).await;
    let atlas = school.book("Atlas", 1, Some(&category)).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let path = format!("/api/v1/inventory/loans/{}", id(&loan));
    let renew = format!("{path}/renew");
    let too_early = school.keeper.post_if(&renew, "\"v1\"", &json!({})).await;
    assert_eq!((too_early.status, too_early.pointers().len()), (409, 0), "nobody sent a due_on: {:#}", too_early.body);
    let same = school.keeper.post_if(&renew, "\"v1\"", &json!({"due_on": loan["due_on"]})).await;
    assert_eq!((same.status, same.pointers()), (422, vec!["/due_on"]), "not later than it was");
    school.days_pass(5).await;
    let renewed = school.keeper.post_if(&renew, "\"v1\"", &json!({})).await.expect(200);
    assert_eq!(renewed["renewals"], json!(1));
    assert!(renewed["due_on"].as_str().unwrap() > loan["due_on"].as_str().unwrap());
    assert_eq!(school.keeper.post_if(&renew, "\"v1\"", &json!({})).await.status, 412);
    school.days_pass(5).await;
    assert_eq!(school.keeper.post_if(&renew, "\"v2\"", &json!({})).await.status, 409, "once is all");
    school.keeper.post("/api/v1/inventory/reservations", &json!({"item_id": atlas, "student_id": school.stranger_id})).await.expect(201);
    school.keeper.patch(&format!("/api/v1/inventory/categories/{category}"), "\"v1\"", &json!({"max_renewals": 9})).await.expect(200);
    let refused = school.keeper.post_if(&renew, "\"v2\"", &json!({})).await;
    assert_eq!((refused.status, refused.body["detail"].as_str().unwrap()), (409, "Somebody waits for it."));
}

#[tokio::test]
async fn what_is_lost_is_written_off_and_paid_for() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 2, None).await;
    let loan = school.lend("Atlas-1").await.expect(201);
    let path = format!("/api/v1/inventory/loans/{}/lost", id(&loan));
    assert_eq!(school.keeper.post(&path, &json!({})).await.status, 428);
    let lost = school.keeper.post_if(&path, "\"v1\"", &json!({"reason": "Left on the bus"})).await.expect(200);
    assert_eq!((&lost["state"], &lost["penalty_minor"]), (&json!("lost"), &json!(50_000)));
    let item = school.item(&atlas).await;
    assert_eq!((&item["on_hand"], &item["owned"], &item["value_minor"]), (&json!(1), &json!(1), &json!(40_000)));
    assert_eq!(school.give_back(&loan).await.status, 409);
    let told = school.told("inventory:penalty_due").await;
    assert_eq!((told.len(), &told[0]["amount_minor"], &told[0]["reason"]), (1, &json!(50_000), &json!("lost")));
    // It turns up again: an adjustment brings the same unit back.
    let found =
        json!({"kind": "adjust", "item_id": atlas, "location_id": school.library, "serial_numbers": ["Atlas-1"], "reason": "Found"});
    school.keeper.post("/api/v1/inventory/movements", &found).await.expect(201);
    school.lend("Atlas-1").await.expect(201);
    school.check_books().await;
}

#[tokio::test]
async fn things_without_serial_numbers_are_lent_by_the_piece_and_teachers_owe_nothing_to_fee() {
    let mut school = School::open_with_clock().await;
    let category = school.category(fines()).await;
    let balls = json!({"name": "Football", "kind": "asset", "category_id": category});
    let balls = id(&school.keeper.post("/api/v1/inventory/items", &balls).await.expect(201));
    school.receive(&balls, 5, 1_000).await;
    let lend = |quantity: i64| json!({"item_id": balls, "location_id": school.store, "quantity": quantity, "borrower_user_id": school.teacher_user});
    let loan = school.keeper.post("/api/v1/inventory/loans", &lend(3)).await.expect(201);
    assert_eq!(school.keeper.post("/api/v1/inventory/loans", &lend(3)).await.status, 409);
    assert_eq!((school.on_hand(&balls).await, school.item(&balls).await["owned"].as_i64()), (2, Some(5)));
    school.days_pass(20).await;
    assert_eq!(school.give_back(&loan).await.expect(201)["loan"]["penalty_minor"], json!(2_400), "three pieces, four days");
    assert_eq!(school.told("inventory:penalty_due").await, Vec::<Value>::new(), "who is no student has no invoice");
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 1, 1).await;
    let used_up = json!({"item_id": chalk, "location_id": school.store, "student_id": school.student_id});
    assert_eq!(school.keeper.post("/api/v1/inventory/loans", &used_up).await.status, 422);
    school.check_books().await;
}

#[tokio::test]
async fn who_waits_first_gets_it_and_who_does_not_fetch_it_loses_it_to_the_next() {
    let mut school = School::open_with_clock().await;
    let category = school.category(fines()).await;
    let atlas = school.book("Atlas", 1, Some(&category)).await;
    let loan =
        school.keeper.post("/api/v1/inventory/loans", &json!({"serial_number": "Atlas-1", "borrower_user_id": school.teacher_user})).await;
    let loan = loan.expect(201);
    let wish = |student| json!({"item_id": atlas, "student_id": student});
    let first = school.keeper.post("/api/v1/inventory/reservations", &wish(school.student_id)).await.expect(201);
    let second = school.keeper.post("/api/v1/inventory/reservations", &wish(school.stranger_id)).await.expect(201);
    assert_eq!(first["state"], json!("waiting"));
    assert_eq!(school.keeper.post("/api/v1/inventory/reservations", &wish(school.student_id)).await.status, 409, "once is enough");
    school.give_back(&loan).await.expect(201);
    let state = async |reservation: &Value| {
        let path = format!("/api/v1/inventory/reservations/{}", id(reservation));
        school.keeper.get(&path).await.expect(200)["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(&first).await, state(&second).await), ("ready".to_owned(), "waiting".to_owned()));
    assert_eq!(school.told("reservation:ready").await.len(), 1);
    let to = |student| json!({"serial_number": "Atlas-1", "student_id": student});
    let refused = school.keeper.post("/api/v1/inventory/loans", &to(school.stranger_id)).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/quantity"]), "it is kept for the first");
    school.days_pass(4).await;
    let state = async |reservation: &Value| {
        let path = format!("/api/v1/inventory/reservations/{}", id(reservation));
        school.keeper.get(&path).await.expect(200)["state"].as_str().unwrap().to_owned()
    };
    assert_eq!((state(&first).await, state(&second).await), ("expired".to_owned(), "ready".to_owned()));
    let fetched = school.keeper.post("/api/v1/inventory/loans", &to(school.stranger_id)).await.expect(201);
    let fulfilled = school.keeper.get(&format!("/api/v1/inventory/reservations/{}", id(&second))).await.expect(200);
    assert_eq!((&fulfilled["state"], &fulfilled["loan_id"]), (&json!("fulfilled"), &fetched["id"]));
    school.check_books().await;
}

#[tokio::test]
async fn a_reservation_that_is_cancelled_makes_room() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let wish = |student| json!({"item_id": atlas, "student_id": student});
    let first = school.keeper.post("/api/v1/inventory/reservations", &wish(school.student_id)).await;
    let (path, etag) = (first.header("location").to_owned(), first.etag());
    assert_eq!(first.expect(201)["state"], json!("ready"), "what is free is kept at once");
    let second = school.keeper.post("/api/v1/inventory/reservations", &wish(school.stranger_id)).await.expect(201);
    assert_eq!(second["state"], json!("waiting"));
    assert_eq!(school.lend("Atlas-1").await.status, 201, "for whom it is kept may have it");
    assert_eq!(school.keeper.post_if(&format!("{path}/cancel"), "\"v3\"", &json!({})).await.status, 409, "that one is fulfilled: {etag}");
    let path = format!("/api/v1/inventory/reservations/{}", id(&second));
    school.keeper.post_if(&format!("{path}/cancel"), "\"v1\"", &json!({})).await.expect(200);
    let queue = school.keeper.get(&format!("/api/v1/inventory/reservations?item_id={atlas}&state=waiting")).await.expect(200);
    assert_eq!(queue["items"], json!([]));
}

//! What comes in, goes out and moves about, and what it is worth.

use serde_json::json;

use crate::school::{School, id};

#[tokio::test]
async fn the_balance_is_the_sum_of_movements_and_the_value_their_moving_average() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 10, 1_000).await;
    school.receive(&chalk, 10, 1_300).await;
    let issued = school.issue(&chalk, 5).await.expect(201);
    assert_eq!(issued["movements"][0]["value_minor"], json!(-5_750));
    assert_eq!(issued["on_hand"], json!(15));
    let item = school.item(&chalk).await;
    assert_eq!((&item["on_hand"], &item["owned"], &item["value_minor"]), (&json!(15), &json!(15), &json!(17_250)));
    assert_eq!(item["unit_cost_minor"], json!(1_150.0));
    // Two of the five come back, and bring back what left with them.
    let back = json!({"issue_id": issued["movements"][0]["id"], "quantity": 2});
    let back = school.keeper.post("/api/v1/inventory/returns", &back).await.expect(201);
    assert_eq!(back["movements"][0]["value_minor"], json!(2_300));
    let too_many = json!({"issue_id": issued["movements"][0]["id"], "quantity": 4});
    assert_eq!(school.keeper.post("/api/v1/inventory/returns", &too_many).await.status, 409);
    let off = json!({"kind": "write_off", "item_id": chalk, "location_id": school.store, "quantity": 17, "reason": "Wet"});
    school.keeper.post("/api/v1/inventory/movements", &off).await.expect(201);
    let item = school.item(&chalk).await;
    assert_eq!((&item["on_hand"], &item["value_minor"], &item["unit_cost_minor"]), (&json!(0), &json!(0), &json!(null)));
    // What turns up when there is nothing to compare with is worth nothing; then the books go on.
    let found = json!({"kind": "adjust", "item_id": chalk, "location_id": school.store, "quantity": 3, "reason": "Behind the shelf"});
    school.keeper.post("/api/v1/inventory/movements", &found).await.expect(201);
    let missing = json!({"kind": "adjust", "item_id": chalk, "location_id": school.store, "quantity": -1, "reason": "Miscounted"});
    assert_eq!(school.keeper.post("/api/v1/inventory/movements", &missing).await.expect(201)["on_hand"], json!(2));
    school.check_books().await;
}

#[tokio::test]
async fn more_than_is_there_is_never_taken_and_changes_nothing() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 3, 100).await;
    let answer = school.issue(&chalk, 4).await;
    assert_eq!((answer.status, answer.pointers()), (409, vec!["/quantity"]));
    let elsewhere = json!({"item_id": chalk, "location_id": school.library, "quantity": 1});
    assert_eq!(school.keeper.post("/api/v1/inventory/issues", &elsewhere).await.status, 409);
    let transfer = json!({"item_id": chalk, "from_location_id": school.store, "to_location_id": school.library, "quantity": 4});
    assert_eq!(school.keeper.post("/api/v1/inventory/transfers", &transfer).await.status, 409);
    assert_eq!(school.item(&chalk).await["stock"], json!([{"location_id": school.store, "on_hand": 3}]));
    school.check_books().await;
}

#[tokio::test]
async fn a_transfer_moves_pieces_and_units_and_no_value() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 5, 100).await;
    let transfer = json!({"item_id": chalk, "from_location_id": school.store, "to_location_id": school.library, "quantity": 2});
    let moved = school.keeper.post("/api/v1/inventory/transfers", &transfer).await.expect(201);
    let [out, into] = [&moved["movements"][0], &moved["movements"][1]];
    assert_eq!((&out["quantity"], &into["quantity"], &out["transfer_id"]), (&json!(-2), &json!(2), &into["transfer_id"]));
    assert_eq!(school.item(&chalk).await["value_minor"], json!(500));
    let atlas = school.book("Atlas", 2, None).await;
    let transfer =
        json!({"item_id": atlas, "from_location_id": school.library, "to_location_id": school.store, "serial_numbers": ["Atlas-2"]});
    school.keeper.post("/api/v1/inventory/transfers", &transfer).await.expect(201);
    let again = school.keeper.post("/api/v1/inventory/transfers", &transfer).await;
    assert_eq!((again.status, again.pointers()), (409, vec!["/serial_numbers/0"]));
    let units = school.keeper.get(&format!("/api/v1/inventory/items/{atlas}/units")).await.expect(200);
    assert_eq!(units["items"][1]["location_id"], json!(school.store));
    school.check_books().await;
}

#[tokio::test]
async fn an_asset_that_was_issued_has_a_holder_until_it_comes_back() {
    let school = School::open().await;
    let laptop = school.book("Laptop", 1, None).await;
    let issue = json!({"item_id": laptop, "location_id": school.library, "serial_numbers": ["Laptop-1"], "issued_to": school.teacher_user});
    let issued = school.keeper.post("/api/v1/inventory/issues", &issue).await.expect(201);
    let unit = format!("/api/v1/inventory/units/{}", issued["movements"][0]["unit_id"].as_str().unwrap());
    let held = school.keeper.get(&unit).await.expect(200);
    assert_eq!((&held["state"], &held["holder_user_id"]), (&json!("issued"), &json!(school.teacher_user)));
    assert_eq!(school.lend("Laptop-1").await.status, 409, "what somebody has is not lent");
    school.keeper.post("/api/v1/inventory/returns", &json!({"issue_id": issued["movements"][0]["id"]})).await.expect(201);
    let back = school.keeper.get(&unit).await;
    let etag = back.etag();
    let back = back.expect(200);
    assert_eq!((&back["state"], &back["holder_user_id"]), (&json!("in_stock"), &json!(null)));
    school.keeper.patch(&unit, &etag, &json!({"warranty_until": "2030-01-01", "note": "New battery"})).await.expect(200);
    assert_eq!(school.keeper.patch(&unit, &etag, &json!({"note": null})).await.status, 412);
    school.check_books().await;
}

#[tokio::test]
async fn a_repair_takes_a_unit_off_the_shelf_and_brings_it_back_or_writes_it_off() {
    let school = School::open().await;
    let scope = school.book("Microscope", 2, None).await;
    for (serial, outcome, on_hand, owned) in [("Microscope-1", "repaired", 2, 2), ("Microscope-2", "written_off", 1, 1)] {
        let body = json!({"item_id": scope, "location_id": school.library, "serial_number": serial, "problem": "Lens loose"});
        let repair = school.keeper.post("/api/v1/inventory/repairs", &body).await;
        let (path, etag) = (format!("{}/finish", repair.header("location")), repair.etag());
        repair.expect(201);
        let away = school.item(&scope).await;
        assert_eq!((&away["on_hand"], &away["owned"]), (&json!(1), &json!(2)));
        assert_eq!(school.keeper.post("/api/v1/inventory/repairs", &body).await.status, 409, "it is away already");
        let finish = json!({"outcome": outcome, "cost_minor": 2_500});
        school.keeper.post_if(&path, &etag, &finish).await.expect(200);
        assert_eq!(school.keeper.post_if(&path, "\"v2\"", &finish).await.status, 409);
        let item = school.item(&scope).await;
        assert_eq!((&item["on_hand"], &item["owned"]), (&json!(on_hand), &json!(owned)));
    }
    school.check_books().await;
}

#[tokio::test]
async fn history_is_paged_the_latest_first_and_a_key_enters_a_movement_once() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    for _ in 0..5 {
        school.receive(&chalk, 1, 100).await;
    }
    let path = format!("/api/v1/inventory/items/{chalk}/movements?limit=2");
    let (mut next, mut balances) = (path.clone(), Vec::new());
    loop {
        let page = school.teacher.get(&next).await.expect(200);
        balances.extend(page["items"].as_array().unwrap().iter().map(|movement| movement["balance"].as_i64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{path}&cursor={cursor}");
    }
    assert_eq!(balances, [5, 4, 3, 2, 1]);
    let body = json!({"item_id": chalk, "location_id": school.store, "quantity": 2});
    let first = school.keeper.post_once("/api/v1/inventory/issues", "k", &body).await;
    let again = school.keeper.post_once("/api/v1/inventory/issues", "k", &body).await;
    assert_eq!((first.status, again.header("idempotency-replayed")), (201, "true"));
    assert_eq!(first.body, again.body);
    let other = json!({"item_id": chalk, "location_id": school.store, "quantity": 1});
    assert_eq!(school.keeper.post_once("/api/v1/inventory/issues", "k", &other).await.status, 422);
    assert_eq!(school.on_hand(&chalk).await, 3);
}

#[tokio::test]
async fn what_runs_out_is_listed_and_all_that_is_owned_is_valued() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    let path = format!("/api/v1/inventory/items/{chalk}");
    school.keeper.patch(&path, "\"v1\"", &json!({"reorder_level": 4})).await.expect(200);
    assert_eq!(school.keeper.patch(&path, "\"v1\"", &json!({"reorder_level": 5})).await.status, 412);
    school.receive(&chalk, 5, 100).await;
    assert_eq!(school.teacher.get("/api/v1/inventory/low-stock").await.expect(200)["items"], json!([]));
    school.issue(&chalk, 1).await.expect(201);
    let low = school.teacher.get("/api/v1/inventory/low-stock").await.expect(200);
    assert_eq!((&low["items"][0]["item"]["id"], &low["items"][0]["short_by"]), (&json!(chalk), &json!(1)));
    let category = school.category(json!({})).await;
    school.book("Atlas", 2, Some(&category)).await;
    let value = school.teacher.get("/api/v1/inventory/valuation").await.expect(200);
    let of = |place: usize| (value["categories"][place]["quantity"].as_i64(), value["categories"][place]["value_minor"].as_i64());
    assert_eq!((of(0), of(1)), ((Some(2), Some(80_000)), (Some(4), Some(400))));
}

#[tokio::test]
async fn items_categories_suppliers_and_locations_are_kept_and_what_is_used_is_not_removed() {
    let school = School::open().await;
    let supplier = json!({"name": "Paper mill", "email": "Mill@Paper.example"});
    let supplier = school.keeper.post("/api/v1/inventory/suppliers", &supplier).await.expect(201);
    assert_eq!(supplier["email"], json!("mill@paper.example"));
    assert_eq!(school.keeper.post("/api/v1/inventory/suppliers", &json!({"name": "Paper mill"})).await.status, 409);
    let item = json!({"name": "Paper", "kind": "consumable", "sku": "P-1", "barcode": "978-0-306-40615-7", "supplier_id": supplier["id"]});
    let paper = school.keeper.post("/api/v1/inventory/items", &item).await.expect(201);
    assert_eq!((&paper["currency"], &paper["barcode"]), (&json!("INR"), &json!("9780306406157")));
    let path = format!("/api/v1/inventory/suppliers/{}", id(&supplier));
    assert_eq!(school.keeper.delete(&path, "\"v1\"").await.status, 409);
    let item = format!("/api/v1/inventory/items/{}", id(&paper));
    school.receive(&id(&paper), 1, 0).await;
    assert_eq!(school.keeper.delete(&item, "\"v1\"").await.status, 409);
    school.keeper.patch(&item, "\"v1\"", &json!({"status": "inactive", "supplier_id": null})).await.expect(200);
    let more = json!({"kind": "receive", "item_id": paper["id"], "location_id": school.store, "quantity": 1, "unit_cost_minor": 0});
    assert_eq!(school.keeper.post("/api/v1/inventory/movements", &more).await.status, 409);
    school.keeper.delete(&path, "\"v1\"").await.expect(204);
    // A place is not within itself.
    let shelf = json!({"name": "Shelf", "parent_location_id": school.library});
    let shelf = id(&school.keeper.post("/api/v1/inventory/locations", &shelf).await.expect(201));
    let library = format!("/api/v1/inventory/locations/{}", school.library);
    let circle = school.keeper.patch(&library, "\"v1\"", &json!({"parent_location_id": shelf})).await;
    assert_eq!((circle.status, circle.pointers()), (422, vec!["/parent_location_id"]));
}

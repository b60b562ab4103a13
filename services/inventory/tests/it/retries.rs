//! What moves wants a key, so that a retry moves nothing; and what happens is told.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};

use crate::school::{School, id};

#[tokio::test]
async fn nothing_moves_without_a_key() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    let place = json!({"item_id": chalk, "location_id": school.store, "quantity": 1});
    for path in ["movements", "issues", "returns", "transfers", "loans", "repairs", "opening-stock/import", "books/import"] {
        let path = format!("/api/v1/inventory/{path}");
        let answer = school.keeper.send(school.keeper.request(reqwest::Method::POST, &path).json(&place)).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["header:Idempotency-Key"]), "{path}");
    }
    assert_eq!(school.count("SELECT count(*) FROM stock_movements").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_retries_of_each_movement_move_once() {
    let school = School::open().await;
    let balls = id(&school.keeper.post("/api/v1/inventory/items", &json!({"name": "Ball", "kind": "asset"})).await.expect(201));
    let steps: [(&str, Value); 5] = [
        ("movements", json!({"kind": "receive", "item_id": balls, "location_id": school.store, "quantity": 100, "unit_cost_minor": 7})),
        ("transfers", json!({"item_id": balls, "from_location_id": school.store, "to_location_id": school.library, "quantity": 30})),
        ("loans", json!({"item_id": balls, "location_id": school.library, "quantity": 5, "student_id": school.student_id})),
        ("issues", json!({"item_id": balls, "location_id": school.library, "quantity": 3})),
        ("repairs", json!({"item_id": balls, "location_id": school.library, "quantity": 2, "problem": "Flat"})),
    ];
    for (path, body) in &steps {
        let url = format!("/api/v1/inventory/{path}");
        let answers: Vec<Answer> = join_all((0..50).map(|_| async {
            loop {
                let answer = school.keeper.post_once(&url, "the-one", body).await;
                // Told to come again while the first is at it.
                if answer.status != 409 {
                    return answer;
                }
            }
        }))
        .await;
        assert_eq!(count(&answers, 201), 50, "{path}: {:?}", statuses(&answers));
        assert!(answers.iter().all(|answer| answer.body == answers[0].body), "{path}");
    }
    let item = school.item(&balls).await;
    assert_eq!((&item["on_hand"], &item["owned"], &item["value_minor"]), (&json!(90), &json!(97), &json!(679)));
    school.check_books().await;
}

#[tokio::test]
async fn losses_repairs_and_what_runs_out_are_told() {
    let school = School::open().await;
    let scope = school.book("Microscope", 3, None).await;
    let loan = school.lend("Microscope-1").await.expect(201);
    let lost = format!("/api/v1/inventory/loans/{}/lost", id(&loan));
    school.keeper.post_if(&lost, "\"v1\"", &json!({})).await.expect(200);
    let off = |serial: &str, is_lost: bool| json!({"kind": "write_off", "item_id": scope, "location_id": school.library, "serial_numbers": [serial], "is_lost": is_lost, "reason": "x"});
    school.keeper.post("/api/v1/inventory/movements", &off("Microscope-2", true)).await.expect(201);
    let told = school.told("item:lost").await;
    assert_eq!((told.len(), &told[0]["loan_id"], &told[1]["loan_id"], &told[1]["quantity"]), (2, &loan["id"], &json!(null), &json!(1)));
    let body = json!({"item_id": scope, "location_id": school.library, "serial_number": "Microscope-3", "problem": "Lens loose"});
    let repair = school.keeper.post("/api/v1/inventory/repairs", &body).await;
    let finish = format!("{}/finish", repair.header("location"));
    let etag = repair.etag();
    school.keeper.post_if(&finish, &etag, &json!({"outcome": "repaired"})).await.expect(200);
    let states =
        [school.told("repair:started").await, school.told("repair:finished").await].map(|told| (told.len(), told[0]["state"].clone()));
    assert_eq!(states, [(1, json!("open")), (1, json!("repaired"))]);

    let chalk = school.consumable("Chalk").await;
    school.keeper.patch(&format!("/api/v1/inventory/items/{chalk}"), "\"v1\"", &json!({"reorder_level": 4})).await.expect(200);
    school.receive(&chalk, 6, 100).await;
    let transfer = json!({"item_id": chalk, "from_location_id": school.store, "to_location_id": school.library, "quantity": 3});
    school.keeper.post("/api/v1/inventory/transfers", &transfer).await.expect(201);
    school.issue(&chalk, 1).await.expect(201);
    assert_eq!(school.told("stock:low").await.len(), 0, "moving it makes no less of it");
    school.issue(&chalk, 1).await.expect(201);
    school.issue(&chalk, 1).await.expect(201);
    let told = school.told("stock:low").await;
    assert_eq!((told.len(), &told[0]["on_hand"], &told[0]["reorder_level"]), (1, &json!(4), &json!(4)), "once, when it falls to the level");
    let wrong =
        json!({"kind": "receive", "item_id": chalk, "location_id": school.store, "quantity": 1, "unit_cost_minor": 0, "is_lost": true});
    assert_eq!(school.keeper.post("/api/v1/inventory/movements", &wrong).await.pointers(), vec!["/is_lost"]);
    school.check_books().await;
}

#[tokio::test]
async fn who_has_what_and_what_happened_to_it_is_known_of_every_unit() {
    let school = School::open().await;
    let laptop = school.book("Laptop", 2, None).await;
    let issue = json!({"item_id": laptop, "location_id": school.library, "serial_numbers": ["Laptop-1"], "issued_to": school.teacher_user});
    let issued = school.keeper.post("/api/v1/inventory/issues", &issue).await.expect(201);
    let held = school.office.get(&format!("/api/v1/inventory/units?holder_user_id={}", school.teacher_user)).await.expect(200);
    assert_eq!((held["items"].as_array().unwrap().len(), &held["items"][0]["serial_number"]), (1, &json!("Laptop-1")));
    let on_shelf = school.office.get(&format!("/api/v1/inventory/units?state=in_stock&location_id={}", school.library)).await.expect(200);
    assert_eq!(on_shelf["items"][0]["serial_number"], json!("Laptop-2"));
    school.keeper.post("/api/v1/inventory/returns", &json!({"issue_id": issued["movements"][0]["id"]})).await.expect(201);
    let unit = issued["movements"][0]["unit_id"].as_str().unwrap();
    let history = school.office.get(&format!("/api/v1/inventory/movements?unit_id={unit}")).await.expect(200);
    let kinds: Vec<&str> = history["items"].as_array().unwrap().iter().map(|movement| movement["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["return", "issue", "receive"]);
    assert_eq!(history["items"][1]["party_user_id"], json!(school.teacher_user), "custody stays in the history");
    assert_eq!(school.student.get("/api/v1/inventory/units").await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_wait_for_things_themselves_and_of_fifty_wishes_one_counts() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let path = "/api/v1/inventory/reservations";
    let wish = json!({"item_id": atlas});
    let answers = join_all((0..50).map(|_| school.student.post(path, &wish))).await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    let own = answers.into_iter().find(|answer| answer.status == 201).unwrap();
    let (own_path, etag) = (own.header("location").to_owned(), own.etag());
    let own = own.expect(201);
    assert_eq!((&own["borrower_user_id"], &own["state"]), (&json!(school.student_user), &json!("ready")));
    let for_child = json!({"item_id": atlas, "student_id": school.student_id});
    for (who, status) in [(&school.stranger, 403), (&school.teacher, 403), (&school.parent, 409), (&school.keeper, 409)] {
        assert_eq!(who.post(path, &for_child).await.status, status);
    }
    let waiting = school.teacher.post(path, &json!({"item_id": atlas})).await.expect(201);
    assert_eq!(waiting["state"], json!("waiting"));
    let cancel = format!("{own_path}/cancel");
    assert_eq!(school.stranger.post_if(&cancel, &etag, &json!({})).await.status, 404, "what they may not see");
    assert_eq!(school.teacher.post_if(&cancel, &etag, &json!({})).await.status, 403);
    school.parent.post_if(&cancel, &etag, &json!({})).await.expect(200);
    let moved_on = school.teacher.get(&format!("{path}/{}", id(&waiting))).await.expect(200);
    assert_eq!(moved_on["state"], json!("ready"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_want_one_copy_stand_in_one_queue_and_one_of_them_has_it_kept() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let mut users = Vec::new();
    for number in 0..50 {
        users.push(school.fleet.member(school.id, domain::Role::Teacher, &format!("reader{number}@a.example")).await);
    }
    let path = "/api/v1/inventory/reservations";
    let answers = join_all(users.iter().map(|user| {
        let body = json!({"item_id": atlas, "borrower_user_id": user});
        let keeper = &school.keeper;
        async move { keeper.post(path, &body).await }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50, "{:?}", statuses(&answers));
    let ready = answers.iter().filter(|answer| answer.body["state"] == json!("ready")).count();
    assert_eq!((ready, school.count("SELECT count(*) FROM inventory_reservations WHERE state = 'ready'").await), (1, 1));
    assert_eq!(school.told("reservation:ready").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_repairs_lendings_and_issues_of_one_unit_one_has_it() {
    let school = School::open().await;
    let scope = school.book("Microscope", 1, None).await;
    let tries = [
        ("repairs", json!({"item_id": scope, "location_id": school.library, "serial_number": "Microscope-1", "problem": "x"})),
        ("loans", json!({"serial_number": "Microscope-1", "student_id": school.student_id})),
        ("issues", json!({"item_id": scope, "location_id": school.library, "serial_numbers": ["Microscope-1"]})),
        (
            "movements",
            json!({"kind": "write_off", "item_id": scope, "location_id": school.library, "serial_numbers": ["Microscope-1"], "reason": "x"}),
        ),
    ];
    let answers = join_all((0..50).map(|n| {
        let (path, body) = &tries[n % tries.len()];
        let keeper = &school.keeper;
        async move { keeper.post(&format!("/api/v1/inventory/{path}"), body).await }
    }))
    .await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    school.check_books().await;
}

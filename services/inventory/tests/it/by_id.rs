//! Each thing by its id: read, changed, removed, and unknown to another school whatever it tries.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{count, statuses};

use crate::school::{School, id, put};

/// All versions together, which grow with every change.
const VERSIONS: &str = "SELECT sum(version) FROM (SELECT version FROM inventory_suppliers UNION ALL SELECT version FROM inventory_categories
    UNION ALL SELECT version FROM inventory_locations UNION ALL SELECT version FROM inventory_items UNION ALL SELECT version FROM inventory_units
    UNION ALL SELECT version FROM inventory_loans UNION ALL SELECT version FROM inventory_repairs UNION ALL SELECT version FROM inventory_stock_takes
    UNION ALL SELECT version FROM inventory_reservations) AS v";

/// One of everything: what it is called in a path, and its id.
async fn one_of_each(school: &School) -> Vec<(&'static str, String)> {
    let supplier = id(&school.keeper.post("/api/v1/inventory/suppliers", &json!({"name": "Paper mill"})).await.expect(201));
    let category = school.category(json!({"loan_days": 7})).await;
    let atlas = school.book("Atlas", 3, Some(&category)).await;
    let lent = school.lend("Atlas-1").await.expect(201);
    let unit = school.keeper.get("/api/v1/inventory/barcodes?code=Atlas-2").await.expect(200);
    let borrowed = json!({"serial_number": "Atlas-2", "borrower_user_id": school.teacher_user});
    school.keeper.post("/api/v1/inventory/loans", &borrowed).await.expect(201);
    let broken = json!({"item_id": atlas, "location_id": school.library, "serial_number": "Atlas-3", "problem": "Loose pages"});
    let broken = id(&school.keeper.post("/api/v1/inventory/repairs", &broken).await.expect(201));
    let waits = json!({"item_id": atlas, "student_id": school.stranger_id});
    let waits = id(&school.keeper.post("/api/v1/inventory/reservations", &waits).await.expect(201));
    let take = id(&school.keeper.post("/api/v1/inventory/stock-takes", &json!({"location_id": school.store})).await.expect(201));
    let chalk = school.consumable("Chalk").await;
    let movement = id(&school.receive(&chalk, 5, 100).await["movements"][0]);
    vec![
        ("suppliers", supplier),
        ("categories", category),
        ("locations", school.library.clone()),
        ("items", atlas),
        ("units", id(&unit["unit"])),
        ("loans", id(&lent)),
        ("repairs", broken),
        ("stock-takes", take),
        ("movements", movement),
        ("reservations", waits),
    ]
}

#[tokio::test]
async fn each_thing_is_read_by_its_id_and_another_school_finds_none_of_them_whatever_it_tries() {
    let school = School::open().await;
    let all = one_of_each(&school).await;
    for (name, id) in &all {
        let path = format!("/api/v1/inventory/{name}/{id}");
        let seen = school.keeper.get(&path).await;
        assert_eq!((seen.status, &seen.body["id"]), (200, &json!(id)), "{path}: {:#}", seen.body);
        assert!(seen.etag().starts_with("\"v"), "{path}");
        assert_eq!(school.outsider.get(&path).await.status, 404, "{path}");
        assert_eq!(school.fleet.anonymous().get(&path).await.status, 401, "{path}");
        assert_eq!(school.keeper.get(&format!("/api/v1/inventory/{name}/{}", uuid::Uuid::now_v7())).await.status, 404, "{name}");
        assert_eq!(school.keeper.get(&format!("/api/v1/inventory/{name}/x")).await.status, 400, "{name}");
    }
    for name in ["suppliers", "categories", "locations"] {
        let (_, id) = all.iter().find(|(other, _)| *other == name).unwrap();
        let request = school.keeper.request(Method::GET, &format!("/api/v1/inventory/{name}/{id}"));
        assert_eq!(school.keeper.send(request.header("If-None-Match", "\"v1\"")).await.status, 304, "{name}");
    }
    let of = |name: &str| format!("/api/v1/inventory/{name}/{}", all.iter().find(|(other, _)| *other == name).unwrap().1);
    let lines = school.keeper.get(&format!("{}/lines", of("stock-takes"))).await.expect(200);
    assert!(lines["items"].is_array(), "{lines:#}");
    assert_eq!(school.outsider.get(&format!("{}/lines", of("stock-takes"))).await.status, 404);
    let before = school.count(VERSIONS).await;
    for (method, path, body) in [
        (Method::PATCH, of("suppliers"), json!({"name": "Mine"})),
        (Method::PATCH, of("categories"), json!({"name": "Mine"})),
        (Method::PATCH, of("locations"), json!({"name": "Mine"})),
        (Method::PATCH, of("items"), json!({"name": "Mine"})),
        (Method::PATCH, of("units"), json!({"warranty_until": "2030-01-01"})),
        (Method::DELETE, of("suppliers"), json!({})),
        (Method::DELETE, of("categories"), json!({})),
        (Method::DELETE, of("locations"), json!({})),
        (Method::DELETE, of("items"), json!({})),
        (Method::POST, format!("{}/renew", of("loans")), json!({})),
        (Method::POST, format!("{}/lost", of("loans")), json!({})),
        (Method::POST, format!("{}/split", of("loans")), json!({"quantity": 1})),
        (Method::POST, format!("{}/cancel", of("reservations")), json!({})),
        (Method::POST, format!("{}/finish", of("repairs")), json!({"outcome": "repaired"})),
        (Method::PUT, format!("{}/book", of("items")), json!({"author": "Me"})),
        (Method::PUT, format!("{}/counts", of("stock-takes")), json!({"counts": [{"item_id": uuid::Uuid::now_v7(), "counted": 1}]})),
        (Method::POST, format!("{}/post", of("stock-takes")), json!({})),
        (Method::POST, format!("{}/cancel", of("stock-takes")), json!({})),
    ] {
        let request = school.outsider.request(method.clone(), &path).header("If-Match", "\"v1\"");
        let request = request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string()).json(&body);
        let answer = school.outsider.send(request).await;
        assert_eq!(answer.status, 404, "{method} {path}: {:#}", answer.body);
    }
    assert_eq!(school.count(VERSIONS).await, before, "nothing has another version");
    school.check_books().await;
}

#[tokio::test]
async fn categories_locations_and_suppliers_are_changed_by_their_version_and_removed_where_nothing_needs_them() {
    let school = School::open().await;
    for (name, more) in
        [("categories", json!({"loan_days": 3})), ("locations", json!({"status": "inactive"})), ("suppliers", json!({"phone": "1234"}))]
    {
        let list = format!("/api/v1/inventory/{name}");
        let made = school.keeper.post(&list, &json!({"name": "First"})).await;
        assert_eq!(made.status, 201, "{:#}", made.body);
        let path = made.header("location").to_owned();
        school.keeper.post(&list, &json!({"name": "Second"})).await.expect(201);
        let changed = school.keeper.patch(&path, &made.etag(), &more).await;
        let (key, value) = more.as_object().unwrap().iter().next().unwrap();
        assert_eq!((changed.status, &changed.body[key], changed.etag().as_str()), (200, value, "\"v2\""), "{name}: {:#}", changed.body);
        assert_eq!(school.keeper.patch(&path, &made.etag(), &json!({"name": "Lost"})).await.status, 412, "{name}");
        assert_eq!(school.keeper.patch(&path, "\"v2\"", &json!({"name": "Second"})).await.status, 409, "{name}");
        for who in [&school.teacher, &school.student, &school.parent] {
            assert_eq!(who.patch(&path, "\"v2\"", &json!({"name": "Mine"})).await.status, 403, "{name}");
            assert_eq!(who.delete(&path, "\"v2\"").await.status, 403, "{name}");
        }
        assert_eq!(school.keeper.delete(&path, "\"v1\"").await.status, 412, "{name}");
        assert_eq!(school.keeper.delete(&path, "\"v2\"").await.status, 204, "{name}");
        assert_eq!((school.keeper.get(&path).await.status, school.keeper.delete(&path, "\"v2\"").await.status), (404, 404), "{name}");
    }
    // What something stands in, or is of, is not removed.
    let category = school.category(json!({})).await;
    school.book("Atlas", 1, Some(&category)).await;
    for path in [format!("/api/v1/inventory/categories/{category}"), format!("/api/v1/inventory/locations/{}", school.library)] {
        assert_eq!(school.keeper.delete(&path, "\"v1\"").await.status, 409, "{path}");
    }
}

#[tokio::test]
async fn a_books_words_are_put_and_put_again() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 1, None).await;
    let path = format!("/api/v1/inventory/items/{atlas}/book");
    let said = |author: &str| json!({"author": author, "language": "eng", "subjects": ["Maps"]});
    assert_eq!(put(&school.keeper, &path, &said("A. Mapper")).await.status, 428);
    let send = async |etag: &str, author: &str| {
        let request = school.keeper.request(Method::PUT, &path).header("If-Match", etag).json(&said(author));
        school.keeper.send(request).await
    };
    let etag = school.keeper.get(&format!("/api/v1/inventory/items/{atlas}")).await.etag();
    let first = send(&etag, "A. Mapper").await;
    assert_eq!(first.status, 200, "{:#}", first.body);
    assert_eq!(send(&etag, "Somebody else").await.status, 412);
    assert_eq!(send(&first.etag(), "A. Mapper and others").await.status, 200);
    let found: Value = school.student.get("/api/v1/inventory/catalogue?q=mapper").await.expect(200);
    assert!(found.to_string().contains("A. Mapper and others"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_who_move_places_into_each_other_close_no_circle_and_none_is_ended_for_it() {
    let school = School::open().await;
    let mut places = Vec::new();
    for number in 0..6 {
        places.push(school.place(&format!("Place {number}")).await);
    }
    for _ in 0..3 {
        let answers = join_all((0..50_usize).map(|n| {
            let (place, parent) = (&places[n % 6], &places[(n + 1 + n / 6 % 5) % 6]);
            let path = format!("/api/v1/inventory/locations/{place}");
            let school = &school;
            async move {
                let etag = school.keeper.get(&path).await.etag();
                school.keeper.patch(&path, &etag, &json!({"parent_location_id": parent})).await
            }
        }))
        .await;
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 412 | 422)), "{:?}", statuses(&answers));
        assert!(count(&answers, 200) > 0, "{:?}", statuses(&answers));
        let circles = "WITH RECURSIVE up AS (
                SELECT id AS start, parent_location_id AS at, 1 AS steps FROM inventory_locations WHERE parent_location_id IS NOT NULL
                UNION ALL SELECT up.start, l.parent_location_id, up.steps + 1 FROM up JOIN inventory_locations l ON l.id = up.at
                WHERE l.parent_location_id IS NOT NULL AND up.steps < 20)
            SELECT count(*) FROM up WHERE steps = 20";
        assert_eq!(school.count(circles).await, 0);
    }
}

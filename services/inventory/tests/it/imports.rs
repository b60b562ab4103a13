//! Opening stock, and what libraries exchange.

use futures_util::future::join_all;
use marctk::{Field, Record};
use serde_json::{Value, json};
use testkit::{Answer, count, statuses};
use uuid::Uuid;

use crate::school::{Person, School, id};

const OPENING: &str = "/api/v1/inventory/opening-stock/import";

async fn open_stock(who: &Person, query: &str, file: &str) -> Answer {
    who.post_file(&format!("{OPENING}{query}"), "text/csv", file.to_owned()).await
}

async fn item(school: &School, sku: &str, is_serialised: bool) -> String {
    let body = json!({"name": sku, "sku": sku, "kind": "asset", "is_serialised": is_serialised});
    id(&school.keeper.post("/api/v1/inventory/items", &body).await.expect(201))
}

#[tokio::test]
async fn the_books_begin_with_what_is_on_the_shelves() {
    let school = School::open().await;
    let (balls, atlas) = (item(&school, "BALL", false).await, item(&school, "ATLAS", true).await);
    let file = "sku,location,quantity,unit_cost_minor,serial_number,warranty_until,note\n\
        BALL,Store room,12,25000,,,From the old list\nBALL,Library,1,,,,\nATLAS,Library,,40000,A-1,2031-12-31,\nATLAS,Store room,1,30000,A-2,,\n";
    let dry = open_stock(&school.keeper, "?dry_run=true", file).await.expect(200);
    let expected = json!({"dry_run": true, "rows": 4, "items": 2, "pieces": 15, "value_minor": 370_000});
    assert_eq!(dry, expected);
    assert_eq!(school.count("SELECT count(*) FROM stock_movements").await, 0);
    let opened = open_stock(&school.keeper, "", file).await;
    assert_eq!(opened.header("location"), "/api/v1/inventory/movements?kind=receive");
    assert_eq!(opened.expect(201)["pieces"], json!(15));
    let (balls, atlas) = (school.item(&balls).await, school.item(&atlas).await);
    assert_eq!((&balls["on_hand"], &balls["value_minor"]), (&json!(13), &json!(300_000)));
    assert_eq!((&atlas["on_hand"], &atlas["value_minor"]), (&json!(2), &json!(70_000)));
    let units = school.teacher.get("/api/v1/inventory/units?warranty_before=2032-01-01").await.expect(200);
    assert_eq!((units["items"].as_array().unwrap().len(), &units["items"][0]["serial_number"]), (1, &json!("A-1")));
    let again = open_stock(&school.keeper, "", "sku,location,quantity\nBALL,Store room,1\n").await;
    assert_eq!((again.status, again.pointers()), (422, vec!["/rows/2/sku"]), "it has begun");
    school.check_books().await;
}

#[tokio::test]
async fn an_opening_with_faults_moves_nothing_and_every_fault_is_named() {
    let school = School::open().await;
    item(&school, "BALL", false).await;
    item(&school, "ATLAS", true).await;
    school.book("Globe", 1, None).await;
    let file = "sku,location,quantity,serial_number\nBALL,Nowhere,1,\nNONE,Library,1,\nATLAS,Library,1,\nBALL,Library,1,B-1\nATLAS,Library,,Globe-1\nATLAS,Library,,A-1\n";
    let answer = open_stock(&school.keeper, "", file).await;
    let pointers = ["/rows/2/location", "/rows/3/sku", "/rows/4/serial_number", "/rows/5/serial_number", "/rows/6/serial_number"];
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/6/sku"]), "a unit and pieces of one item: {:#}", answer.body);
    let file = file.replace("ATLAS,Library,1,\n", "ATLAS,Store room,1,\n").replace("BALL,Library,1,B-1", "BALL,Store room,,B-1");
    let answer = open_stock(&school.keeper, "", &file).await;
    assert_eq!((answer.status, answer.pointers()), (422, pointers.to_vec()), "{:#}", answer.body);
    assert_eq!(school.count("SELECT count(*) FROM stock_movements").await, 1, "the globe");
    assert_eq!(open_stock(&school.teacher, "", &file).await.status, 403);
    assert_eq!(school.keeper.post_file(OPENING, "application/json", "{}").await.status, 415);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_openings_of_one_shelf_one_is_taken() {
    let school = School::open().await;
    let balls = item(&school, "BALL", false).await;
    let answers = join_all((0..50).map(|_| open_stock(&school.keeper, "", "sku,location,quantity\nBALL,Library,5\n"))).await;
    assert_eq!((count(&answers, 201), count(&answers, 422)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.on_hand(&balls).await, 5);
    school.check_books().await;
}

fn record(number: &str, title: &str, isbn: &str, copies: &[&str]) -> Record {
    let mut record = Record::new();
    record.set_leader("00000nam a2200000 a 4500").unwrap();
    record.add_control_field("001", number).unwrap();
    let title = format!("{title} /");
    let fields = [("020", "a", isbn), ("100", "a", "Mercator, Gérard,"), ("245", "a", title.as_str())];
    for (tag, code, value) in fields.into_iter().chain(copies.iter().map(|copy| ("852", "p", *copy))) {
        let mut field = Field::new(tag).unwrap();
        field.add_subfield(code, value).unwrap();
        record.fields_mut().push(field);
    }
    record
}

fn binary(records: &[Record]) -> Vec<u8> {
    records.iter().flat_map(|record| record.to_binary().unwrap()).collect()
}

async fn import(school: &School, query: &str, records: &[Record]) -> Answer {
    school.keeper.post_file(&format!("/api/v1/inventory/books/import{query}"), "application/marc", binary(records)).await
}

#[tokio::test]
async fn a_catalogue_brings_titles_with_their_copies_and_brings_them_once() {
    let school = School::open().await;
    let records = [record("m1", "Atlas", "0306406152", &["L-1", "L-2"]), record("m2", "Globes", "", &["L-3"])];
    let query = format!("?location_id={}", school.library);
    let dry = import(&school, &format!("{query}&dry_run=true"), &records).await.expect(200);
    assert_eq!((&dry["created"], &dry["copies"]), (&json!(2), &json!(3)));
    assert_eq!(school.count("SELECT count(*) FROM inventory_items").await, 0);
    let taken = import(&school, &query, &records).await.expect(201);
    let figures = |report: &Value| (report["created"].clone(), report["changed"].clone(), report["copies"].clone());
    assert_eq!(figures(&taken), (json!(2), json!(0), json!(3)));
    let again = import(&school, &query, &records).await.expect(201);
    assert_eq!(figures(&again), (json!(0), json!(2), json!(0)), "the same file again adds nothing");
    let found = school.teacher.get("/api/v1/inventory/items?q=mercator").await.expect(200);
    let atlas = &found["items"][0];
    assert_eq!((&atlas["name"], &atlas["barcode"], &atlas["on_hand"]), (&json!("Atlas"), &json!("9780306406157"), &json!(2)));
    assert_eq!((&atlas["book"]["author"], &atlas["book"]["control_number"]), (&json!("Mercator, Gérard"), &json!("m1")));
    school.lend("L-3").await.expect(201);
    // Everybody may look for what can be borrowed, and sees neither cost nor borrower.
    for (q, expected) in [("mercator", 2), ("978-0-306-40615-7", 1), ("atl", 1), ("no such book", 0)] {
        let seen = school.student.get(&format!("/api/v1/inventory/catalogue?q={q}")).await.expect(200);
        assert_eq!(seen["items"].as_array().unwrap().len(), expected, "{q}");
    }
    school.student.post("/api/v1/inventory/reservations", &json!({"item_id": atlas["id"]})).await.expect(201);
    let seen = school.parent.get("/api/v1/inventory/catalogue").await.expect(200);
    let entry = json!({"name": seen["items"][0]["name"], "on_hand": seen["items"][0]["on_hand"], "waiting": seen["items"][0]["waiting"]});
    assert_eq!((entry, seen["items"].as_array().unwrap().len()), (json!({"name": "Atlas", "on_hand": 2, "waiting": 1}), 2));
    assert_eq!(seen["items"][0]["value_minor"], json!(null));
    // As XML, with a copy more.
    let xml = record("m1", "Atlas", "0306406152", &["L-1", "L-4"]).to_xml_string();
    let path = format!("/api/v1/inventory/books/import{query}");
    let more = school.keeper.post_file(&path, "application/marcxml+xml", format!("<collection>{xml}</collection>")).await.expect(201);
    assert_eq!(figures(&more), (json!(0), json!(1), json!(1)));
    let titles = import(&school, "", &[record("m3", "Maps", "", &["L-5"])]).await.expect(201);
    assert_eq!(figures(&titles), (json!(1), json!(0), json!(0)), "without a place only titles are taken");
    school.check_books().await;
}

#[tokio::test]
async fn a_catalogue_with_faults_changes_nothing_and_the_record_is_named() {
    let school = School::open().await;
    let plain = json!({"name": "Atlas, loose", "kind": "asset", "barcode": "9780306406157"});
    school.keeper.post("/api/v1/inventory/items", &plain).await.expect(201);
    let query = format!("?location_id={}", school.library);
    let records = [record("m1", "Globes", "", &["L-1"]), record("m2", "Atlas", "0306406152", &[]), record("m3", "Maps", "", &["L-1"])];
    let answer = import(&school, &query, &records).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/records/2", "/records/3"]), "{:#}", answer.body);
    let mut broken = binary(&records);
    broken.truncate(broken.len() - 1);
    let answer = school.keeper.post_file("/api/v1/inventory/books/import", "application/marc", broken).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/records/3"]));
    for (media_type, file, status) in [
        ("application/marcxml+xml", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><record/>", 422),
        ("application/marcxml+xml", "<collection/>", 422),
        ("application/marc", "", 422),
        ("text/plain", "", 415),
    ] {
        let answer = school.keeper.post_file("/api/v1/inventory/books/import", media_type, file).await;
        assert_eq!(answer.status, status, "{media_type} {file}");
    }
    let elsewhere = import(&school, &format!("?location_id={}", Uuid::now_v7()), &records).await;
    assert_eq!((elsewhere.status, elsewhere.pointers()), (422, vec!["/location_id"]));
    assert_eq!(school.count("SELECT count(*) FROM inventory_items").await, 1);
}

#[tokio::test]
async fn what_the_catalogue_says_can_be_entered_by_hand() {
    let school = School::open().await;
    let atlas = school.book("Atlas", 0, None).await;
    let path = format!("/api/v1/inventory/items/{atlas}/book");
    let book = json!({"author": "Mercator", "published_year": 1595, "language": "lat", "subjects": ["Maps"], "control_number": "m1"});
    let put = async |path: String, etag: &'static str, body: Value| {
        let request = school.keeper.request(reqwest::Method::PUT, &path).header("If-Match", etag).json(&body);
        school.keeper.send(request).await
    };
    let described = put(path.clone(), "\"v1\"", book.clone()).await.expect(200);
    assert_eq!((&described["book"]["author"], &described["version"]), (&json!("Mercator"), &json!(2)));
    assert_eq!(put(path.clone(), "\"v1\"", book.clone()).await.status, 412);
    let wrong = put(path, "\"v2\"", json!({"published_year": 99, "language": "Eng"})).await;
    assert_eq!((wrong.status, wrong.pointers()), (422, vec!["/published_year", "/language"]));
    let other = school.book("Globes", 0, None).await;
    let taken = put(format!("/api/v1/inventory/items/{other}/book"), "\"v1\"", book).await;
    assert_eq!((taken.status, taken.pointers()), (409, vec!["/control_number"]));
}

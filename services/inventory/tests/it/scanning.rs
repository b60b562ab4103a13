//! Barcodes, labels, and items as a file.

use reqwest::Method;
use serde_json::json;
use testkit::Answer;

use crate::school::{School, id};

async fn import(school: &School, query: &str, file: &str) -> Answer {
    let path = format!("/api/v1/inventory/items/import{query}");
    school.keeper.send(school.keeper.request(Method::POST, &path).header("Content-Type", "text/csv").body(file.to_owned())).await
}

#[tokio::test]
async fn whatever_a_scanner_reads_is_found_in_each_of_its_spellings() {
    let school = School::open().await;
    let item = json!({"name": "Crackers", "kind": "consumable", "sku": "FOOD 1", "barcode": "036000291452"});
    let item = id(&school.keeper.post("/api/v1/inventory/items", &item).await.expect(201));
    school.book("Atlas", 1, None).await;
    let scan = async |code: &str| school.teacher.get(&format!("/api/v1/inventory/barcodes?code={code}")).await;
    for code in ["036000291452", "0036000291452", "0-36000-29145-2", "00036000291452", "FOOD%201"] {
        assert_eq!(scan(code).await.expect(200)["item"]["id"], json!(item), "{code}");
    }
    let unit = scan("Atlas-1").await.expect(200);
    assert_eq!((&unit["unit"]["serial_number"], &unit["item"]["name"]), (&json!("Atlas-1"), &json!("Atlas")));
    assert_eq!(scan("nothing").await.status, 404);
    let label = school.teacher.get(&format!("/api/v1/inventory/items/{item}/label.svg")).await;
    assert_eq!((label.status, label.header("content-type")), (200, "image/svg+xml"));
    assert!(label.body.as_str().unwrap().starts_with("<svg "));
    school.teacher.get(&format!("/api/v1/inventory/units/{}/label.svg", id(&unit["unit"]))).await.expect(200);
    for code in ["9780306406158", "0-306-40615-3"] {
        let wrong = school.keeper.post("/api/v1/inventory/items", &json!({"name": "X", "kind": "asset", "barcode": code})).await;
        assert_eq!((wrong.status, wrong.pointers()), (422, vec!["/barcode"]), "{code}");
    }
    // An ISBN is one book's, in ten digits or thirteen.
    let book = json!({"name": "Arithmetic", "kind": "asset", "barcode": "0-306-40615-2"});
    let book = school.keeper.post("/api/v1/inventory/items", &book).await.expect(201);
    assert_eq!(book["barcode"], json!("9780306406157"));
    for code in ["9780306406157", "0306406152", "0-306-40615-2"] {
        assert_eq!(scan(code).await.expect(200)["item"]["id"], book["id"], "{code}");
    }
    let taken = school.keeper.post("/api/v1/inventory/items", &json!({"name": "X", "kind": "asset", "barcode": "0036000291452"})).await;
    assert_eq!((taken.status, taken.pointers()), (409, vec!["/barcode"]));
}

#[tokio::test]
async fn a_file_makes_and_changes_items_and_a_dry_run_only_tells() {
    let school = School::open().await;
    school.category(json!({})).await;
    let file = "sku,name,kind,category,reorder_level\nA-1,'=2+3,asset,Books,2\nA-2,Globe,asset,,0\n";
    let dry = import(&school, "?dry_run=true", file).await.expect(200);
    assert_eq!(dry, json!({"dry_run": true, "rows": 2, "created": 2, "changed": 0}));
    assert_eq!(school.count("SELECT count(*) FROM inventory_items").await, 0);
    import(&school, "", file).await.expect(200);
    assert_eq!(import(&school, "", file).await.expect(200)["changed"], json!(0), "the same file again changes nothing");
    let out = school.teacher.get("/api/v1/inventory/items.csv").await;
    let out = out.body.as_str().unwrap().to_owned();
    assert!(out.contains("\r\nA-1,'=2+3,asset,piece,,Books,"), "{out}");
    let changed = out.replace("Globe", "Large globe");
    let report = import(&school, "", &changed).await.expect(200);
    assert_eq!((&report["created"], &report["changed"]), (&json!(0), &json!(1)));
    let found = school.teacher.get("/api/v1/inventory/items?q=GLOBE").await.expect(200);
    assert_eq!((&found["items"][0]["name"], &found["items"][0]["version"]), (&json!("Large globe"), &json!(2)));
}

#[tokio::test]
async fn an_export_comes_back_in_whole_whether_or_not_its_items_have_stock_numbers() {
    let school = School::open().await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 3, 100).await;
    import(&school, "", "sku,name,kind\nA-1,Atlas,asset\n").await.expect(200);
    let out = school.teacher.get("/api/v1/inventory/items.csv").await.body.as_str().unwrap().to_owned();
    let report = import(&school, "", &out).await.expect(200);
    assert_eq!(report, json!({"dry_run": false, "rows": 2, "created": 0, "changed": 0}));
    // What is filled in is a change of the item that the line is of, and no new item.
    let report = import(&school, "", &out.replace("\r\n,Chalk,", "\r\nC-1,White chalk,")).await.expect(200);
    assert_eq!((&report["created"], &report["changed"]), (&json!(0), &json!(1)));
    let item = school.item(&chalk).await;
    assert_eq!((&item["sku"], &item["name"], &item["on_hand"]), (&json!("C-1"), &json!("White chalk"), &json!(3)));
    let strange = uuid::Uuid::now_v7();
    let file = format!("sku,name,kind,id\n,Chalk,consumable,{strange}\nA-1,Chalk,consumable,{chalk}\nC-1,Chalk,consumable,\n");
    let answer = import(&school, "", &file).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/2/id", "/rows/3/sku", "/rows/4/sku"]));
    // Another school's file: its ids say nothing here, its stock numbers do.
    let file = format!("sku,name,kind,id\nB-9,Globe,asset,{strange}\n");
    assert_eq!(import(&school, "", &file).await.expect(200)["created"], json!(1));
    assert_eq!(import(&school, "", &file).await.expect(200)["created"], json!(0));
}

#[tokio::test]
async fn a_file_with_faults_changes_nothing_and_every_fault_is_named() {
    let school = School::open().await;
    import(&school, "", "sku,name,kind,barcode\nA-1,Atlas,asset,9780306406157\n").await.expect(200);
    let file = "sku,name,kind,barcode,category\nA-1,Atlas,consumable,,\nA-2,Globe,asset,9780306406157,Nowhere\nA-3,Map,asset,,\n";
    let answer = import(&school, "", file).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/rows/2/kind", "/rows/3/category", "/rows/3/barcode"]));
    assert_eq!(school.count("SELECT count(*) FROM inventory_items").await, 1);
    assert_eq!(import(&school, "", "\u{fffd}").await.status, 422);
    let json = school.keeper.post("/api/v1/inventory/items/import", &json!({})).await;
    assert_eq!(json.status, 415);
}

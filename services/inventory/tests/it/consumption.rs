//! Who used up what, when and what for, and what was owned on a day.

use domain::ClassId;
use serde_json::{Value, json};

use crate::school::School;

async fn movements(school: &School, filter: &str) -> Vec<(String, i64)> {
    let list = school.keeper.get(&format!("/api/v1/inventory/movements?{filter}")).await.expect(200);
    let line = |one: &Value| (one["kind"].as_str().unwrap().to_owned(), one["quantity"].as_i64().unwrap());
    list["items"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn what_a_class_used_up_is_found_by_class_and_day_and_what_came_back_counts_for_it() {
    let mut school = School::open_with_clock().await;
    let class = school.fleet.class(school.id, "5-B", school.teacher_user, &[]).await;
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 50, 10).await;
    let issue = |quantity: i64, class: Option<ClassId>, purpose: Option<&str>| json!({"item_id": chalk, "location_id": school.store, "quantity": quantity, "class_id": class, "purpose": purpose});
    let issued = school.keeper.post("/api/v1/inventory/issues", &issue(5, Some(class), Some("Examinations"))).await.expect(201);
    let movement = &issued["movements"][0];
    assert_eq!((&movement["class_id"], &movement["purpose"]), (&json!(class), &json!("Examinations")));
    school.keeper.post("/api/v1/inventory/issues", &issue(7, None, None)).await.expect(201);
    let back = json!({"issue_id": movement["id"], "quantity": 2});
    let back = school.keeper.post("/api/v1/inventory/returns", &back).await.expect(201);
    assert_eq!((&back["movements"][0]["class_id"], &back["movements"][0]["purpose"]), (&json!(class), &json!("Examinations")));
    let strange = school.keeper.post("/api/v1/inventory/issues", &issue(1, Some(ClassId::generate()), None)).await;
    assert_eq!((strange.status, strange.pointers()), (422, vec!["/class_id"]));
    let first_day = school.clock_day().await;
    school.days_pass(3).await;
    let again = json!({"item_id": chalk, "location_id": school.store, "quantity": 4, "class_id": class});
    school.keeper.post("/api/v1/inventory/issues", &again).await.expect(201);
    let today = school.clock_day().await;
    let of = |kind: &str, quantity: i64| (kind.to_owned(), quantity);
    assert_eq!(movements(&school, &format!("class_id={class}")).await, [of("issue", -4), of("return", 2), of("issue", -5)]);
    assert_eq!(movements(&school, &format!("class_id={class}&to={first_day}")).await, [of("return", 2), of("issue", -5)]);
    assert_eq!(movements(&school, &format!("from={today}")).await, [of("issue", -4)]);
    assert_eq!(
        movements(&school, &format!("class_id={class}&kind=issue&from={first_day}&to={today}")).await,
        [of("issue", -4), of("issue", -5)]
    );
}

#[tokio::test]
async fn what_was_bought_from_a_supplier_is_found_by_it() {
    let school = School::open().await;
    let supplier = school.keeper.post("/api/v1/inventory/suppliers", &json!({"name": "Paper mill"})).await.expect(201);
    let chalk = school.consumable("Chalk").await;
    school.receive(&chalk, 3, 10).await;
    let bought = json!({"kind": "receive", "item_id": chalk, "location_id": school.store, "quantity": 8, "unit_cost_minor": 10, "supplier_id": supplier["id"]});
    school.keeper.post("/api/v1/inventory/movements", &bought).await.expect(201);
    let supplier = supplier["id"].as_str().unwrap();
    assert_eq!(movements(&school, &format!("supplier_id={supplier}")).await, [("receive".to_owned(), 8)]);
}

#[tokio::test]
async fn what_was_owned_on_a_day_is_what_was_noted_on_that_day() {
    let mut school = School::open_with_clock().await;
    let chalk = school.consumable("Chalk").await;
    school.book("Atlas", 2, None).await;
    let mut noted = Vec::new();
    for day in 0..5_i64 {
        school.receive(&chalk, 10 + day, 100 + 7 * day).await;
        school.issue(&chalk, 3).await.expect(201);
        match day {
            1 => {
                school.lend("Atlas-1").await.expect(201);
            }
            2 => {
                let off = json!({"kind": "write_off", "item_id": chalk, "location_id": school.store, "quantity": 2, "reason": "Wet"});
                school.keeper.post("/api/v1/inventory/movements", &off).await.expect(201);
            }
            _ => {}
        }
        let now = school.keeper.get("/api/v1/inventory/valuation").await.expect(200);
        assert_eq!(now["as_of"], json!(null));
        noted.push((school.clock_day().await, now["categories"].clone()));
        school.days_pass(1).await;
    }
    assert!(noted.windows(2).all(|days| days[0].1 != days[1].1), "{noted:?}");
    for (day, categories) in &noted {
        let then = school.keeper.get(&format!("/api/v1/inventory/valuation?as_of={day}")).await.expect(200);
        assert_eq!((&then["as_of"], &then["categories"]), (&json!(day), categories));
    }
    let before = noted[0].0.pred_opt().unwrap();
    assert_eq!(school.keeper.get(&format!("/api/v1/inventory/valuation?as_of={before}")).await.expect(200)["categories"], json!([]));
    let tomorrow = school.clock_day().await.succ_opt().unwrap();
    let refused = school.keeper.get(&format!("/api/v1/inventory/valuation?as_of={tomorrow}")).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["query:as_of"]));
}

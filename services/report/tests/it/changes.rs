//! The history of what a grade book is made of.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, eventually, id};

impl School {
    fn changes(&self, query: &str) -> String {
        format!("{}/changes?limit=200{query}", self.book())
    }

    async fn of_class(&self, query: &str) -> Vec<Value> {
        self.teacher.get(&self.changes(query)).await.expect(200)["items"].as_array().unwrap().clone()
    }

    async fn of_school(&self, query: &str) -> Vec<Value> {
        let page = self.office.get(&format!("/api/v1/gradebook/changes?limit=200{query}")).await.expect(200);
        page["items"].as_array().unwrap().clone()
    }
}

/// What a change says in short.
fn short(change: &Value) -> (String, String, i64, Value) {
    let text = |name: &str| change[name].as_str().unwrap().to_owned();
    (text("kind"), text("action"), change["version"].as_i64().unwrap(), change["changed"].clone())
}

fn entry(kind: &str, action: &str, version: i64, changed: &[&str]) -> (String, String, i64, Value) {
    (kind.to_owned(), action.to_owned(), version, json!(changed))
}

#[tokio::test]
async fn every_change_of_the_outline_is_kept_with_who_made_it_and_what_was_there_before() {
    let school = School::open().await;
    let category = school.category(json!({"name": "Work", "weight": 40})).await;
    let item = school.item("Test", json!({"max_points": 20})).await;
    let path = format!("/api/v1/grade-items/{item}");
    school.office.patch(&path, "\"v1\"", &json!({"weight": 2.5, "category_id": category})).await.expect(200);
    school.teacher.patch(&path, "\"v1\"", &json!({"weight": 9})).await.expect(412);
    school.teacher.patch(&path, "\"v2\"", &json!({"weight": -1})).await.expect(422);
    school.lock(&item, "lock").await;
    let settings = format!("{}/settings", school.book());
    school.teacher.patch(&settings, "\"v1\"", &json!({"shows_totals": false})).await.expect(200);
    let kept = school.of_class(&format!("&kind=item&entity_id={item}")).await;
    assert_eq!(
        kept.iter().map(short).collect::<Vec<_>>(),
        [
            entry("item", "changed", 3, &["locked_at"]),
            entry("item", "changed", 2, &["category_id", "weight"]),
            entry("item", "created", 1, &[])
        ]
    );
    assert_eq!((&kept[1]["before"]["weight"], &kept[1]["after"]["weight"]), (&json!(1.0), &json!(2.5)));
    assert_eq!((&kept[2]["before"], &kept[2]["after"]["max_points"]), (&Value::Null, &json!(20.0)));
    assert_eq!(kept[0]["changed_by"], kept[2]["changed_by"]);
    assert!(kept[1]["changed_by"].is_string() && kept[1]["changed_by"] != kept[0]["changed_by"], "{kept:#?}");
    assert!(kept[0]["after"].get("school_id").is_none());
    // The rows' own times, latest first.
    let row = school.teacher.get(&path).await.expect(200);
    let time = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    assert_eq!(time(&kept[0]["changed_at"]), time(&row["updated_at"]));
    // What goes away leaves what it was; settings are known by their class.
    let unused = school.category(json!({"name": "Unused"})).await;
    school.teacher.delete(&format!("/api/v1/grade-categories/{unused}"), "\"v1\"").await.expect(204);
    let gone = school.of_class(&format!("&entity_id={unused}")).await;
    assert_eq!(gone.iter().map(short).collect::<Vec<_>>(), [entry("category", "removed", 1, &[]), entry("category", "created", 1, &[])]);
    assert_eq!((&gone[0]["after"], &gone[0]["before"]["name"]), (&Value::Null, &json!("Unused")));
    let settings = school.of_class("&kind=settings").await;
    assert_eq!((&settings[0]["entity_id"], &settings[0]["changed"]), (&json!(school.class), &json!(["shows_totals"])));
    // An item that is given up stays in its table, and is told as removed.
    let given_up = school.item("Given up", json!({})).await;
    school.teacher.delete(&format!("/api/v1/grade-items/{given_up}"), "\"v1\"").await.expect(204);
    assert_eq!(school.of_class(&format!("&entity_id={given_up}")).await[0]["action"], "removed");
    // The school's own.
    let scale = json!({"name": "Letters", "steps": [{"letter": "A", "from_percent": 0}]});
    let scale = id(&school.office.post("/api/v1/grade-scales", &scale).await.expect(201));
    school.office.patch(&format!("/api/v1/grade-scales/{scale}"), "\"v1\"", &json!({"name": "Words"})).await.expect(200);
    school.office.delete(&format!("/api/v1/grade-scales/{scale}"), "\"v2\"").await.expect(204);
    let kept = school.of_school("&kind=scale").await;
    assert_eq!(
        kept.iter().map(short).collect::<Vec<_>>(),
        [entry("scale", "removed", 2, &[]), entry("scale", "changed", 2, &["name"]), entry("scale", "created", 1, &[])]
    );
    // Page by page it is the same.
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = school.teacher.get(&format!("{}/changes?limit=2{cursor}", school.book())).await.expect(200);
        found.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, school.of_class("").await);
}

#[tokio::test]
async fn what_homework_makes_of_an_item_was_done_by_nobody() {
    let school = School::open().await;
    let body = json!({"class_id": school.class, "title": "Fractions", "due_at": "2030-01-01T00:00:00Z", "max_points": 20});
    let homework = school.teacher.post("/api/v1/homework", &body).await;
    let (etag, homework) = (homework.etag(), id(&homework.expect(201)));
    let path = format!("/api/v1/homework/{homework}");
    school.teacher.post_if(&format!("{path}/publish"), &etag, &json!({})).await.expect(200);
    eventually(async || school.fed_item(&homework).await, |item| !item.is_null()).await;
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.patch(&path, &etag, &json!({"max_points": 25})).await.expect(200);
    let seen = |kept: &Vec<Value>| kept.iter().any(|change| change["changed"] == json!(["max_points"]));
    let kept = eventually(async || school.of_class("&kind=item").await, seen).await;
    assert!(kept.iter().all(|change| change["changed_by"].is_null()), "{kept:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_changes_of_one_item_leave_one_entry_each_in_their_order() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let path = format!("/api/v1/grade-items/{item}");
    let changes = (1..=50).map(|weight| {
        let (path, who) = (path.clone(), if weight % 2 == 0 { &school.teacher } else { &school.office });
        async move {
            loop {
                let etag = who.get(&path).await.etag();
                match who.patch(&path, &etag, &json!({"weight": weight + 1})).await.status {
                    200 => return,
                    412 => {}
                    status => panic!("{status}"),
                }
            }
        }
    });
    join_all(changes).await;
    let kept = school.of_class(&format!("&entity_id={item}")).await;
    let versions: Vec<i64> = kept.iter().map(|change| change["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=51).rev().collect::<Vec<i64>>());
    for pair in kept.windows(2) {
        assert_eq!(pair[0]["before"], pair[1]["after"], "each begins where the one before ended");
    }
}

#[tokio::test]
async fn the_history_is_for_those_who_keep_the_book() {
    let school = School::open().await;
    school.another_class().await;
    let other = school.fleet.login("other.teacher@a.example").await;
    let path = school.changes("");
    for (who, status) in [(&school.student, 403), (&school.parent, 403), (&other, 404)] {
        who.get(&path).await.expect(status);
    }
    school.teacher.get("/api/v1/gradebook/changes").await.expect(403);
    for wrong in ["&kind=grade", "&entity_id=x", "&cursor=x", "&since=1"] {
        let answer = school.teacher.get(&school.changes(wrong)).await;
        assert!(matches!(answer.status, 400 | 422), "{wrong}: {:#}", answer.body);
    }
    // Not even the service's own role can take it back.
    school.item("Test", json!({})).await;
    let mut transaction = school.fleet.platform.postgres(domain::ServiceName::Report).school(school.school).await.unwrap();
    for attack in ["UPDATE grade_book_changes SET changed_by = NULL", "DELETE FROM grade_book_changes"] {
        let refused = sqlx::raw_sql(attack).execute(transaction.connection().unwrap()).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{refused}");
        transaction = school.fleet.platform.postgres(domain::ServiceName::Report).school(school.school).await.unwrap();
    }
}

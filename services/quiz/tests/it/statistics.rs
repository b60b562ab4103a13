//! Statistics over HTTP, from responses whose figures an independent tool has computed (`tests/reference`).

use domain::Role;
use mongodb::bson::doc;
use serde_json::{Value, json};
use store::CollectionName;

use crate::school::School;

#[track_caller]
fn same(ours: &Value, theirs: &Value, what: &str) {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(ours), Some(theirs)) => assert!((ours - theirs).abs() <= 1e-9 * theirs.abs().max(1.0), "{what}: {ours} is not {theirs}"),
        _ => assert_eq!(ours, theirs, "{what}"),
    }
}

#[tokio::test]
async fn statistics_are_what_an_independent_tool_computes_and_are_kept_until_a_mark_changes() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../reference/statistics.json")).unwrap();
    let case = cases.iter().find(|case| case["name"] == "a small class").unwrap();
    let rows = case["marks"].as_array().unwrap();
    let school = School::open().await;
    let mut paper = school.draft(&school.settings("Reference"), &[]).await;
    for (at, max) in case["max_marks"].as_array().unwrap().iter().enumerate() {
        let essay = school.question(&format!("Question {at}"), json!({"type": "essay"})).await;
        school.add(&mut paper, &json!({"question_id": essay, "max_mark": max})).await;
    }
    school.publish(&mut paper).await;
    let mut last = String::new();
    for (number, row) in rows.iter().enumerate() {
        let email = format!("pupil.{number}@a.example");
        let user = school.fleet.member(school.id, Role::Student, &email).await;
        let from = school.fleet.platform.clock().now().date_naive() - chrono::Days::new(30);
        school.fleet.enrol(school.id, school.class, user, from).await;
        let pupil = school.fleet.login(&email).await;
        let sitting = school.start(&pupil, &paper).await;
        for slot in &paper.slots {
            school.save(&pupil, &sitting, slot, &json!({"text": "words"})).await.expect(200);
        }
        pupil.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
        for (slot, mark) in paper.slots.iter().zip(row.as_array().unwrap()) {
            last = format!("{}/answers/{slot}/grade", sitting.path);
            school.teacher.patch(&last, "\"v3\"", &json!({"mark": mark})).await.expect(200);
        }
    }
    let path = format!("{}/statistics", paper.path);
    let told = school.teacher.get(&path).await.expect(200);
    for (name, figure) in case["whole"].as_object().unwrap() {
        same(&told[name], figure, name);
    }
    let items = told["items"].as_array().unwrap();
    assert_eq!(items.len(), paper.slots.len());
    for ((item, theirs), slot) in items.iter().zip(case["items"].as_array().unwrap()).zip(&paper.slots) {
        assert_eq!((&item["slot_id"], &item["n"]), (&json!(slot), &json!(rows.len())));
        assert_eq!(item["distribution"], json!({"answered": rows.len()}));
        for (name, figure) in theirs.as_object().unwrap() {
            same(&item[name], figure, name);
        }
    }

    let kept = school.fleet.platform.mongo().school::<Value>(CollectionName::QuizAnalytics, school.id);
    let of_these = doc! { "attempts_hash": told["attempts_hash"].as_str().unwrap() };
    assert_eq!(kept.count(of_these.clone()).await.unwrap(), 1);
    assert_eq!(school.teacher.get(&path).await.expect(200), told, "found, not computed again");
    let changed = json!({"mark": 2, "comment": "Looked at again."});
    school.teacher.patch(&last, "\"v4\"", &changed).await.expect(200);
    let anew = school.teacher.get(&path).await.expect(200);
    assert_ne!(anew["attempts_hash"], told["attempts_hash"], "a mark has changed");
    assert_eq!(kept.count(of_these).await.unwrap(), 1, "what was computed of the marks as they were stays");
    assert_eq!(kept.count(doc! {}).await.unwrap(), 2);
}

#[tokio::test]
async fn what_was_chosen_how_often_is_told_by_option() {
    let school = School::open().await;
    let option = |text: &str, fraction: f64| json!({"text": text, "fraction": fraction});
    let question = school.question("Choice", json!({"type": "single_choice", "options": [option("four", 1.0), option("five", 0.0)]})).await;
    let mut paper = school.draft(&school.settings("Choices"), std::slice::from_ref(&question)).await;
    school.publish(&mut paper).await;
    let key = |sitting: &crate::school::Sitting, text: &str| {
        let options = sitting.body["questions"][0]["question"]["options"].as_array().unwrap().clone();
        options.iter().find(|option| option["text"] == text).unwrap()["key"].as_str().unwrap().to_owned()
    };
    let (first, second) = (school.start(&school.student, &paper).await, school.start(&school.classmate, &paper).await);
    let (four, five) = (key(&first, "four"), key(&second, "five"));
    school.save(&school.student, &first, &paper.slots[0], &json!({"keys": [four]})).await.expect(200);
    school.save(&school.classmate, &second, &paper.slots[0], &json!({"keys": [five]})).await.expect(200);
    for (who, sitting) in [(&school.student, &first), (&school.classmate, &second)] {
        who.post(&format!("{}/submit", sitting.path), &json!({})).await.expect(200);
    }
    let told = school.teacher.get(&format!("{}/statistics", paper.path)).await.expect(200);
    let item = &told["items"][0];
    assert_eq!(item["distribution"], json!({four: 1, five: 1}), "{told:#}");
    assert_eq!((&item["facility"], &item["guess_score"], &told["n"]), (&json!(0.5), &json!(0.5), &json!(2)));
}

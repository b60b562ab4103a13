//! The honour roll: from the same totals as the book, exact at the edge, with ties.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::School;

const RULES: &str = "/api/v1/honour-rules";

impl School {
    async fn honour_rule(&self, body: Value) -> String {
        crate::school::id(&self.office.post(RULES, &body).await.expect(201))
    }

    async fn roll(&self, rule: &str, more: &str) -> Value {
        self.teacher.get(&format!("/api/v1/classes/{}/honour-roll?rule_id={rule}{more}", self.class)).await.expect(200)
    }
}

/// Who is on a roll: student and place.
fn places(roll: &Value) -> Vec<(Value, u64)> {
    roll["lines"].as_array().unwrap().iter().map(|line| (line["student_id"].clone(), line["rank"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn the_roll_holds_who_reaches_the_average_with_no_grade_below_the_least() {
    let school = School::open().await;
    let honours = school.honour_rule(json!({"name": "Honours", "min_average": 85, "min_grade": 70})).await;
    let average_only = school.honour_rule(json!({"name": "Average", "min_average": 85})).await;
    let (first, second) = (school.item("First", json!({"max_points": 300})).await, school.item("Second", json!({})).await);
    assert_eq!(places(&school.roll(&honours, "").await), []);
    // 209.99 of 300 is 69.997 %, and reads 70.00; the average is 84.9983, and reads 85.00.
    school.mark(&first, json!({"points": 209.99}), json!({"points": 209.9})).await;
    school.mark(&second, json!({"points": 100}), json!({"points": 100})).await;
    let roll = school.roll(&honours, "").await;
    assert_eq!(places(&roll), [(json!(school.student_id), 1)]);
    assert_eq!((&roll["lines"][0]["percent"], &roll["students"], &roll["rule"]["min_grade"]), (&json!(85.0), &json!(2), &json!(70.0)));
    assert_eq!(roll["lines"][0]["percent"], school.line().await["totals"]["overall"]["percent"]);
    // The classmate's average reads 84.98.
    assert_eq!(places(&school.roll(&average_only, "").await).len(), 1);
    school.mark(&first, json!({}), json!({"points": 210})).await;
    assert_eq!(places(&school.roll(&average_only, "").await), places(&school.roll(&honours, "").await));
    let ranks: Vec<u64> = places(&school.roll(&honours, "").await).into_iter().map(|(_, rank)| rank).collect();
    assert_eq!(ranks, [1, 1], "both read 85.00");
    // A low grade keeps off, unless it is excluded, or extra work.
    let third = school.item("Third", json!({})).await;
    school.mark(&third, json!({"points": 69.99}), json!({"points": 100})).await;
    assert_eq!(places(&school.roll(&honours, "").await), [(json!(school.classmate_id), 1)]);
    school.mark(&third, json!({"is_excluded": true}), json!({})).await;
    assert_eq!(places(&school.roll(&honours, "").await), [(json!(school.classmate_id), 1), (json!(school.student_id), 2)]);
    let extra = school.item("Extra", json!({"is_extra_credit": true})).await;
    school.mark(&extra, json!({"points": 1}), json!({})).await;
    assert_eq!(places(&school.roll(&honours, "").await).len(), 2);
}

#[tokio::test]
async fn a_roll_is_of_the_year_or_of_a_term_and_what_was_dropped_keeps_nobody_off() {
    let school = School::open().await;
    let (_, from, to) = school.year().await;
    let middle = from + (to - from) / 2;
    let term = school.term("First", from, middle).await;
    let work = school.category(json!({"name": "Work", "term_id": term, "drop_lowest": 1})).await;
    for (name, marks) in [("One", 20), ("Two", 90), ("Three", 95)] {
        let item = school.item(name, json!({"category_id": work})).await;
        school.mark(&item, json!({"points": marks}), json!({"points": marks})).await;
    }
    let rule = school.honour_rule(json!({"name": "Honours", "min_average": 92.5, "min_grade": 90, "min_results": 2})).await;
    let roll = school.roll(&rule, &format!("&term_id={term}")).await;
    assert_eq!((places(&roll).len(), &roll["term_id"]), (2, &json!(term)));
    let later = school.item("Later", json!({"due_on": to})).await;
    school.mark(&later, json!({"points": 10}), json!({"points": 100})).await;
    assert_eq!(places(&school.roll(&rule, &format!("&term_id={term}")).await).len(), 2, "another term's grade is no part of it");
    assert_eq!(places(&school.roll(&rule, "").await), [(json!(school.classmate_id), 1)]);
    // More results than there are.
    let path = format!("{RULES}/{rule}");
    school.office.patch(&path, "\"v1\"", &json!({"min_results": 3})).await.expect(200);
    assert_eq!(places(&school.roll(&rule, &format!("&term_id={term}")).await), []);
    school.office.patch(&path, "\"v2\"", &json!({"min_results": 1, "min_grade": null})).await.expect(200);
    school.teacher.get(&format!("/api/v1/classes/{}/honour-roll?rule_id={rule}&term_id={rule}", school.class)).await.expect(404);
}

#[tokio::test]
async fn rules_are_the_offices_and_rolls_are_for_those_who_keep_the_book() {
    let school = School::open().await;
    for (wrong, pointer) in [
        (json!({"name": "R", "min_average": 200.01}), "/min_average"),
        (json!({"name": "R", "min_average": 90.005}), "/min_average"),
        (json!({"name": "R", "min_average": 90, "min_grade": -1}), "/min_grade"),
        (json!({"name": "R", "min_average": 90, "min_results": 0}), "/min_results"),
    ] {
        let refused = school.office.post(RULES, &wrong).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]));
    }
    let rule = school.honour_rule(json!({"name": "Honours", "min_average": 85})).await;
    school.office.post(RULES, &json!({"name": "Honours", "min_average": 80})).await.expect(409);
    school.teacher.post(RULES, &json!({"name": "Mine", "min_average": 1})).await.expect(403);
    let path = format!("{RULES}/{rule}");
    school.teacher.patch(&path, "\"v1\"", &json!({"min_average": 1})).await.expect(403);
    assert_eq!(school.student.get(&path).await.expect(200)["min_average"], 85.0, "what it takes is no secret");
    let roll = format!("/api/v1/classes/{}/honour-roll?rule_id={rule}", school.class);
    school.student.get(&roll).await.expect(403);
    school.another_class().await;
    school.fleet.login("other.teacher@a.example").await.get(&roll).await.expect(404);
    school.teacher.get(&format!("/api/v1/classes/{}/honour-roll?rule_id={}", school.class, school.student_id)).await.expect(404);
    school.teacher.get(&format!("/api/v1/classes/{}/honour-roll", school.class)).await.expect(422);
    // Of many who change it at once one does.
    let tries = (0..50).map(|average| {
        let path = path.clone();
        let office = &school.office;
        async move { office.patch(&path, "\"v1\"", &json!({"min_average": average})).await.status }
    });
    let outcomes = join_all(tries).await;
    assert!(
        outcomes.iter().all(|status| matches!(status, 200 | 412)) && outcomes.iter().filter(|status| **status == 200).count() == 1,
        "{outcomes:?}"
    );
    school.office.delete(&path, "\"v1\"").await.expect(412);
    school.office.delete(&path, "\"v2\"").await.expect(204);
    school.teacher.get(&roll).await.expect(404);
}

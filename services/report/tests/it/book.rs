//! What grades add up to, who changed them, and files out and in.

use serde_json::json;

use crate::school::{School, id, line_of};

#[tokio::test]
async fn categories_weights_dropped_and_extra_work_add_up_to_a_letter() {
    let school = School::open().await;
    let scale = json!({"name": "Letters", "is_default": true, "steps": [
        {"letter": "A", "from_percent": 90, "grade_points": 4}, {"letter": "B", "from_percent": 80, "grade_points": 3}, {"letter": "C", "from_percent": 0}]});
    school.office.post("/api/v1/grade-scales", &scale).await.expect(201);
    let homework = school.category(json!({"name": "Homework", "weight": 40, "aggregation": "mean", "drop_lowest": 1})).await;
    let exams = school.category(json!({"name": "Exams", "weight": 60})).await;
    for (name, category, marks) in [("H1", &homework, 50.0), ("H2", &homework, 90.0), ("H3", &homework, 100.0), ("E1", &exams, 70.0)] {
        let item = school.item(name, json!({"category_id": category})).await;
        school.mark(&item, json!({"points": marks}), json!({"points": 10})).await;
    }
    let totals = school.line().await["totals"].clone();
    assert_eq!(totals["overall"], json!({"percent": 80.0, "letter": "B", "grade_points": 3.0}));
    assert_eq!(totals["dropped"].as_array().unwrap().len(), 1);
    // Extra credit adds and is never needed.
    let extra = school.item("Bonus", json!({"category_id": exams, "is_extra_credit": true})).await;
    school.mark(&extra, json!({"points": 5}), json!({"is_exempt": true})).await;
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(83.0));
}

#[tokio::test]
async fn not_graded_exempt_and_excluded_are_no_zero_and_missing_is_one() {
    let school = School::open().await;
    let first = school.item("First", json!({})).await;
    let second = school.item("Second", json!({})).await;
    school.mark(&first, json!({"points": 80}), json!({})).await;
    let percent = async || school.line().await["totals"]["overall"]["percent"].clone();
    assert_eq!(percent().await, json!(80.0));
    school.mark(&second, json!({"is_missing": true}), json!({})).await;
    assert_eq!(percent().await, json!(40.0));
    school.mark(&second, json!({"points": 10, "is_excluded": true}), json!({})).await;
    assert_eq!(percent().await, json!(80.0));
    school.mark(&second, json!({"is_excluded": false, "override_points": 100}), json!({})).await;
    assert_eq!(percent().await, json!(90.0));
}

#[tokio::test]
async fn every_change_of_a_grade_is_kept_with_who_made_it() {
    let school = School::open().await;
    let item = school.item("Essay", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 60}), json!({})).await;
    let line = sheet["lines"].as_array().unwrap().iter().find(|line| line["student_id"] == json!(school.student_id)).unwrap();
    let grade = format!("/api/v1/grades/{}", id(&line["grade"]));
    let etag = school.teacher.get(&grade).await.etag();
    school.office.patch(&grade, &etag, &json!({"override_points": 75.5, "comment": "Read again."})).await.expect(200);
    school.teacher.patch(&grade, &etag, &json!({"points": 1})).await.expect(412);
    let history = school.teacher.get(&format!("{grade}/history")).await.expect(200);
    let items = history["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(
        (&items[0]["version"], &items[0]["override_points"], &items[0]["comment"]),
        (&json!(2), &json!(75.5), &json!("Read again."))
    );
    assert_eq!((&items[1]["version"], &items[1]["points"]), (&json!(1), &json!(60)));
    assert_ne!(items[0]["changed_by"], items[1]["changed_by"]);
    school.student.get(&format!("{grade}/history")).await.expect(403);
}

#[tokio::test]
async fn a_term_holds_its_own_categories_and_what_is_due_within_it() {
    let school = School::open().await;
    let (_, from, to) = school.year().await;
    let middle = from + (to - from) / 2;
    let term = school.term("First", from, middle).await;
    let second = school.term("Second", middle.succ_opt().unwrap(), to).await;
    let category = school.category(json!({"name": "Term work", "term_id": term})).await;
    let within = school.item("Within", json!({"category_id": category})).await;
    let due = school.item("Due within", json!({"due_on": from})).await;
    let later = school.item("Later", json!({"due_on": to})).await;
    for (item, marks) in [(&within, 90), (&due, 70), (&later, 10)] {
        school.mark(item, json!({"points": marks}), json!({})).await;
    }
    let of_term = school.teacher.get(&format!("{}?term_id={term}", school.book())).await.expect(200);
    assert_eq!(of_term["items"].as_array().unwrap().len(), 2);
    let line = of_term["lines"].as_array().unwrap().iter().find(|line| line["student_id"] == json!(school.student_id)).unwrap();
    assert_eq!(line["totals"]["overall"]["percent"], json!(80.0));
    // The year has everything, and says what each term came to.
    let year = school.line().await;
    assert_eq!(year["grades"].as_array().unwrap().len(), 3);
    assert_eq!(year["totals"]["overall"]["percent"], json!(56.67));
    let of_terms: Vec<(&serde_json::Value, &serde_json::Value)> =
        year["totals"]["terms"].as_array().unwrap().iter().map(|total| (&total["term_id"], &total["total"]["percent"])).collect();
    assert_eq!(of_terms, [(&json!(term), &json!(80.0)), (&json!(second), &json!(10.0))]);
    let seen = school.student.get(&format!("/api/v1/students/{}/grades?term_id={second}", school.student_id)).await.expect(200);
    assert_eq!(seen["classes"][0]["totals"]["overall"]["percent"], json!(10.0));
    school.teacher.get(&format!("{}?term_id={}", school.book(), uuid::Uuid::now_v7())).await.expect(404);
    let out = school.teacher.get(&format!("{}.csv?term_id={term}", school.book())).await;
    assert!(!out.body.as_str().unwrap().contains(&later), "{}", out.body);
}

#[tokio::test]
async fn categories_within_categories_keep_the_highest_and_each_is_aggregated_in_its_own_way() {
    let school = School::open().await;
    let work = school.category(json!({"name": "Work", "weight": 3, "aggregation": "mean"})).await;
    let tests = school.category(json!({"name": "Tests", "parent_category_id": work, "keep_highest": 2, "aggregation": "sum"})).await;
    let projects = school.category(json!({"name": "Projects", "parent_category_id": work, "aggregation": "median"})).await;
    let oral = school.category(json!({"name": "Oral", "weight": 1, "aggregation": "highest"})).await;
    let results =
        [("T1", &tests, 20, 5), ("T2", &tests, 10, 9), ("T3", &tests, 40, 30), ("P1", &projects, 10, 4), ("P2", &projects, 10, 6)];
    for (name, category, max_points, marks) in results {
        let item = school.item(name, json!({"category_id": category, "max_points": max_points})).await;
        school.mark(&item, json!({"points": marks}), json!({})).await;
    }
    for marks in [10, 70] {
        let item = school.item(&format!("O{marks}"), json!({"category_id": oral})).await;
        school.mark(&item, json!({"points": marks}), json!({})).await;
    }
    let totals = school.line().await["totals"].clone();
    let of = |category: &str| {
        let all = totals["categories"].as_array().unwrap();
        all.iter().find(|total| total["category_id"] == json!(category)).unwrap()["percent"].clone()
    };
    // Tests: (9 + 30) / (10 + 40); projects: the middle of 40 and 60; work: their mean; all: (3·64 + 70) / 4.
    assert_eq!([of(&tests), of(&projects), of(&work), of(&oral)], [json!(78.0), json!(50.0), json!(64.0), json!(70.0)]);
    assert_eq!((&totals["overall"]["percent"], totals["dropped"].as_array().unwrap().len()), (&json!(65.5), 1));
    // A change of the outline shows at once.
    let path = format!("/api/v1/grade-categories/{work}");
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.patch(&path, &etag, &json!({"weight": 0, "aggregation": "highest"})).await.expect(200);
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(70.0));
    // What holds something stays; what holds nothing goes, also when an item was in it.
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.delete(&path, &etag).await.expect(409);
    let empty = school.category(json!({"name": "Empty"})).await;
    let item = school.item("Never", json!({"category_id": empty})).await;
    let (item, empty) = (format!("/api/v1/grade-items/{item}"), format!("/api/v1/grade-categories/{empty}"));
    school.teacher.delete(&item, "\"v1\"").await.expect(204);
    for verb in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = school.teacher.request(verb, &item).header("If-Match", "\"v2\"");
        school.teacher.send(request).await.expect(404);
    }
    school.teacher.delete(&empty, "\"v1\"").await.expect(204);
    school.teacher.get(&empty).await.expect(404);
}

#[tokio::test]
async fn equal_results_are_dropped_the_same_way_each_time_and_places_are_shared() {
    let school = School::open().await;
    let category = school.category(json!({"name": "Quizzes", "drop_lowest": 1, "aggregation": "mean"})).await;
    let mut items = Vec::new();
    for (max_points, marks) in [(10, 5), (20, 10), (40, 20)] {
        let item = school.item(&format!("Of {max_points}"), json!({"category_id": category, "max_points": max_points})).await;
        school.mark(&item, json!({"points": marks}), json!({"points": marks})).await;
        items.push(item);
    }
    // The youngest of equal ones, for everybody, as often as one looks.
    for _ in 0..3 {
        let book = school.teacher.get(&school.book()).await.expect(200);
        for line in book["lines"].as_array().unwrap() {
            assert_eq!((&line["totals"]["dropped"], &line["rank"]), (&json!([items[2]]), &json!(1)));
        }
    }
    school.mark(&items[0], json!({"points": 6}), json!({})).await;
    let book = school.teacher.get(&school.book()).await.expect(200);
    let ranks = [school.student_id, school.classmate_id].map(|student| line_of(&book, student)["rank"].clone());
    assert_eq!(ranks, [json!(1), json!(2)]);
}

#[tokio::test]
async fn letters_follow_the_scale_of_the_class_else_the_schools_and_go_by_what_is_shown() {
    let school = School::open().await;
    let scale = async |name: &str, from: f64, is_default: bool| {
        let steps = json!([{"letter": "pass", "from_percent": from}, {"letter": "fail", "from_percent": 0}]);
        let body = json!({"name": name, "steps": steps, "is_default": is_default});
        id(&school.office.post("/api/v1/grade-scales", &body).await.expect(201))
    };
    let item = school.item("Test", json!({"max_points": 3})).await;
    school.mark(&item, json!({"points": 2}), json!({"points": 1})).await;
    let letter = async || school.line().await["totals"]["overall"]["letter"].clone();
    assert_eq!(letter().await, serde_json::Value::Null);
    let default = scale("School", 66.67, true).await;
    assert_eq!(letter().await, json!("pass"), "2/3 is shown as 66.67");
    let strict = scale("Strict", 66.68, false).await;
    let settings = format!("{}/settings", school.book());
    let etag = school.teacher.get(&settings).await.etag();
    school.teacher.patch(&settings, &etag, &json!({"scale_id": strict})).await.expect(200);
    assert_eq!(letter().await, json!("fail"));
    assert_eq!(school.seen_by(&school.parent).await["totals"]["overall"]["letter"], json!("fail"));
    // One default a school, one name, and what is in use stays.
    let second = json!({"name": "Another", "is_default": true, "steps": [{"letter": "A", "from_percent": 0}]});
    school.office.post("/api/v1/grade-scales", &second).await.expect(409);
    let path = format!("/api/v1/grade-scales/{strict}");
    let etag = school.office.get(&path).await.etag();
    school.office.delete(&path, &etag).await.expect(409);
    let (path, none) = (format!("/api/v1/grade-scales/{default}"), json!({"scale_id": null}));
    let etag = school.teacher.get(&settings).await.etag();
    school.teacher.patch(&settings, &etag, &none).await.expect(200);
    assert_eq!(letter().await, json!("pass"));
    let etag = school.office.get(&path).await.etag();
    school.teacher.patch(&path, &etag, &json!({"name": "Mine"})).await.expect(403);
}

#[tokio::test]
async fn every_rule_that_has_words_is_in_the_database() {
    let school = School::open().await;
    let names: Vec<String> =
        sqlx::query_scalar("SELECT conname::text FROM pg_constraint UNION SELECT relname::text FROM pg_class WHERE relkind = 'i'")
            .fetch_all(&mut school.fleet.database.superuser().await)
            .await
            .unwrap();
    for rule in report::store::RULES {
        assert!(names.iter().any(|name| name == rule.constraint), "{}", rule.constraint);
    }
}

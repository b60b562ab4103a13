//! What grades add up to, who changed them, and files out and in.

use serde_json::json;

use crate::school::{School, id};

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
async fn the_book_goes_out_as_a_file_and_marks_come_back_in_all_or_nothing() {
    let school = School::open().await;
    let item = school.item("=SUM(A1)", json!({"max_points": 20})).await;
    let out = school.teacher.get(&format!("{}.csv", school.book())).await;
    assert_eq!(out.status, 200);
    let (etag, text) = (out.etag(), out.body.as_str().unwrap().to_owned());
    assert!(text.contains(&format!("{item} =SUM(A1)")), "{text}");
    let import = async |etag: &str, query: &str, body: String| {
        let request = school.teacher.request(reqwest::Method::POST, &format!("{}/import{query}", school.book()));
        school.teacher.send(request.header("If-Match", etag).header("Content-Type", "text/csv").body(body)).await
    };
    let file = |first: &str, second: &str| {
        format!("student_id,{item} Sum\r\n{},{first}\r\n{},{second}\r\n", school.student_id, school.classmate_id)
    };
    let wrong = import(&etag, "", file("12.5", "21")).await;
    assert_eq!((wrong.status, wrong.pointers()), (422, vec!["/rows/3/2"]));
    let dry = import(&etag, "?dry_run=true", file("12.5", "7")).await.expect(200);
    assert_eq!((&dry["changed"], &dry["dry_run"]), (&json!(2), &json!(true)));
    let done = import(&etag, "", file("12.5", "7")).await.expect(200);
    assert_eq!(done["changed"], json!(2));
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(62.5));
    import(&etag, "", file("1", "1")).await.expect(412);
}

#[tokio::test]
async fn a_term_holds_its_own_categories_and_what_is_due_within_it() {
    let school = School::open().await;
    let year: uuid::Uuid = sqlx::query_scalar("SELECT academic_year_id FROM classes WHERE id = $1")
        .bind(school.class.as_uuid())
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    let (from, to): (chrono::NaiveDate, chrono::NaiveDate) = sqlx::query_as("SELECT starts_on, ends_on FROM academic_years WHERE id = $1")
        .bind(year)
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    let middle = from + (to - from) / 2;
    let term = json!({"academic_year_id": year, "name": "First", "starts_on": from, "ends_on": middle});
    let term = id(&school.office.post("/api/v1/terms", &term).await.expect(201));
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
    assert_eq!(school.line().await["grades"].as_array().unwrap().len(), 3);
}

//! What is wrong is said, all of it, and nothing is written.

use domain::StudentId;
use serde_json::json;

use crate::school::{School, put};

#[tokio::test]
async fn a_sheet_with_faults_tells_each_at_its_place_and_writes_nothing() {
    let school = School::open().await;
    let item = school.item("Test", json!({"max_points": 20})).await;
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = school.teacher.get(&path).await.etag();
    let body = json!({"grades": [
        {"student_id": school.student_id, "grade": {"points": 21}},
        {"student_id": StudentId::generate(), "grade": {"points": 1}},
        {"student_id": school.student_id, "grade": {"override_points": 20.01}},
        {"student_id": school.classmate_id, "grade": {"points": 5}},
    ]});
    let answer = put(&school.teacher, &path, &etag, &body).await;
    assert_eq!(answer.status, 422);
    let mut pointers = answer.pointers();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/grades/0/grade/points", "/grades/1/student_id", "/grades/2/grade/override_points", "/grades/2/student_id"]);
    assert_eq!(school.teacher.get(&path).await.etag(), etag);
}

#[tokio::test]
async fn marks_that_are_none_are_refused() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = school.teacher.get(&path).await.etag();
    for marks in ["-1", "-0.01", "1.005", "1e9", "100000", "1e400", "-1e400", "\"12\"", "NaN", "Infinity", "-Infinity", "true", "[1]", "{}"]
    {
        let body = format!("{{\"grades\": [{{\"student_id\": \"{}\", \"grade\": {{\"points\": {marks}}}}}]}}", school.student_id);
        let request =
            school.teacher.request(reqwest::Method::PUT, &path).header("If-Match", &etag).header("Content-Type", "application/json");
        let answer = school.teacher.send(request.body(body)).await;
        assert!(matches!(answer.status, 400 | 422), "{marks}: {} {}", answer.status, answer.body);
    }
}

#[tokio::test]
async fn every_write_needs_the_version_that_it_is_based_on() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let marks = json!({"grades": [{"student_id": school.student_id, "grade": {"points": 1}}]});
    let without = school.teacher.request(reqwest::Method::PUT, &format!("/api/v1/grade-items/{item}/grades")).json(&marks);
    school.teacher.send(without).await.expect(428);
    let sheet = school.mark(&item, json!({"points": 1}), json!({})).await;
    let grade = crate::school::line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap().to_owned();
    let category = school.category(json!({"name": "Work"})).await;
    let scale = json!({"name": "S", "steps": [{"letter": "A", "from_percent": 0}]});
    let scale = crate::school::id(&school.office.post("/api/v1/grade-scales", &scale).await.expect(201));
    let (patch, post, delete) = (reqwest::Method::PATCH, reqwest::Method::POST, reqwest::Method::DELETE);
    for (method, path) in [
        (&patch, format!("/api/v1/grades/{grade}")),
        (&patch, format!("/api/v1/grade-items/{item}")),
        (&post, format!("/api/v1/grade-items/{item}/lock")),
        (&post, format!("/api/v1/grade-items/{item}/unlock")),
        (&delete, format!("/api/v1/grade-items/{item}")),
        (&patch, format!("/api/v1/grade-categories/{category}")),
        (&delete, format!("/api/v1/grade-categories/{category}")),
        (&patch, format!("/api/v1/grade-scales/{scale}")),
        (&delete, format!("/api/v1/grade-scales/{scale}")),
        (&patch, format!("{}/settings", school.book())),
        (&post, format!("{}/recompute", school.book())),
    ] {
        let by = if path.contains("scales") { &school.office } else { &school.teacher };
        let without = by.send(by.request(method.clone(), &path).json(&json!({}))).await;
        assert_eq!(without.status, 428, "{path}: {:#}", without.body);
        let outdated = by.send(by.request(method.clone(), &path).header("If-Match", "\"v77\"").json(&json!({}))).await;
        assert_eq!(outdated.status, 412, "{path}: {:#}", outdated.body);
        let list = by.send(by.request(method.clone(), &path).header("If-Match", "*").json(&json!({}))).await;
        assert_eq!(list.status, 400, "{path}: {:#}", list.body);
    }
}

#[tokio::test]
async fn students_and_items_that_are_not_of_the_class_are_refused() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let (path, elsewhere) = (format!("/api/v1/grade-items/{item}/grades"), school.another_class().await);
    let other = school.fleet.school("Another school").await;
    let stranger = school.fleet.member(other, domain::Role::Student, "student@b.example").await;
    let stranger = school.fleet.student_id(other, stranger).await;
    let etag = school.teacher.get(&path).await.etag();
    for student in [elsewhere, stranger] {
        let marks = json!({"grades": [{"student_id": student, "grade": {"points": 1}}]});
        let refused = put(&school.teacher, &path, &etag, &marks).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/grades/0/student_id"]));
    }
    let marks = json!({"grades": [{"student_id": school.student_id, "grade": {"points": 1}}]});
    for unknown in [format!("/api/v1/grade-items/{}/grades", domain::GradeItemId::generate()), "/api/v1/grade-items/7/grades".to_owned()] {
        assert!(matches!(put(&school.teacher, &unknown, &etag, &marks).await.status, 404 | 400), "{unknown}");
    }
    school.teacher.get(&format!("/api/v1/grades/{}", domain::GradeId::generate())).await.expect(404);
    for lines in [json!([]), json!(vec![marks["grades"][0].clone(); 501])] {
        let refused = put(&school.teacher, &path, &etag, &json!({"grades": lines})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/grades"]));
    }
    let long = json!({"grades": [{"student_id": school.student_id, "grade": {"comment": "x".repeat(5001)}}]});
    put(&school.teacher, &path, &etag, &long).await.expect(422);
    let huge = json!({"grades": [{"student_id": school.student_id, "grade": {"comment": "x".repeat(300_000)}}]});
    put(&school.teacher, &path, &etag, &huge).await.expect(413);
    // What is referred to is of this class and this school too.
    let (category, other_class) = (school.category(json!({"name": "Work"})).await, directory_of(&school, elsewhere).await);
    let new = json!({"class_id": other_class, "name": "X", "max_points": 1, "category_id": category});
    let refused = school.office.post("/api/v1/grade-items", &new).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/category_id"]));
    let new = json!({"class_id": other_class, "name": "X", "parent_category_id": category});
    let refused = school.office.post("/api/v1/grade-categories", &new).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/parent_category_id"]));
    school.teacher.post("/api/v1/grade-items", &json!({"class_id": other_class, "name": "X", "max_points": 1})).await.expect(404);
    assert_eq!(school.teacher.get(&path).await.etag(), etag);
}

/// The class that a student is in.
async fn directory_of(school: &School, student: StudentId) -> uuid::Uuid {
    sqlx::query_scalar("SELECT class_id FROM enrollments WHERE student_id = $1")
        .bind(student.as_uuid())
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn numbers_and_days_that_no_table_holds_are_refused_before_any_table_is_asked() {
    let school = School::open().await;
    for (body, pointer) in [
        (json!({"max_points": 0}), "/max_points"),
        (json!({"max_points": 1e300}), "/max_points"),
        (json!({"max_points": 10, "weight": -1}), "/weight"),
        (json!({"max_points": 10, "weight": 1e20}), "/weight"),
        (json!({"max_points": 10, "due_on": "-9999-01-01"}), "/due_on"),
        (json!({"max_points": 10, "due_on": "+200000-01-01"}), "/due_on"),
        (json!({"max_points": 10, "due_on": "2026-02-30"}), "/due_on"),
        (json!({"max_points": 10, "locked_at": "2020-01-01T00:00:00Z"}), "/locked_at"),
    ] {
        let mut body = body;
        (body["class_id"], body["name"]) = (json!(school.class), json!("X"));
        let refused = school.teacher.post("/api/v1/grade-items", &body).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{body}: {:#}", refused.body);
    }
    for (body, pointer) in [
        (json!({"keep_highest": 0}), "/keep_highest"),
        (json!({"keep_highest": 1001}), "/keep_highest"),
        (json!({"drop_lowest": 1001}), "/drop_lowest"),
        (json!({"drop_lowest": -1}), "/drop_lowest"),
        (json!({"aggregation": "best"}), "/aggregation"),
        (json!({"term_id": uuid::Uuid::now_v7()}), "/term_id"),
    ] {
        let mut body = body;
        (body["class_id"], body["name"]) = (json!(school.class), json!("X"));
        let refused = school.teacher.post("/api/v1/grade-categories", &body).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{body}: {:#}", refused.body);
    }
    let step = |letter: &str, from: f64, points: f64| json!({"letter": letter, "from_percent": from, "grade_points": points});
    let many: Vec<_> = (0..51).map(|n| step(&format!("L{n}"), f64::from(n), 0.0)).collect();
    for (steps, pointer) in [
        (json!([]), "/steps"),
        (json!(many), "/steps"),
        (json!([step("A", 0.0, 0.0), step("B", 100.01, 0.0)]), "/steps/1/from_percent"),
        (json!([step("A", 0.0, 0.0), step("B", 49.999, 0.0)]), "/steps/1/from_percent"),
        (json!([step("A", 0.0, -1.0)]), "/steps/0/grade_points"),
        (json!([step("A", 0.0, 0.0), step("A", 50.0, 0.0)]), "/steps/1/letter"),
    ] {
        let refused = school.office.post("/api/v1/grade-scales", &json!({"name": "S", "steps": steps})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{:#}", refused.body);
    }
}

#[tokio::test]
async fn an_item_is_never_worth_less_than_somebody_has_for_it() {
    let school = School::open().await;
    let item = school.item("Bonus", json!({"max_points": 10, "is_extra_credit": true})).await;
    school.mark(&item, json!({"points": 12}), json!({"override_points": 4})).await;
    let path = format!("/api/v1/grade-items/{item}");
    let refused = school.teacher.patch(&path, "\"v1\"", &json!({"is_extra_credit": false})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/is_extra_credit"]));
    school.teacher.patch(&path, "\"v1\"", &json!({"is_extra_credit": false, "max_points": 12})).await.expect(200);
    let refused = school.teacher.patch(&path, "\"v2\"", &json!({"max_points": 11.99})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/max_points"]));
}

#[tokio::test]
async fn a_category_is_of_a_term_of_its_class_and_of_its_parents() {
    let school = School::open().await;
    let (_, from, to) = school.year().await;
    let middle = from + (to - from) / 2;
    let (first, second) = (school.term("First", from, middle).await, school.term("Second", middle.succ_opt().unwrap(), to).await);
    let parent = school.category(json!({"name": "Of the first", "term_id": first})).await;
    for term in [json!(second), json!(null)] {
        let child = json!({"class_id": school.class, "name": "Child", "parent_category_id": parent, "term_id": term});
        let refused = school.teacher.post("/api/v1/grade-categories", &child).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/term_id"]));
    }
    school.category(json!({"name": "Child", "parent_category_id": parent, "term_id": first})).await;
    let elsewhere = school.another_class().await;
    let other_class = directory_of(&school, elsewhere).await;
    let refused = school.office.post("/api/v1/grade-categories", &json!({"class_id": other_class, "name": "X", "term_id": first})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/term_id"]));
    let mut deepest = school.category(json!({"name": "1"})).await;
    for depth in 2..=8 {
        deepest = school.category(json!({"name": depth.to_string(), "parent_category_id": deepest})).await;
    }
    let ninth = json!({"class_id": school.class, "name": "9", "parent_category_id": deepest});
    let refused = school.teacher.post("/api/v1/grade-categories", &ninth).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/parent_category_id"]));
}

#[tokio::test]
async fn a_scale_without_a_floor_and_categories_that_contradict_themselves_are_refused() {
    let school = School::open().await;
    let scale = json!({"name": "S", "steps": [{"letter": "A", "from_percent": 50}, {"letter": "B", "from_percent": 20}]});
    let refused = school.office.post("/api/v1/grade-scales", &scale).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/steps"]));
    let both = json!({"class_id": school.class, "name": "C", "drop_lowest": 1, "keep_highest": 2, "weight": 1.00001});
    let refused = school.teacher.post("/api/v1/grade-categories", &both).await;
    let mut pointers = refused.pointers();
    pointers.sort_unstable();
    assert_eq!((refused.status, pointers), (422, vec!["/keep_highest", "/weight"]));
    school.student.post("/api/v1/grade-categories", &json!({"class_id": school.class, "name": "C"})).await.expect(403);
}

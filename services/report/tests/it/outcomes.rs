//! Learning outcomes: assessed in items, added up for a student and for the class.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, id, line_of, put};

const OUTCOMES: &str = "/api/v1/learning-outcomes";

impl School {
    async fn outcome(&self, more: Value) -> String {
        let mut body =
            json!({"class_id": self.class, "name": "Adds fractions", "levels": ["Not yet", "With help", "Alone"], "mastery_level": 3});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        id(&self.teacher.post(OUTCOMES, &body).await.expect(201))
    }

    /// Says that the item shows the outcome; its sheet.
    async fn shows(&self, item: &str, outcome: &str) -> String {
        let link = self.teacher.post(&format!("/api/v1/grade-items/{item}/outcomes"), &json!({"outcome_id": outcome})).await;
        let location = link.header("location").to_owned();
        link.expect(201);
        location
    }

    async fn assess(&self, sheet: &str, student: Value, classmate: Value) -> Value {
        let etag = self.teacher.get(sheet).await.etag();
        put(&self.teacher, sheet, &etag, &self.levels(&student, &classmate)).await.expect(200)
    }

    fn levels(&self, student: &Value, classmate: &Value) -> Value {
        json!({"levels": [{"student_id": self.student_id, "level": student}, {"student_id": self.classmate_id, "level": classmate}]})
    }

    async fn learnt(&self, who: &testkit::Api) -> Value {
        who.get(&format!("/api/v1/students/{}/outcomes", self.student_id)).await.expect(200)
    }

    async fn overview(&self) -> Value {
        self.teacher.get(&format!("/api/v1/classes/{}/outcomes", self.class)).await.expect(200)
    }
}

#[tokio::test]
async fn levels_shown_in_items_add_up_for_the_student_and_for_the_class() {
    let school = School::open().await;
    let outcome = school.outcome(json!({})).await;
    // Added in another order than they are due in.
    let (late, early) =
        (school.item("Late", json!({"due_on": "2026-11-20"})).await, school.item("Early", json!({"due_on": "2026-11-02"})).await);
    let (late, early) = (school.shows(&late, &outcome).await, school.shows(&early, &outcome).await);
    let sheet = school.assess(&early, json!(3), json!(1)).await;
    assert_eq!((&sheet["version"], &line_of(&sheet, school.student_id)["level_name"]), (&json!(2), &json!("Alone")));
    school.assess(&late, json!(2), json!(null)).await;
    let learnt = school.learnt(&school.teacher).await;
    assert_eq!(learnt[0]["attained"], json!({"value": 2.0, "level": 2, "level_name": "With help", "is_mastered": false}), "{learnt:#}");
    let shown: Vec<(&Value, &Value)> =
        learnt[0]["results"].as_array().unwrap().iter().map(|result| (&result["item_name"], &result["level"])).collect();
    assert_eq!(shown, [(&json!("Early"), &json!(3)), (&json!("Late"), &json!(2))]);
    assert_eq!(school.learnt(&school.parent).await, learnt);
    let overview = school.overview().await;
    let of_class = &overview["outcomes"][0];
    assert_eq!((&of_class["items"], &of_class["assessed"], &of_class["mastered"]), (&json!(2), &json!(2), &json!(0)), "{overview:#}");
    assert_eq!((&of_class["distribution"], &of_class["mean"]), (&json!([1, 1, 0]), &json!(1.5)));
    assert_eq!(line_of(&overview, school.student_id)["attained"][0]["level"], 2);
    // Another way of counting counts at once.
    let path = format!("{OUTCOMES}/{outcome}");
    school.teacher.patch(&path, "\"v1\"", &json!({"calculation": "highest"})).await.expect(200);
    assert_eq!(school.learnt(&school.student).await[0]["attained"]["is_mastered"], true);
    school.teacher.patch(&path, "\"v2\"", &json!({"calculation": "mean"})).await.expect(200);
    assert_eq!(
        school.learnt(&school.student).await[0]["attained"],
        json!({"value": 2.5, "level": 2, "level_name": "With help", "is_mastered": false})
    );
    assert_eq!(school.overview().await["outcomes"][0]["mean"], json!(1.75));
    // The same again is no change; null takes a level away.
    assert_eq!(school.assess(&early, json!(3), json!(1)).await["version"], 2);
    assert_eq!(school.assess(&early, json!(null), json!(1)).await["version"], 3);
    assert_eq!(school.learnt(&school.student).await[0]["attained"]["value"], json!(2.0));
    let history = school.teacher.get(&format!("{}/changes?kind=outcome_result", school.book())).await.expect(200);
    let actions: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|change| &change["action"]).collect();
    assert_eq!(actions, ["removed", "created", "created", "created"]);
}

#[tokio::test]
async fn what_is_hidden_from_the_family_is_no_part_of_what_they_see() {
    let school = School::open().await;
    let outcome = school.outcome(json!({"calculation": "highest"})).await;
    let (shown, hidden, between) = (
        school.item("Shown", json!({})).await,
        school.item("Hidden", json!({"is_hidden": true})).await,
        school.item("Between", json!({"hides_from_parents": true})).await,
    );
    for (item, level) in [(&shown, 1), (&hidden, 3), (&between, 2)] {
        let sheet = school.shows(item, &outcome).await;
        school.assess(&sheet, json!(level), json!(null)).await;
    }
    for (who, level, items) in [(&school.teacher, 3, 3), (&school.student, 2, 2), (&school.parent, 1, 1)] {
        let learnt = school.learnt(who).await;
        assert_eq!((&learnt[0]["attained"]["level"], learnt[0]["results"].as_array().map(Vec::len)), (&json!(level), Some(items)));
    }
    school.classmate.get(&format!("/api/v1/students/{}/outcomes", school.student_id)).await.expect(404);
    school.student.get(&format!("/api/v1/classes/{}/outcomes", school.class)).await.expect(403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_assess_a_class_at_once_one_does_and_the_others_are_told() {
    let school = School::open().await;
    let outcome = school.outcome(json!({})).await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.shows(&item, &outcome).await;
    let tries = (0..50).map(|number| {
        let (who, body) =
            (if number % 2 == 0 { &school.teacher } else { &school.office }, school.levels(&json!(number % 3 + 1), &json!(number % 3 + 1)));
        let sheet = &sheet;
        async move { (number % 3 + 1, put(who, sheet, "\"v1\"", &body).await.status) }
    });
    let outcomes = join_all(tries).await;
    let done: Vec<i32> = outcomes.iter().filter(|(_, status)| *status == 200).map(|(level, _)| *level).collect();
    assert!(done.len() == 1 && outcomes.iter().all(|(_, status)| matches!(status, 200 | 412)), "{outcomes:?}");
    let found = school.teacher.get(&sheet).await.expect(200);
    assert!(found["lines"].as_array().unwrap().iter().all(|line| line["level"] == json!(done[0])), "{found:#}");
    assert_eq!(found["version"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn levels_that_go_while_a_class_is_assessed_leave_nobody_with_a_level_that_is_not_there() {
    let school = School::open().await;
    for round in 0..10 {
        let outcome = school.outcome(json!({"name": format!("Outcome {round}")})).await;
        let item = school.item(&format!("Test {round}"), json!({})).await;
        let sheet = school.shows(&item, &outcome).await;
        let (path, fewer) = (format!("{OUTCOMES}/{outcome}"), json!({"levels": ["No", "Yes"], "mastery_level": 2}));
        let body = school.levels(&json!(3), &json!(3));
        let (assessed, changed) =
            futures_util::future::join(put(&school.teacher, &sheet, "\"v1\"", &body), school.office.patch(&path, "\"v1\"", &fewer)).await;
        assert!(matches!((assessed.status, changed.status), (200, 422) | (422, 200)), "{} and {}", assessed.status, changed.status);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_outcome_or_a_level_is_told_where_it_is() {
    let school = School::open().await;
    let stranger = school.another_class().await;
    let of = |more: Value| {
        let mut body = json!({"class_id": school.class, "name": "Wrong", "levels": ["No", "Yes"], "mastery_level": 2});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let many: Vec<String> = (0..21).map(|number| format!("Level {number}")).collect();
    for (wrong, pointers) in [
        (of(json!({"levels": ["Only"], "mastery_level": 1})), vec!["/levels"]),
        (of(json!({"levels": many})), vec!["/levels"]),
        (of(json!({"levels": ["Yes", "Yes"]})), vec!["/levels/1"]),
        (of(json!({"mastery_level": 3})), vec!["/mastery_level"]),
        (of(json!({"mastery_level": 0})), vec!["/mastery_level"]),
    ] {
        let refused = school.teacher.post(OUTCOMES, &wrong).await;
        assert_eq!((refused.status, refused.pointers()), (422, pointers), "{wrong}");
    }
    school.teacher.post(OUTCOMES, &of(json!({"class_id": null}))).await.expect(403);
    let of_school = id(&school.office.post(OUTCOMES, &of(json!({"class_id": null, "name": "Works alone"}))).await.expect(201));
    school.office.post(OUTCOMES, &of(json!({"class_id": null, "name": "Works alone"}))).await.expect(409);
    school.teacher.patch(&format!("{OUTCOMES}/{of_school}"), "\"v1\"", &json!({"name": "Mine"})).await.expect(403);
    let outcome = school.outcome(json!({})).await;
    let listed = school.teacher.get(&format!("{OUTCOMES}?class_id={}", school.class)).await.expect(200);
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    let other = school.fleet.login("other.teacher@a.example").await;
    other.get(&format!("{OUTCOMES}/{outcome}")).await.expect(404);
    other.get(&format!("{OUTCOMES}/{of_school}")).await.expect(200);
    other.get(&format!("{OUTCOMES}?class_id={}", school.class)).await.expect(404);
    // Levels.
    let item = school.item("Test", json!({})).await;
    let sheet = school.shows(&item, &outcome).await;
    school.shows(&item, &of_school).await;
    school.teacher.post(&format!("/api/v1/grade-items/{item}/outcomes"), &json!({"outcome_id": outcome})).await.expect(409);
    let unknown = school.teacher.post(&format!("/api/v1/grade-items/{item}/outcomes"), &json!({"outcome_id": school.student_id})).await;
    assert_eq!((unknown.status, unknown.pointers()), (422, vec!["/outcome_id"]));
    let wrong = json!({"levels": [
        {"student_id": school.student_id, "level": 4}, {"student_id": school.student_id, "level": 1}, {"student_id": stranger, "level": 0}]});
    let refused = put(&school.teacher, &sheet, "\"v1\"", &wrong).await;
    assert_eq!(
        (refused.status, refused.pointers()),
        (422, vec!["/levels/0/level", "/levels/1/student_id", "/levels/2/student_id", "/levels/2/level"])
    );
    for wrong in [
        json!({"levels": []}),
        json!({"levels": [{"student_id": school.student_id}]}),
        json!({"levels": [{"student_id": school.student_id, "level": 1.5}]}),
    ] {
        put(&school.teacher, &sheet, "\"v1\"", &wrong).await.expect(422);
    }
    school.teacher.send(school.teacher.request(reqwest::Method::PUT, &sheet).json(&school.levels(&json!(1), &json!(1)))).await.expect(428);
    put(&other, &sheet, "\"v1\"", &school.levels(&json!(1), &json!(1))).await.expect(404);
    assert_eq!(school.teacher.get(&sheet).await.etag(), "\"v1\"", "nothing was written");
    // What is in use stays; what is locked doesn't change.
    school.assess(&sheet, json!(3), json!(1)).await;
    school.teacher.delete(&sheet, "\"v2\"").await.expect(409);
    school.teacher.delete(&format!("{OUTCOMES}/{outcome}"), "\"v1\"").await.expect(409);
    let fewer =
        school.teacher.patch(&format!("{OUTCOMES}/{outcome}"), "\"v1\"", &json!({"levels": ["No", "Yes"], "mastery_level": 2})).await;
    assert_eq!((fewer.status, fewer.pointers()), (422, vec!["/levels"]));
    school.teacher.patch(&format!("{OUTCOMES}/{outcome}"), "\"v1\"", &json!({"levels": ["Nein", "Fast", "Ja"]})).await.expect(200);
    assert_eq!(line_of(&school.teacher.get(&sheet).await.expect(200), school.student_id)["level_name"], "Ja");
    school.lock(&item, "lock").await;
    put(&school.teacher, &sheet, "\"v2\"", &school.levels(&json!(1), &json!(1))).await.expect(409);
    school.lock(&item, "unlock").await;
    school.assess(&sheet, json!(null), json!(null)).await;
    school.teacher.delete(&sheet, "\"v3\"").await.expect(204);
    school.teacher.get(&sheet).await.expect(404);
}

#[tokio::test]
async fn an_overview_is_of_one_moment_though_the_book_changes_while_it_is_read() {
    let school = School::open().await;
    let outcome = school.outcome(json!({})).await;
    for item in ["Kept", "Taken away"] {
        let item = school.item(item, json!({})).await;
        let sheet = school.shows(&item, &outcome).await;
        school.assess(&sheet, json!(2), json!(null)).await;
    }
    for of_class in [true, false] {
        // Readers have to wait before the last thing that they read of the outcomes, and the book changes before they go on.
        let mut change = school.fleet.database.superuser().await;
        sqlx::raw_sql("BEGIN; LOCK TABLE outcome_results IN ACCESS EXCLUSIVE MODE").execute(&mut change).await.unwrap();
        let reading = async { if of_class { school.overview().await } else { school.learnt(&school.teacher).await } };
        let changing = async {
            let mut observer = school.fleet.database.superuser().await;
            let waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'outcome_results'::regclass)";
            for _ in 0..200 {
                if sqlx::query_scalar(waits).fetch_one(&mut observer).await.unwrap() {
                    let taken = "UPDATE grade_items SET status = 'tobedeleted' WHERE name = 'Taken away'; COMMIT";
                    sqlx::raw_sql(taken).execute(&mut change).await.unwrap();
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            panic!("nobody reads");
        };
        let (read, ()) = tokio::join!(reading, changing);
        let items =
            if of_class { read["outcomes"][0]["items"].as_u64() } else { read[0]["results"].as_array().map(|all| all.len() as u64) };
        assert_eq!(items, Some(2), "as it was when it was asked for: {read:#}");
        sqlx::raw_sql("UPDATE grade_items SET status = 'active' WHERE name = 'Taken away'").execute(&mut change).await.unwrap();
    }
}

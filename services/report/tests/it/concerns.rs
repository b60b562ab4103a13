//! Effort, targets and concerns, and who is shown what of it.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{School, line_of, put};

impl School {
    fn target(&self) -> String {
        format!("{}/targets/{}", self.book(), self.student_id)
    }

    async fn set_book(&self, change: Value) {
        let path = format!("{}/settings", self.book());
        let etag = self.teacher.get(&path).await.etag();
        self.teacher.patch(&path, &etag, &change).await.expect(200);
    }
}

#[tokio::test]
async fn what_is_below_the_target_is_a_concern_and_what_reads_as_the_target_is_none() {
    let school = School::open().await;
    let (low, close, ungraded) =
        (school.item("Low", json!({})).await, school.item("Close", json!({"max_points": 300})).await, school.item("Open", json!({})).await);
    school.mark(&low, json!({"points": 79.99, "effort": 2}), json!({"points": 1})).await;
    // 239.99 of 300 is 79.996 %, and reads 80.00.
    school.mark(&close, json!({"points": 239.99, "effort": 3}), json!({"points": 1})).await;
    assert_eq!(school.line().await["target"], Value::Null);
    school.teacher.get(&school.target()).await.expect(200);
    put(&school.teacher, &school.target(), "\"v1\"", &json!({"percent": 80})).await.expect(200);
    school.set_book(json!({"effort_concern_below": 3})).await;
    let line = school.line().await;
    assert_eq!(line["target"], json!({"percent": 80.0, "is_concern": true}), "79.99 and 79.997 make 79.993: {line:#}");
    assert_eq!(line["concerns"], json!([{"item_id": low, "attainment": true, "effort": true}]));
    assert!(!line["concerns"].to_string().contains(&ungraded), "what was not graded is no concern");
    let other = line_of(&school.teacher.get(&school.book()).await.expect(200), school.classmate_id);
    assert_eq!((&other["target"], &other["concerns"]), (&Value::Null, &json!([])), "who has no target falls short of none");
    // An override is the marks that count.
    school.mark(&low, json!({"override_points": 80, "effort": 4}), json!({})).await;
    let line = school.line().await;
    assert_eq!((&line["concerns"], &line["target"]["is_concern"]), (&json!([]), &json!(false)));
    put(&school.teacher, &school.target(), "\"v2\"", &json!({"percent": 80.01})).await.expect(200);
    let line = school.line().await;
    assert_eq!((&line["target"]["is_concern"], line["concerns"].as_array().map(Vec::len)), (&json!(true), Some(2)));
    put(&school.teacher, &school.target(), "\"v3\"", &json!({"percent": null})).await.expect(200);
    assert_eq!(school.line().await["target"], Value::Null);
    let history = school.teacher.get(&format!("{}/changes?kind=target", school.book())).await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(4), "{history:#}");
}

#[tokio::test]
async fn families_see_effort_and_targets_where_the_class_shows_them() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 50, "effort": 1}), json!({})).await;
    let grade = format!("/api/v1/grades/{}", line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap());
    put(&school.teacher, &school.target(), "\"v1\"", &json!({"percent": 60})).await.expect(200);
    school.set_book(json!({"effort_concern_below": 2})).await;
    for who in [&school.student, &school.parent] {
        let seen = school.seen_by(who).await;
        assert_eq!((&seen["target"], &seen["grades"][0]["grade"]["effort"]), (&json!({"percent": 60.0, "is_concern": true}), &json!(1)));
        assert_eq!(seen["concerns"], json!([{"item_id": item, "attainment": true, "effort": true}]));
        assert_eq!(who.get(&grade).await.expect(200)["effort"], 1);
        who.get(&school.target()).await.expect(403);
    }
    school.set_book(json!({"shows_effort": false})).await;
    let seen = school.seen_by(&school.parent).await;
    assert_eq!((&seen["grades"][0]["grade"]["effort"], &seen["concerns"][0]["effort"]), (&Value::Null, &json!(false)));
    assert_eq!(school.parent.get(&grade).await.expect(200)["effort"], Value::Null);
    assert_eq!(school.teacher.get(&grade).await.expect(200)["effort"], 1);
    school.set_book(json!({"shows_totals": false})).await;
    assert_eq!(school.seen_by(&school.student).await["target"], json!({"percent": 60.0, "is_concern": null}), "it would tell the total");
    school.set_book(json!({"shows_targets": false})).await;
    let seen = school.seen_by(&school.student).await;
    assert_eq!((&seen["target"], &seen["concerns"]), (&Value::Null, &json!([])));
    let seen = school.seen_by(&school.teacher).await;
    assert_eq!(
        (&seen["target"]["percent"], seen["concerns"].as_array().map(Vec::len)),
        (&json!(60.0), Some(1)),
        "the teacher sees all of it"
    );
}

#[tokio::test]
async fn what_is_hidden_from_parents_shows_to_them_in_no_grade_and_no_total() {
    let school = School::open().await;
    let shown = school.item("Shown", json!({})).await;
    let between = school.item("Between us", json!({"hides_from_parents": true})).await;
    school.mark(&shown, json!({"points": 80}), json!({})).await;
    let sheet = school.mark(&between, json!({"points": 20}), json!({})).await;
    let grade = format!("/api/v1/grades/{}", line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap());
    put(&school.teacher, &school.target(), "\"v1\"", &json!({"percent": 60})).await.expect(200);
    let (student, parent) = (school.seen_by(&school.student).await, school.seen_by(&school.parent).await);
    let count = |seen: &Value| seen["grades"].as_array().map(Vec::len);
    assert_eq!((count(&student), &student["totals"]["overall"]["percent"]), (Some(2), &json!(50.0)));
    assert_eq!((count(&parent), &parent["totals"]["overall"]["percent"]), (Some(1), &json!(80.0)));
    assert_eq!((&parent["target"]["is_concern"], &parent["concerns"]), (&json!(false), &json!([])));
    school.student.get(&grade).await.expect(200);
    school.parent.get(&grade).await.expect(404);
    let path = format!("/api/v1/grade-items/{between}");
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.patch(&path, &etag, &json!({"hides_from_parents": false})).await.expect(200);
    assert_eq!(count(&school.seen_by(&school.parent).await), Some(2));
}

#[tokio::test]
async fn effort_is_kept_in_the_history_and_reaches_the_tables() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    let sheet = school.mark(&item, json!({"points": 50, "effort": 4}), json!({})).await;
    let grade = format!("/api/v1/grades/{}", line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap());
    assert_eq!(school.teacher.patch(&grade, "\"v1\"", &json!({"effort": 5})).await.expect(200)["effort"], 5);
    assert_eq!(school.teacher.patch(&grade, "\"v2\"", &json!({"effort": 5})).await.expect(200)["version"], 2, "it changes nothing");
    assert_eq!(school.line().await["totals"]["overall"]["percent"], json!(50.0), "effort is no part of a total");
    for wrong in [json!(0), json!(6)] {
        let refused = school.teacher.patch(&grade, "\"v2\"", &json!({"effort": wrong})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/effort"]));
    }
    for wrong in [json!(-1), json!(2.5), json!("5")] {
        school.teacher.patch(&grade, "\"v2\"", &json!({"effort": wrong})).await.expect(422);
    }
    school.teacher.patch(&grade, "\"v2\"", &json!({"effort": null})).await.expect(200);
    let history = school.teacher.get(&format!("{grade}/history")).await.expect(200);
    let efforts: Vec<&Value> = history["items"].as_array().unwrap().iter().map(|change| &change["effort"]).collect();
    assert_eq!(efforts, [&Value::Null, &json!(5), &json!(4)]);
    let buffer = school.fleet.platform.buffer();
    assert!(buffer.wait_until_saved(domain::ServiceName::Report, school.school, std::time::Duration::from_secs(15)).await.unwrap());
    let mut superuser = school.fleet.database.superuser().await;
    let kept: Vec<Option<i32>> = sqlx::query_scalar("SELECT effort FROM grade_changes WHERE student_id = $1 ORDER BY grade_version")
        .bind(school.student_id.as_uuid())
        .fetch_all(&mut superuser)
        .await
        .unwrap();
    assert_eq!(kept, [Some(4), Some(5), None]);
    // Read from PostgreSQL alone it is the same.
    school.fleet.redis.flush().await;
    let history = school.teacher.get(&format!("{grade}/history")).await.expect(200);
    assert_eq!(history["items"].as_array().map(Vec::len), Some(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_fifty_who_set_a_target_at_once_one_does_and_the_others_are_told() {
    let school = School::open().await;
    let tries = (0..50).map(|percent| {
        let (who, path) = (if percent % 2 == 0 { &school.teacher } else { &school.office }, school.target());
        async move { (percent, put(who, &path, "\"v1\"", &json!({"percent": percent})).await.status) }
    });
    let outcomes = join_all(tries).await;
    let done: Vec<i32> = outcomes.iter().filter(|(_, status)| *status == 200).map(|(percent, _)| *percent).collect();
    assert!(done.len() == 1 && outcomes.iter().all(|(_, status)| matches!(status, 200 | 412)), "{outcomes:?}");
    let target = school.teacher.get(&school.target()).await.expect(200);
    assert_eq!((&target["percent"], &target["version"]), (&json!(f64::from(done[0])), &json!(2)));
}

#[tokio::test]
async fn a_target_is_a_percentage_of_somebody_in_the_class() {
    let school = School::open().await;
    let stranger = school.another_class().await;
    let path = format!("{}/targets/{stranger}", school.book());
    school.teacher.get(&path).await.expect(404);
    put(&school.teacher, &path, "\"v1\"", &json!({"percent": 50})).await.expect(404);
    for wrong in [json!(-1), json!(100.01), json!(50.005)] {
        let refused = put(&school.teacher, &school.target(), "\"v1\"", &json!({"percent": wrong})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/percent"]));
    }
    for wrong in [json!({}), json!({"percent": "80"}), json!({"percent": 80, "why": "x"})] {
        put(&school.teacher, &school.target(), "\"v1\"", &wrong).await.expect(422);
    }
    let other = school.fleet.login("other.teacher@a.example").await;
    put(&other, &school.target(), "\"v1\"", &json!({"percent": 50})).await.expect(404);
    put(&school.student, &school.target(), "\"v1\"", &json!({"percent": 50})).await.expect(403);
    let unnamed = school.teacher.request(reqwest::Method::PUT, &school.target()).json(&json!({"percent": 50}));
    school.teacher.send(unnamed).await.expect(428);
    assert_eq!(school.teacher.get(&format!("{}/targets", school.book())).await.expect(200), json!([]));
    let refused = school.teacher.patch(&format!("{}/settings", school.book()), "\"v1\"", &json!({"effort_concern_below": 1})).await;
    assert_eq!((refused.status, refused.pointers()), (422, vec!["/effort_concern_below"]));
}

//! Locks: by hand, at a time to come, and against whoever writes at the same moment.

use std::sync::Arc;

use domain::{Clock, ManualClock, SystemClock};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::school::{SERVICES, School, line_of, put};

#[tokio::test]
async fn an_item_locks_itself_at_the_time_that_it_was_given() {
    let mut school = School::open().await;
    let from = SystemClock.now() + chrono::Duration::minutes(30);
    let item = school.item("Test", json!({"locked_at": from})).await;
    let sheet = school.mark(&item, json!({"points": 1}), json!({})).await;
    let grade = format!("/api/v1/grades/{}", line_of(&sheet, school.student_id)["grade"]["id"].as_str().unwrap());
    let later = ManualClock::at(from + chrono::Duration::seconds(1));
    school.fleet.restart(SERVICES, Arc::new(later)).await;
    let teacher = school.teacher.at(&school.fleet.url);
    teacher.patch(&grade, "\"v1\"", &json!({"points": 2})).await.expect(409);
    let path = format!("/api/v1/grade-items/{item}/grades");
    let etag = teacher.get(&path).await.etag();
    let marks = json!({"grades": [{"student_id": school.student_id, "grade": {"points": 2}}]});
    put(&teacher, &path, &etag, &marks).await.expect(409);
    teacher.post_if(&format!("/api/v1/grade-items/{item}/lock"), "\"v1\"", &json!({})).await.expect(409);
    teacher.patch(&format!("/api/v1/grade-items/{item}"), "\"v1\"", &json!({"locked_at": null})).await.expect(409);
    teacher.post_if(&format!("/api/v1/grade-items/{item}/unlock"), "\"v1\"", &json!({})).await.expect(200);
    put(&teacher, &path, &etag, &marks).await.expect(200);
}

#[tokio::test]
async fn a_lock_to_come_can_be_moved_and_taken_back_and_never_lies_behind() {
    let school = School::open().await;
    let item = format!("/api/v1/grade-items/{}", school.item("Test", json!({})).await);
    for wrong in ["2020-01-01T00:00:00Z", "9999-12-31T00:00:00Z"] {
        let refused = school.teacher.patch(&item, "\"v1\"", &json!({"locked_at": wrong})).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec!["/locked_at"]));
    }
    school.teacher.patch(&item, "\"v1\"", &json!({"locked_at": "2100-01-01T00:00:00Z"})).await.expect(200);
    let open = school.teacher.patch(&item, "\"v2\"", &json!({"locked_at": null})).await.expect(200);
    assert_eq!(open["locked_at"], Value::Null);
    school.teacher.post_if(&format!("{item}/unlock"), "\"v3\"", &json!({})).await.expect(409);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_twenty_writers_and_a_lock_none_writes_after_the_lock_was_answered() {
    let school = School::open().await;
    let item = school.item("Test", json!({})).await;
    school.mark(&item, json!({"points": 0}), json!({})).await;
    let (path, sheet) = (format!("/api/v1/grade-items/{item}"), format!("/api/v1/grade-items/{item}/grades"));
    let writers = (0..20).map(|number| {
        let (sheet, teacher, student) = (sheet.clone(), school.teacher.clone(), school.student_id);
        async move {
            let mut written = Vec::new();
            for step in 0..1000 {
                let etag = teacher.get(&sheet).await.etag();
                let marks = f64::from(number) + f64::from(step) / 100.0;
                let body = json!({"grades": [{"student_id": student, "grade": {"points": marks}}]});
                match put(&teacher, &sheet, &etag, &body).await.status {
                    200 => written.push(marks),
                    412 => {}
                    409 => return written,
                    status => panic!("{status}"),
                }
            }
            panic!("the lock does not hold")
        }
    });
    let writers = tokio::spawn(join_all(writers.map(tokio::spawn).collect::<Vec<_>>()));
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let etag = school.teacher.get(&path).await.etag();
    school.teacher.post_if(&format!("{path}/lock"), &etag, &json!({})).await.expect(200);
    let written: Vec<f64> = writers.await.unwrap().into_iter().flat_map(Result::unwrap).collect();
    let grade = line_of(&school.teacher.get(&sheet).await.expect(200), school.student_id)["grade"].clone();
    let history = format!("/api/v1/grades/{}/history?limit=200", grade["id"].as_str().unwrap());
    let history = school.teacher.get(&history).await.expect(200);
    let mut kept: Vec<f64> = history["items"].as_array().unwrap().iter().map(|change| change["points"].as_f64().unwrap()).collect();
    kept.pop();
    let mut acknowledged = written.clone();
    // A mark that was there already is acknowledged and changes nothing.
    acknowledged.retain(|marks| *marks > 0.0);
    kept.retain(|marks| *marks > 0.0);
    acknowledged.sort_by(f64::total_cmp);
    kept.sort_by(f64::total_cmp);
    assert!(!acknowledged.is_empty());
    assert_eq!(kept, acknowledged, "what was acknowledged is in the history, each once, and nothing else");
}

//! Many at once: one wins, the others are told, nothing is doubled and nothing is lost.

use std::collections::HashSet;

use serde_json::json;

use crate::school::School;

#[tokio::test]
async fn of_fifty_teachers_who_publish_at_once_one_does() {
    let school = School::open().await;
    let draft = school.draft("Once").await;
    let publish = format!("{}/publish", draft.header("location"));
    let nothing = json!({});
    let attempts = (0..50).map(|_| school.teacher.post_if(&publish, "\"v1\"", &nothing));
    let statuses: Vec<u16> = join(attempts).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 412)), "{statuses:?}");
}

#[tokio::test]
async fn of_fifty_identical_submissions_one_is_made_and_all_get_its_answer() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Same key", 7)).await;
    let submit = format!("{path}/submissions");
    let body = json!({"content": "x"});
    let answers = futures_util::future::join_all((0..50).map(|_| school.student.post_once(&submit, "same", &body))).await;
    let ids: HashSet<String> = answers.into_iter().map(|answer| answer.expect(201)["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(school.student.post_once(&submit, "same", &json!({"content": "other"})).await.status, 422);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM homework_submissions").await, 1);
}

#[tokio::test]
async fn of_fifty_different_submissions_only_as_many_are_taken_as_there_are_attempts() {
    let school = School::open().await;
    let mut body = school.assignment("Three attempts", 7);
    body["max_attempts"] = json!(3);
    let path = school.given(&body).await;
    let submit = format!("{path}/submissions");
    let attempts = (0..50).map(|n| {
        let (school, submit) = (&school, &submit);
        async move { school.student.post_once(submit, &format!("key-{n}"), &json!({"content": n.to_string()})).await }
    });
    let statuses: Vec<u16> = join(attempts).await;
    let taken = statuses.iter().filter(|status| **status == 201).count();
    assert!(statuses.iter().all(|status| matches!(status, 201 | 409)), "{statuses:?}");
    assert!((1..=3).contains(&taken), "{taken} were taken");
    school.saved().await;
    assert_eq!(school.count("SELECT count(DISTINCT attempt) FROM homework_submissions").await, i64::try_from(taken).unwrap());
    assert_eq!(school.count("SELECT count(*) FROM homework_submissions").await, i64::try_from(taken).unwrap());
}

#[tokio::test]
async fn two_teachers_who_grade_at_once_do_not_overwrite_each_other_unseen() {
    let school = School::open().await;
    let path = school.given(&school.assignment("Two graders", 7)).await;
    let handed_in = school.student.post_once(&format!("{path}/submissions"), "k", &json!({"content": "x"})).await;
    let grade = format!("{}/grade", handed_in.header("location"));
    let (ten, fifteen) = (json!({"points": 10}), json!({"points": 15}));
    let (first, second) = tokio::join!(school.teacher.post_if(&grade, "\"v1\"", &ten), school.office.post_if(&grade, "\"v1\"", &fifteen));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    let loser = if first.status == 412 { first } else { second };
    assert_eq!(loser.etag(), "\"v2\"", "a 412 tells the present version");
}

async fn join<F: Future<Output = testkit::Answer>>(requests: impl Iterator<Item = F>) -> Vec<u16> {
    futures_util::future::join_all(requests).await.into_iter().map(|answer| answer.status).collect()
}

//! Many at once: one wins, the others are told, nothing is doubled and nothing is lost.

use futures_util::future::join_all;
use serde_json::json;
use testkit::{count, statuses};

use crate::school::{School, fresh, put};

#[tokio::test]
async fn of_fifty_who_take_the_same_register_first_one_does() {
    let school = School::open().await;
    let path = format!("{}/records", school.register(school.today).await);
    let bodies = [["P", "P", "P"], ["A", "A", "A"]].map(|codes| school.marks(school.today, codes));
    let answers =
        join_all((0..50).map(|n| fresh(if n % 2 == 0 { &school.teacher } else { &school.colleague }, &path, &bodies[n % 2]))).await;
    assert_eq!((count(&answers, 201), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    assert!(answers.iter().filter(|answer| answer.status == 412).all(|answer| answer.etag() == "\"v1\""));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_sessions").await, 1);
    assert_eq!(school.count("SELECT count(*) FROM attendance_records").await, 3);
    assert_eq!(school.count("SELECT count(DISTINCT code) FROM attendance_records").await, 1, "all marks are of one teacher");
}

#[tokio::test]
async fn two_teachers_who_mark_at_once_do_not_overwrite_each_other_unseen() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["P", "P", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    let one = |pupil: usize| json!({"records": [{"student_id": school.pupils[pupil], "code": "A"}]});
    let (a, b) = (one(0), one(1));
    let (first, second) = tokio::join!(put(&school.teacher, &records, "\"v1\"", &a), put(&school.colleague, &records, "\"v1\"", &b));
    let mut both = [first.status, second.status];
    both.sort_unstable();
    assert_eq!(both, [200, 412]);
    // The other one reads and says it again: both marks stand.
    let (who, body) = if first.status == 412 { (&school.teacher, &a) } else { (&school.colleague, &b) };
    let seen = who.get(&path).await;
    let after = put(who, &records, &seen.etag(), body).await.expect(200);
    assert_eq!((&after["absent"], &after["present"]), (&json!(2), &json!(1)));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code = 'A'").await, 2);
}

#[tokio::test]
async fn when_fifty_mark_and_one_locks_nothing_is_written_after_the_lock() {
    let school = School::open().await;
    let path = school.take(&school.teacher, school.today, ["P", "P", "P"]).await.header("location").to_owned();
    let records = format!("{path}/records");
    let say = |code: &str| json!({"records": [{"student_id": school.pupils[0], "code": code}]});
    let (absent, late, nothing) = (say("A"), say("L"), json!({}));
    let lock_path = format!("{path}/lock");
    let marking = join_all((0..50).map(|n| put(&school.teacher, &records, "\"v1\"", if n % 2 == 0 { &absent } else { &late })));
    let (marked, locked) = tokio::join!(marking, school.colleague.post_if(&lock_path, "\"v1\"", &nothing));
    let winners = count(&marked, 200) + usize::from(locked.status == 200);
    assert_eq!(winners, 1, "{:?} {}", statuses(&marked), locked.status);
    assert!(marked.iter().all(|answer| matches!(answer.status, 200 | 412 | 409)), "{:?}", statuses(&marked));
    let now = school.teacher.get(&path).await;
    if locked.status != 200 {
        school.colleague.post_if(&lock_path, &now.etag(), &nothing).await.expect(200);
    }
    let now = school.teacher.get(&path).await;
    let etag = now.etag();
    let tries = join_all((0..50).map(|_| put(&school.teacher, &records, &etag, &absent))).await;
    assert_eq!(count(&tries, 409), 50, "{:?}", statuses(&tries));
    school.saved().await;
    assert_eq!(school.count("SELECT version::bigint FROM attendance_sessions").await, now.body["version"].as_i64().unwrap());
}

#[tokio::test]
async fn leave_is_decided_once_however_many_decide() {
    let school = School::open().await;
    let body = json!({"student_id": school.pupils[0], "from_date": school.today, "to_date": school.today, "reason": "Fever"});
    let path = school.parent.post("/api/v1/leave-requests", &body).await.header("location").to_owned();
    let (approve, reject, nothing) = (format!("{path}/approve"), format!("{path}/reject"), json!({}));
    let answers = join_all((0..50).map(|n| {
        let who = if n % 3 == 0 { &school.office } else { &school.teacher };
        who.post_if(if n % 2 == 0 { &approve } else { &reject }, "\"v1\"", &nothing)
    }))
    .await;
    assert_eq!((count(&answers, 200), count(&answers, 412)), (1, 49), "{:?}", statuses(&answers));
    let decided = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(school.parent.get(&path).await.expect(200)["status"], decided.body["status"]);
    assert_eq!(school.office.post_if(&approve, "\"v2\"", &nothing).await.status, 409);
    let told = school.count("SELECT count(*) FROM outbox WHERE event->>'type' IN ('leave:approved', 'leave:rejected')").await;
    assert!(told <= 1, "a decision is told once, {told}");
}

#[tokio::test]
async fn of_fifty_requests_for_the_same_days_one_is_taken() {
    let school = School::open().await;
    let answers = join_all((0..50).map(|n| {
        let school = &school;
        async move {
            let who = if n % 2 == 0 { &school.parent } else { &school.office };
            let from = school.day(-i64::from(n % 3));
            let body =
                json!({"student_id": school.pupils[0], "from_date": from, "to_date": school.day(-3), "reason": format!("Reason {n}")});
            who.post("/api/v1/leave-requests", &body).await
        }
    }))
    .await;
    assert_eq!((count(&answers, 201), count(&answers, 409)), (1, 49), "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM leave_requests").await, 1);
}

#[tokio::test]
async fn a_retried_request_is_one_request() {
    let school = School::open().await;
    let body = json!({"student_id": school.pupils[0], "from_date": school.today, "to_date": school.today, "reason": "Fever"});
    let answers = join_all((0..50).map(|_| school.parent.post_once("/api/v1/leave-requests", "key", &body))).await;
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 409)), "{:?}", statuses(&answers));
    let again = school.parent.post_once("/api/v1/leave-requests", "key", &body).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, "true"));
    let other = json!({"student_id": school.pupils[0], "from_date": school.today, "to_date": school.today, "reason": "Another"});
    assert_eq!(school.parent.post_once("/api/v1/leave-requests", "key", &other).await.status, 422);
    assert_eq!(school.count("SELECT count(*) FROM leave_requests").await, 1);
}

#[tokio::test]
async fn of_fifty_new_defaults_one_is_left() {
    let school = School::open().await;
    let answers = join_all((0..50).map(|n| {
        let school = &school;
        async move {
            let body = json!({"code": format!("D{n}"), "name": "Default", "counts_as": "present", "is_default": true});
            school.office.post("/api/v1/attendance/codes", &body).await
        }
    }))
    .await;
    assert_eq!(count(&answers, 201), 50, "{:?}", statuses(&answers));
    assert_eq!(school.count("SELECT count(*) FROM attendance_codes WHERE is_default").await, 1);
}

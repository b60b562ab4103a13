//! Students who say that they are there.

use chrono::Duration;
use domain::{Clock, SystemClock};
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Api;

use crate::school::{School, put};

const OPEN: &str = "/api/v1/attendance/self-registration";

impl School {
    /// The school wants its students to register themselves.
    async fn trusts_students(&self) {
        let settings = self.office.get("/api/v1/attendance/settings").await;
        self.office.patch("/api/v1/attendance/settings", &settings.etag(), &json!({"self_registration": true})).await.expect(200);
    }

    async fn opened(&self, place: Value) -> String {
        let mut body = json!({"class_id": self.class, "held_on": self.today});
        body.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
        let opened = self.teacher.post("/api/v1/attendance/sessions", &body).await;
        assert_eq!(opened.status, 201, "{:#}", opened.body);
        opened.header("location").to_owned()
    }
}

async fn say(who: &Api, path: &str) -> testkit::Answer {
    who.post(&format!("{path}/self-registration"), &json!({})).await
}

#[tokio::test]
async fn a_student_registers_once_and_it_counts_when_the_teacher_takes_the_register() {
    let school = School::open().await;
    school.trusts_students().await;
    assert_eq!(school.student.get(OPEN).await.expect(200), json!([]));
    let path = school.opened(json!({})).await;
    let open = school.student.get(OPEN).await.expect(200);
    assert_eq!((open.as_array().map(Vec::len), &open[0]["record"]), (Some(1), &Value::Null), "{open:#}");
    assert!(path.ends_with(open[0]["session_id"].as_str().unwrap()));
    let said = say(&school.student, &path).await.expect(200);
    assert_eq!((&said["code"], &said["counts_as"]), (&json!("P"), &json!("present")));
    // Said again, nothing new.
    assert_eq!(say(&school.student, &path).await.expect(200), said);
    say(&school.classmate, &path).await.expect(200);
    assert_eq!(school.student.get(OPEN).await.expect(200)[0]["record"]["code"], "P");
    let seen = school.teacher.get(&path).await;
    assert_eq!((&seen.body["state"], &seen.body["present"], seen.etag()), (&json!("open"), &json!(2), "\"v3\"".to_owned()));
    // It is in no figure yet, saved or not.
    let own = format!("/api/v1/students/{}/attendance", school.pupils[0]);
    for _ in 0..2 {
        assert_eq!(school.student.get(&own).await.expect(200)["items"], json!([]));
        school.saved().await;
    }
    let missing = school.teacher.get("/api/v1/attendance/missing").await.expect(200);
    assert_eq!(missing["items"].as_array().map(Vec::len), Some(1), "opened is not taken");
    // Who said nothing is away; who was seen to be lying, too.
    let body = json!({"records": [{"student_id": school.pupils[1], "code": "A"}], "others": "A"});
    let taken = put(&school.teacher, &format!("{path}/records"), &seen.etag(), &body).await.expect(200);
    assert_eq!((&taken["state"], &taken["present"], &taken["absent"]), (&json!("taken"), &json!(1), &json!(2)));
    assert_eq!(school.student.get(&own).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(say(&school.student, &path).await.status, 409);
    assert_eq!(school.student.get(OPEN).await.expect(200), json!([]));
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records WHERE code = 'P'").await, 1);
}

#[tokio::test]
async fn the_servers_clock_says_who_is_late() {
    let school = School::open().await;
    school.trusts_students().await;
    let now = SystemClock.now();
    // Around midnight a lesson of today may not have begun today.
    let hour = |minutes: i64| {
        let starts = now - Duration::minutes(minutes);
        json!({"starts_at": starts, "ends_at": starts + Duration::minutes(45)})
    };
    let lesson = async |period: u8, minutes: i64| {
        let mut place = hour(minutes);
        place["period"] = json!(period);
        let on = (now - Duration::minutes(minutes)).date_naive();
        if on == school.today { Some(school.opened(place).await) } else { None }
    };
    if let Some(path) = lesson(1, 20).await {
        let said = say(&school.student, &path).await.expect(200);
        assert_eq!(said["code"], "L", "{said:#}");
        assert!((20..=22).contains(&said["minutes_late"].as_u64().unwrap()), "{said:#}");
    }
    if let Some(path) = lesson(2, 46).await {
        assert_eq!(say(&school.student, &path).await.status, 409, "it is over");
    }
    if let Some(path) = lesson(3, -16).await {
        assert_eq!(say(&school.student, &path).await.status, 409, "it has not begun");
    }
    let yesterday = school.teacher.post("/api/v1/attendance/sessions", &json!({"class_id": school.class, "held_on": school.day(1)})).await;
    assert_eq!(say(&school.student, yesterday.header("location")).await.status, 409, "it is over");
}

#[tokio::test]
async fn only_students_of_the_class_register_and_only_where_the_school_wants_it() {
    let school = School::open().await;
    let path = school.opened(json!({})).await;
    assert_eq!(say(&school.student, &path).await.status, 403);
    assert_eq!(school.student.get(OPEN).await.expect(200), json!([]));
    school.trusts_students().await;
    for (who, status) in [
        (&school.other_student, 404),
        (&school.outsider, 403),
        (&school.parent, 403),
        (&school.teacher, 403),
        (&school.office, 403),
        (&school.fleet.anonymous(), 401),
    ] {
        assert_eq!(say(who, &path).await.status, status);
    }
    assert_eq!(say(&school.student, &format!("/api/v1/attendance/sessions/{}", uuid::Uuid::now_v7())).await.status, 404);
    assert_eq!(school.teacher.get(&path).await.expect(200)["present"], 0);
}

#[tokio::test]
async fn a_class_that_says_it_all_at_once_is_all_there() {
    let school = School::open().await;
    school.trusts_students().await;
    let path = school.opened(json!({})).await;
    let (a, b, c) = (&school.student, &school.classmate, &school.fleet.login("third@a.example").await);
    let answers = join_all((0..30).map(|n| say([a, b, c][n % 3], &path))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200; 30]);
    let seen = school.teacher.get(&path).await;
    // Three words, three versions: nobody stands in it twice.
    assert_eq!((&seen.body["present"], seen.etag()), (&json!(3), "\"v4\"".to_owned()), "{:#}", seen.body);
    school.saved().await;
    assert_eq!(school.count("SELECT count(*) FROM attendance_records").await, 3);
}

//! Years, terms, subjects, classes, who teaches what, enrolments.

use auth::SERVICE;
use domain::{Role, SystemClock};
use serde_json::{Value, json};
use testkit::{Answer, Fleet};

use crate::register::{Register, column, day, id};

fn refused(answer: &Answer, status: u16, pointers: &[&str]) {
    assert_eq!((answer.status, answer.pointers()), (status, pointers.to_vec()), "{:#}", answer.body);
}

#[tokio::test]
async fn a_year_ends_after_it_starts_and_keeps_its_terms_and_enrolments_inside() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let year = |starts_on, ends_on| json!({"name": "2026/27", "starts_on": day(starts_on), "ends_on": day(ends_on)});
    refused(&school.office.post("/api/v1/academic-years", &year(5, 5)).await, 422, &["/ends_on"]);
    let id = id(&school.add("academic-years", year(-100, 200)).await);
    refused(&school.office.post("/api/v1/academic-years", &year(300, 400)).await, 409, &["/name"]);
    let path = format!("/api/v1/academic-years/{id}");
    school.add("terms", json!({"academic_year_id": id, "name": "T1", "starts_on": day(-90), "ends_on": day(50)})).await;
    let shrunk = json!({"starts_on": day(-80), "ends_on": day(40)});
    refused(&school.office.patch(&path, "\"v1\"", &shrunk).await, 422, &["/starts_on", "/ends_on"]);
    let _ = school.office.patch(&path, "\"v1\"", &json!({"ends_on": day(50)})).await.expect(200);
    assert_eq!(school.office.delete(&path, "\"v2\"").await.status, 409);
    assert_eq!(column(&school.get(&format!("academic-years?on={}", day(0))).await.expect(200), "id"), [id]);
    assert_eq!(school.get(&format!("academic-years?on={}", day(60))).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn terms_lie_within_their_year_and_of_twenty_that_overlap_only_one_is_made() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (year, other_year) = (school.year().await, school.year().await);
    let term = |name: &str, from, to| json!({"academic_year_id": year, "name": name, "starts_on": day(from), "ends_on": day(to)});
    refused(&school.office.post("/api/v1/terms", &term("T", -101, 201)).await, 422, &["/starts_on", "/ends_on"]);
    refused(&school.office.post("/api/v1/terms", &term("T", 9, 8)).await, 422, &["/ends_on"]);
    let nowhere = json!({"academic_year_id": uuid::Uuid::now_v7(), "parent_term_id": uuid::Uuid::now_v7(), "name": "T", "starts_on": day(1), "ends_on": day(2)});
    refused(&school.office.post("/api/v1/terms", &nowhere).await, 422, &["/academic_year_id", "/parent_term_id"]);
    let attempts = (0..20).map(|n| {
        let (office, body) = (school.office.clone(), term(&format!("T{n}"), n, 100 + n));
        tokio::spawn(async move { office.post("/api/v1/terms", &body).await })
    });
    let mut made = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        if answer.status == 201 {
            made.push(answer.body);
        } else {
            refused(&answer, 409, &["/starts_on"]);
        }
    }
    let [parent] = &made[..] else { panic!("{made:#?}") };
    // A grading period is a part of the term, of the same year, and moves neither out of it nor it away.
    let part = |year: &str, from, to| json!({"academic_year_id": year, "parent_term_id": parent["id"], "kind": "grading_period", "name": "G", "starts_on": day(from), "ends_on": day(to)});
    refused(&school.office.post("/api/v1/terms", &part(&other_year, 50, 60)).await, 422, &["/parent_term_id"]);
    refused(&school.office.post("/api/v1/terms", &part(&year, -50, 60)).await, 422, &["/starts_on"]);
    school.add("terms", part(&year, 50, 60)).await;
    let path = format!("/api/v1/terms/{}", id(parent));
    refused(&school.office.patch(&path, "\"v1\"", &json!({"ends_on": day(55)})).await, 422, &["/ends_on"]);
    assert_eq!(column(&school.get("terms?kind=grading_period").await.expect(200), "name"), ["G"]);
}

#[tokio::test]
async fn a_class_refers_to_what_its_own_school_has_and_every_wrong_reference_is_named() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let (one, two) = (Register::open(&fleet, "one").await, Register::open(&fleet, "two").await);
    let their_year = two.year().await;
    let their_term = two.add("terms", json!({"academic_year_id": their_year, "name": "T", "starts_on": day(1), "ends_on": day(9)})).await;
    let their_teacher = two.teacher("tara").await;
    let foreign =
        json!({"name": "7A", "academic_year_id": their_year, "term_id": their_term["id"], "class_teacher_id": their_teacher["id"]});
    let answer = one.office.post("/api/v1/classes", &foreign).await;
    refused(&answer, 422, &["/academic_year_id", "/term_id", "/class_teacher_id"]);
    let (year, other_year) = (one.year().await, one.year().await);
    for capacity in [json!(0), json!(10_001), json!(-1), json!("30"), json!(2.5)] {
        let body = json!({"name": "7A", "academic_year_id": year, "capacity": capacity});
        refused(&one.office.post("/api/v1/classes", &body).await, 422, &["/capacity"]);
    }
    let term = one.add("terms", json!({"academic_year_id": other_year, "name": "T", "starts_on": day(1), "ends_on": day(9)})).await;
    let body = json!({"name": "7A", "academic_year_id": year, "term_id": term["id"]});
    refused(&one.office.post("/api/v1/classes", &body).await, 422, &["/term_id"]);
    let teacher = one.teacher("omar").await;
    let class = one.add("classes", json!({"name": "7A", "academic_year_id": year, "code": "7A", "class_teacher_id": teacher["id"]})).await;
    refused(&one.office.post("/api/v1/classes", &json!({"name": "B", "academic_year_id": year, "code": "7A"})).await, 409, &["/code"]);
    assert_eq!(one.office.delete(&format!("/api/v1/teachers/{}", id(&teacher)), "\"v1\"").await.status, 409);
    one.add("classes", json!({"name": "8A", "academic_year_id": other_year, "term_id": term["id"]})).await;
    for (filter, found) in [
        (format!("teacher_id={}", id(&teacher)), vec!["7A"]),
        (format!("term_id={}", id(&term)), vec!["8A"]),
        (format!("academic_year_id={other_year}"), vec!["8A"]),
        (String::new(), vec!["7A", "8A"]),
    ] {
        assert_eq!(column(&one.get(&format!("classes?{filter}")).await.expect(200), "name"), found, "{filter}");
    }
    let path = format!("/api/v1/classes/{}", id(&class));
    refused(
        &one.office.patch(&path, "\"v1\"", &json!({"term_id": term["id"], "class_teacher_id": their_teacher["id"]})).await,
        422,
        &["/term_id", "/class_teacher_id"],
    );
    assert_eq!(one.office.patch(&path, "\"v1\"", &json!({"class_teacher_id": null})).await.expect(200)["class_teacher_id"], Value::Null);
}

#[tokio::test]
async fn an_enrolment_lies_within_the_year_does_not_overlap_and_may_come_back() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (class, student) = (school.class("7A").await, id(&school.student("asha").await));
    let stay =
        |from: i64, to: Option<i64>| json!({"class_id": class, "student_id": student, "begin_date": day(from), "end_date": to.map(day)});
    let post = async |body: Value| school.office.post("/api/v1/enrollments", &body).await;
    refused(&post(stay(-101, Some(201))).await, 422, &["/begin_date", "/end_date"]);
    refused(&post(stay(5, Some(4))).await, 422, &["/end_date"]);
    let nobody = json!({"class_id": uuid::Uuid::now_v7(), "student_id": uuid::Uuid::now_v7()});
    refused(&post(nobody).await, 422, &["/student_id", "/class_id"]);
    let first = post(stay(-50, None)).await.expect(201);
    refused(&post(stay(10, None)).await, 409, &["/begin_date"]);
    let path = format!("/api/v1/enrollments/{}", id(&first));
    let _ = school.office.patch(&path, "\"v1\"", &json!({"end_date": day(-10)})).await.expect(200);
    let second = post(stay(-9, None)).await.expect(201);
    refused(&school.office.patch(&path, "\"v2\"", &json!({"end_date": null})).await, 409, &["/begin_date"]);
    for (filter, found) in [
        (format!("on={}", day(-20)), vec![id(&first)]),
        (format!("on={}", day(-10)), vec![id(&first)]),
        (format!("on={}", day(-9)), vec![id(&second)]),
        (format!("class_id={class}&student_id={student}"), vec![id(&first), id(&second)]),
        (format!("student_id={}", uuid::Uuid::now_v7()), vec![]),
    ] {
        assert_eq!(column(&school.get(&format!("enrollments?{filter}")).await.expect(200), "id"), found, "{filter}");
    }
    assert_eq!(column(&school.get(&format!("classes/{class}/students?on={}", day(-30))).await.expect(200), "enrollment_id"), [id(&first)]);
    assert_eq!(column(&school.get(&format!("classes/{class}/students")).await.expect(200), "enrollment_id"), [id(&second)]);
}

#[tokio::test]
async fn the_last_seats_of_a_class_are_taken_once_each() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let year = school.year().await;
    let class = id(&school.add("classes", json!({"academic_year_id": year, "name": "7A", "capacity": 3})).await);
    let mut students = Vec::new();
    for n in 0..12 {
        students.push(id(&school.student(&format!("s{n}")).await));
    }
    let attempts = students.clone().into_iter().map(|student| {
        let (office, body) = (school.office.clone(), json!({"class_id": class, "student_id": student, "begin_date": day(0)}));
        tokio::spawn(async move { office.post("/api/v1/enrollments", &body).await })
    });
    let mut seated = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        if answer.status == 201 {
            seated.push(answer.body);
        } else {
            refused(&answer, 409, &["/class_id"]);
        }
    }
    assert_eq!(seated.len(), 3);
    let left = students.iter().find(|student| seated.iter().all(|seat| seat["student_id"] != **student)).unwrap();
    // Who comes before the others are there finds room only until then; who comes when one has left finds it for good.
    let stay = |from, to: Option<i64>| json!({"class_id": class, "student_id": left, "begin_date": day(from), "end_date": to.map(day)});
    refused(&school.office.post("/api/v1/enrollments", &stay(-5, None)).await, 409, &["/class_id"]);
    let before = school.office.post("/api/v1/enrollments", &stay(-5, Some(-1))).await.expect(201);
    let path = format!("/api/v1/enrollments/{}", id(&before));
    refused(&school.office.patch(&path, "\"v1\"", &json!({"end_date": day(0)})).await, 409, &["/class_id"]);
    let leaving = format!("/api/v1/enrollments/{}", id(&seated[0]));
    let _ = school.office.patch(&leaving, "\"v1\"", &json!({"end_date": day(9)})).await.expect(200);
    refused(&school.office.post("/api/v1/enrollments", &stay(9, None)).await, 409, &["/class_id"]);
    let _ = school.office.post("/api/v1/enrollments", &stay(10, None)).await.expect(201);
    refused(&school.office.patch(&format!("/api/v1/classes/{class}"), "\"v1\"", &json!({"capacity": 2})).await, 409, &["/capacity"]);
}

#[tokio::test]
async fn a_day_is_the_day_at_the_school() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    // Between them, these two are never on the same day.
    for (n, zone) in ["Pacific/Kiritimati", "Pacific/Niue"].into_iter().enumerate() {
        sqlx::query("UPDATE schools SET time_zone = $2 WHERE id = $1")
            .bind(school.school.as_uuid())
            .bind(zone)
            .execute(&mut fleet.database.superuser().await)
            .await
            .unwrap();
        let (class, student) = (school.class("7A").await, school.student(&format!("s{n}")).await);
        let there = || domain::Clock::now(&SystemClock).with_timezone(&zone.parse::<chrono_tz::Tz>().unwrap()).date_naive().to_string();
        let before = there();
        let enrollment = school.add("enrollments", json!({"class_id": class, "student_id": student["id"]})).await;
        let days = [before, there()];
        assert!(days.iter().any(|day| enrollment["begin_date"] == **day), "{zone}: {enrollment}");
    }
}

#[tokio::test]
async fn a_teacher_sees_a_class_from_the_moment_of_teaching_it_to_the_moment_of_another() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (_, as_tara) = school.person(&fleet, Role::Teacher, "tara").await;
    let (_, as_staff) = school.person(&fleet, Role::Staff, "sam").await;
    let tara = id(&as_tara.get("/api/v1/teachers").await.expect(200)["items"][0]);
    let (class, subject) = (school.class("7A").await, id(&school.add("subjects", json!({"name": "Mathematics", "code": "MATH"})).await));
    let (path, subjects) = (format!("/api/v1/classes/{class}"), format!("classes/{class}/subjects"));
    assert_eq!(as_tara.get(&path).await.status, 404);
    let nobody = json!({"subject_id": uuid::Uuid::now_v7(), "teacher_id": uuid::Uuid::now_v7()});
    refused(&school.office.post(&format!("/api/v1/{subjects}"), &nobody).await, 422, &["/subject_id", "/teacher_id"]);
    let taught = school.add(&subjects, json!({"subject_id": subject, "teacher_id": tara})).await;
    refused(
        &school.office.post(&format!("/api/v1/{subjects}"), &json!({"subject_id": subject, "teacher_id": tara})).await,
        409,
        &["/teacher_id"],
    );
    assert_eq!(as_tara.get(&path).await.status, 200);
    assert_eq!(column(&as_tara.get("/api/v1/classes").await.expect(200), "name"), ["7A"]);
    assert_eq!(column(&as_tara.get(&format!("/api/v1/{subjects}")).await.expect(200), "teacher_id"), [tara]);
    assert_eq!(column(&as_staff.get("/api/v1/classes").await.expect(200), "name"), ["7A"]);
    assert_eq!(as_staff.get(&format!("{path}/students")).await.status, 403);
    assert_eq!(school.office.delete(&format!("/api/v1/subjects/{subject}"), "\"v1\"").await.status, 409);
    let at = format!("/api/v1/{subjects}/{}", id(&taught));
    let elsewhere = format!("/api/v1/classes/{}/subjects/{}", school.class("8A").await, id(&taught));
    assert_eq!(school.office.patch(&elsewhere, "\"v1\"", &json!({"teacher_id": null})).await.status, 404);
    let other = id(&school.teacher("omar").await);
    let _ = school.office.patch(&at, "\"v1\"", &json!({"teacher_id": other})).await.expect(200);
    assert_eq!(as_tara.get(&path).await.status, 404);
    assert_eq!(school.office.delete(&at, "\"v2\"").await.status, 204);
}

#[tokio::test]
async fn every_rule_that_has_words_is_a_constraint_of_the_database() {
    let database = testkit::TestDatabase::create().await;
    let names: Vec<String> =
        sqlx::query_scalar("SELECT conname::text FROM pg_constraint UNION SELECT relname::text FROM pg_class WHERE relkind = 'i'")
            .fetch_all(&mut database.superuser().await)
            .await
            .unwrap();
    for rule in auth::store::rules::RULES {
        assert!(names.iter().any(|name| name == rule.constraint), "{}", rule.constraint);
    }
}

//! Students, teachers, staff and guardians: what the office may do, and who sees whom.

use auth::SERVICE;
use domain::Role;
use serde_json::{Value, json};
use testkit::Fleet;

use crate::register::{Register, column, day, id};

#[tokio::test]
async fn a_student_is_admitted_by_address_and_name_and_is_at_once_in_the_register() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let new = json!({"email": "Asha@One.Example", "full_name": "Asha", "admission_number": "A1", "blood_group": "AB+"});
    let created = school.office.post("/api/v1/students", &new).await;
    let (location, etag) = (created.header("location").to_owned(), created.etag());
    let student = created.expect(201);
    assert_eq!((etag.as_str(), student["email"].as_str().unwrap()), ("\"v1\"", "asha@one.example"));
    let read = school.office.get(&location).await;
    assert_eq!(read.etag(), etag);
    assert_eq!(read.expect(200), student);
    assert_eq!(column(&school.get("students").await.expect(200), "full_name"), ["Asha"]);
    let known = school.office.request(reqwest::Method::GET, &location).header("If-None-Match", etag);
    assert_eq!(school.office.send(known).await.status, 304);
    let roles: Vec<String> = sqlx::query_scalar("SELECT role FROM memberships WHERE school_id = $1 AND user_id = $2::uuid")
        .bind(school.school.as_uuid())
        .bind(student["user_id"].as_str().unwrap())
        .fetch_all(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(roles, ["student"]);
}

#[tokio::test]
async fn a_person_known_in_another_school_stays_one_user_and_a_stranger_cannot_be_taken_by_id() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let (one, two) = (Register::open(&fleet, "one").await, Register::open(&fleet, "two").await);
    let new = |number: &str| json!({"email": "both@x.example", "full_name": "Both", "employee_number": number});
    let here = one.add("teachers", new("1")).await;
    let there = two.office.post("/api/v1/teachers", &json!({"user_id": here["user_id"]})).await;
    assert_eq!((there.status, there.pointers()), (422, vec!["/user_id"]));
    assert_eq!(two.add("teachers", new("1")).await["user_id"], here["user_id"]);
    assert_eq!(one.get("teachers").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_fault_in_a_student_is_named_at_once() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let (one, two) = (Register::open(&fleet, "one").await, Register::open(&fleet, "two").await);
    let wrong =
        json!({"user_id": "x", "admission_number": 5, "blood_group": "far too long", "date_of_birth": "2015-13-01", "shoe_size": 31});
    let answer = one.office.post("/api/v1/students", &wrong).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    for pointer in ["/user_id", "/admission_number", "/blood_group", "/date_of_birth", "/shoe_size"] {
        assert!(answer.pointers().contains(&pointer), "{pointer}: {:#}", answer.body);
    }
    let unfit = json!({"email": "a@x.example", "admission_number": "1", "date_of_birth": day(2), "class_id": two.class("theirs").await});
    let answer = one.office.post("/api/v1/students", &unfit).await;
    assert_eq!((answer.status, answer.pointers()), (422, vec!["/full_name", "/date_of_birth", "/class_id"]));
    for (body, status) in [("{\"admission_number\":", 400), ("[]", 422), ("{\"admission_number\":\"\\u0000\"}", 422)] {
        let request = one.office.request(reqwest::Method::POST, "/api/v1/students").header("Content-Type", "application/json").body(body);
        assert_eq!(one.office.send(request).await.status, status, "{body}");
    }
    assert_eq!(one.get("students").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn what_must_be_unique_is_refused_with_the_field_that_is_not() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let asha = school.student("asha").await;
    let twice = async |body: Value| school.office.post("/api/v1/students", &body).await;
    let number = twice(json!({"email": "b@x.example", "full_name": "B", "admission_number": "asha"})).await;
    assert_eq!((number.status, number.pointers()), (409, vec!["/admission_number"]));
    let person = twice(json!({"user_id": asha["user_id"], "admission_number": "other"})).await;
    assert_eq!((person.status, person.pointers()), (409, vec!["/user_id"]));
    let (both, none) =
        (json!({"user_id": asha["user_id"], "email": "b@x.example", "admission_number": "c"}), json!({"admission_number": "c"}));
    assert_eq!(twice(both).await.pointers(), ["/email"]);
    assert_eq!(twice(none).await.pointers(), ["/user_id"]);
    // The refused student's user is not left behind.
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM users WHERE email = 'b@x.example'")
        .fetch_one(&mut fleet.database.superuser().await)
        .await
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn everybody_sees_those_who_concern_them_and_nobody_else() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (teacher, as_teacher) = school.person(&fleet, Role::Teacher, "tara").await;
    let (_, as_other_teacher) = school.person(&fleet, Role::Teacher, "omar").await;
    let (asha, as_asha) = school.person(&fleet, Role::Student, "asha").await;
    let (bela, as_bela) = school.person(&fleet, Role::Student, "bela").await;
    let (chen, _) = school.person(&fleet, Role::Student, "chen").await;
    let (parent, as_parent) = school.person(&fleet, Role::Parent, "pia").await;
    let (_, as_other_parent) = school.person(&fleet, Role::Parent, "quinn").await;
    let (_, as_staff) = school.person(&fleet, Role::Staff, "sam").await;
    let class = fleet.class(school.school, "7A", teacher, &[asha, bela]).await;
    fleet.guardian(school.school, asha, parent).await;
    let names = async |api: &testkit::Api, path: &str| {
        let mut names = column(&api.get(path).await.expect(200), "full_name");
        names.sort();
        names
    };
    let students = "/api/v1/students";
    assert_eq!(names(&school.office, students).await, ["asha", "bela", "chen"]);
    assert_eq!(names(&as_teacher, students).await, ["asha", "bela"]);
    assert_eq!(names(&as_other_teacher, students).await, [""; 0]);
    assert_eq!(names(&as_asha, students).await, ["asha"]);
    assert_eq!(names(&as_parent, students).await, ["asha"]);
    assert_eq!(names(&as_other_parent, students).await, [""; 0]);
    assert_eq!(as_staff.get(students).await.status, 403);

    let at = async |user| format!("{students}/{}", fleet.student_id(school.school, user).await);
    let (asha_at, bela_at, chen_at) = (at(asha).await, at(bela).await, at(chen).await);
    for (api, path, status) in [
        (&as_teacher, &asha_at, 200),
        (&as_teacher, &chen_at, 404),
        (&as_other_teacher, &asha_at, 404),
        (&as_asha, &asha_at, 200),
        (&as_asha, &bela_at, 404),
        (&as_bela, &asha_at, 404),
        (&as_parent, &asha_at, 200),
        (&as_parent, &bela_at, 404),
        (&as_other_parent, &asha_at, 404),
        (&as_staff, &asha_at, 403),
    ] {
        assert_eq!(api.get(path).await.status, status, "{path}");
        let guardians = api.get(&format!("{path}/guardians")).await;
        assert_eq!(guardians.status, status, "{path}/guardians");
    }

    // Classmates see each other on the roll, and there nothing that is private.
    let roll = as_bela.get(&format!("/api/v1/classes/{class}/students")).await.expect(200);
    assert_eq!(column(&roll, "full_name"), ["asha", "bela"]);
    let fields: Vec<&String> = roll["items"][0].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["begin_date", "end_date", "enrollment_id", "full_name", "roll_number", "student_id"]);
    assert_eq!(as_other_parent.get(&format!("/api/v1/classes/{class}/students")).await.status, 404);

    // A teacher's record is the office's and the teacher's; the taught learn the name.
    let taught_by = as_asha.get("/api/v1/teachers").await.expect(200);
    assert_eq!(column(&taught_by, "full_name"), ["tara"]);
    assert!(taught_by["items"][0].get("email").is_none());
    let own = as_teacher.get("/api/v1/teachers").await.expect(200);
    assert_eq!(own["items"][0]["email"], "tara@one.example");
    assert_eq!(as_teacher.get("/api/v1/staff").await.expect(200)["items"], json!([]));
    assert_eq!(names(&school.office, "/api/v1/staff").await, ["sam"]);
}

#[tokio::test]
async fn a_guardian_sees_the_child_from_the_moment_of_the_link_to_its_end() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (pia, as_pia) = school.person(&fleet, Role::Parent, "pia").await;
    let student = id(&school.student("asha").await);
    let guardians = format!("students/{student}/guardians");
    assert_eq!(as_pia.get(&format!("/api/v1/students/{student}")).await.status, 404);
    let link = school.add(&guardians, json!({"user_id": pia, "relationship": "mother", "is_primary": true})).await;
    assert_eq!(as_pia.get(&format!("/api/v1/students/{student}")).await.status, 200);

    let second = json!({"email": "quinn@x.example", "full_name": "Quinn", "is_primary": true});
    let refused = school.office.post(&format!("/api/v1/{guardians}"), &second).await;
    assert_eq!((refused.status, refused.pointers()), (409, vec!["/is_primary"]));
    let second = school.add(&guardians, json!({"email": "quinn@x.example", "full_name": "Quinn"})).await;
    let again = school.office.post(&format!("/api/v1/{guardians}"), &json!({"user_id": pia})).await;
    assert_eq!((again.status, again.pointers()), (409, vec!["/user_id"]));
    let seen = as_pia.get(&format!("/api/v1/{guardians}")).await.expect(200);
    assert_eq!(column(&seen, "full_name"), ["pia", "Quinn"]);
    assert_eq!((&seen["items"][0]["email"], &seen["items"][1]["email"]), (&json!("pia@one.example"), &Value::Null));

    let (first, second) = (format!("/api/v1/{guardians}/{}", id(&link)), format!("/api/v1/{guardians}/{}", id(&second)));
    assert_eq!(school.office.patch(&second, "\"v1\"", &json!({"is_primary": true})).await.status, 409);
    let _ = school.office.patch(&first, "\"v1\"", &json!({"is_primary": false})).await.expect(200);
    assert_eq!(school.office.patch(&second, "\"v1\"", &json!({"is_primary": true})).await.expect(200)["is_primary"], true);
    let other = id(&school.student("bela").await);
    assert_eq!(school.get(&format!("students/{other}/guardians/{}", id(&link))).await.status, 404);
    assert_eq!(school.office.delete(&first, "\"v1\"").await.status, 412);
    assert_eq!(school.office.delete(&first, "\"v2\"").await.status, 204);
    assert_eq!(as_pia.get(&format!("/api/v1/students/{student}")).await.status, 404);
}

#[tokio::test]
async fn a_list_is_filtered_and_paged_and_its_cursor_is_good_for_nothing_else() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    for who in ["asha", "bela", "chen", "dora", "100%"] {
        school.student(who).await;
    }
    let (mut seen, mut path, mut pages) = (Vec::new(), "students?limit=2".to_owned(), 0);
    loop {
        let answer = school.get(&path).await;
        let link = answer.header("link").to_owned();
        let page = answer.expect(200);
        seen.extend(column(&page, "admission_number"));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        assert!(link.contains(cursor) && link.contains("limit=2"), "{link}");
        path = format!("students?limit=2&cursor={cursor}");
    }
    assert_eq!((seen, pages), (vec!["100%".into(), "asha".into(), "bela".into(), "chen".into(), "dora".into()], 3));

    let cursor = school.get("students?limit=1").await.expect(200)["next_cursor"].as_str().unwrap().to_owned();
    let edited = format!("{}{}", &cursor[..cursor.len() - 1], if cursor.ends_with('A') { 'B' } else { 'A' });
    for bad in [
        format!("students?cursor={edited}"),
        format!("students?q=a&cursor={cursor}"),
        format!("teachers?cursor={cursor}"),
        "students?cursor=x".into(),
    ] {
        let answer = school.get(&bad).await;
        assert_eq!((answer.status, answer.pointers()), (400, vec!["query:cursor"]), "{bad}");
    }
    for (bad, pointer) in [
        ("limit=0", "query:limit"),
        ("limit=201", "query:limit"),
        ("limit=x", "query:limit"),
        ("page=2", "query:page"),
        ("class_id=7", "query:class_id"),
        ("status=gone", "query:status"),
        ("q=%00", "query:q"),
    ] {
        for list in ["students", "teachers"] {
            let answer = school.get(&format!("{list}?{bad}")).await;
            assert_eq!((answer.status, answer.pointers()), (422, vec![pointer]), "{list}?{bad}");
        }
    }

    assert_eq!(column(&school.get("students?q=CHE").await.expect(200), "full_name"), ["chen"]);
    assert_eq!(school.get("students?q=%25").await.expect(200)["items"], json!([]));
    assert_eq!(column(&school.get("students?q=100%25").await.expect(200), "full_name"), ["100%"]);
    let class = school.class("7A").await;
    let bela = id(&school.get("students?q=bela").await.expect(200)["items"][0]);
    school.enrol(&class, &bela).await;
    assert_eq!(column(&school.get(&format!("students?class_id={class}")).await.expect(200), "full_name"), ["bela"]);
    let _ = school.office.patch(&format!("/api/v1/students/{bela}"), "\"v1\"", &json!({"status": "tobedeleted"})).await.expect(200);
    assert_eq!(column(&school.get("students?status=tobedeleted").await.expect(200), "full_name"), ["bela"]);
    assert_eq!(school.get("students?q=bela").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn of_fifty_changes_based_on_one_version_exactly_one_wins() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let path = format!("/api/v1/students/{}", id(&school.student("asha").await));
    let attempts = (0..50).map(|n| {
        let (office, path) = (school.office.clone(), path.clone());
        tokio::spawn(async move { (n, office.patch(&path, "\"v1\"", &json!({"address": format!("Street {n}")})).await) })
    });
    let mut won = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let (n, answer) = attempt.await.unwrap();
        match answer.status {
            200 => won.push(n),
            412 => assert_eq!(answer.etag(), "\"v2\""),
            other => panic!("{other}: {:#}", answer.body),
        }
    }
    assert_eq!(won.len(), 1);
    let now = school.office.get(&path).await.expect(200);
    assert_eq!((now["version"].as_i64(), now["address"].as_str().unwrap()), (Some(2), &*format!("Street {}", won[0])));
}

#[tokio::test]
async fn a_patch_keeps_what_it_leaves_out_empties_what_is_null_and_needs_a_version() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let path = format!("/api/v1/students/{}", id(&school.student("asha").await));
    let changed = school.office.patch(&path, "\"v1\"", &json!({"roll_number": null, "section": "B"})).await.expect(200);
    assert_eq!(
        (&changed["roll_number"], &changed["section"], &changed["date_of_birth"]),
        (&Value::Null, &json!("B"), &json!("2015-05-05"))
    );
    let bare = school.office.request(reqwest::Method::PATCH, &path).json(&json!({}));
    assert_eq!(school.office.send(bare).await.status, 428);
    assert_eq!(school.office.patch(&path, "W/\"v2\"", &json!({})).await.status, 400);
    assert_eq!(school.office.patch(&path, "\"v1\"", &json!({})).await.status, 412);
    assert_eq!(school.office.patch(&path, "\"v2\"", &json!({"user_id": "x"})).await.pointers(), ["/user_id"]);
    assert_eq!(school.office.patch(&path, "\"v2\"", &json!({"class_id": uuid::Uuid::now_v7()})).await.pointers(), ["/class_id"]);
}

#[tokio::test]
async fn a_student_in_a_class_cannot_be_removed_and_one_in_none_can() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let (class, student) = (school.class("7A").await, id(&school.student("asha").await));
    let enrollment = id(&school.enrol(&class, &student).await);
    let path = format!("/api/v1/students/{student}");
    let refused = school.office.delete(&path, "\"v1\"").await;
    assert_eq!((refused.status, refused.body["type"].as_str().unwrap()), (409, "/docs/problems#still-in-use"));
    assert_eq!(school.office.delete(&format!("/api/v1/enrollments/{enrollment}"), "\"v1\"").await.status, 204);
    assert_eq!(school.office.delete(&path, "\"v1\"").await.status, 204);
    assert_eq!(school.office.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_retry_under_the_same_key_admits_one_student() {
    let fleet = Fleet::start(&[SERVICE]).await;
    let school = Register::open(&fleet, "one").await;
    let new = json!({"email": "asha@x.example", "full_name": "Asha", "admission_number": "A1"});
    let first = school.office.post_once("/api/v1/students", "k1", &new).await;
    let again = school.office.post_once("/api/v1/students", "k1", &new).await;
    assert_eq!((again.header("idempotency-replayed"), again.header("location")), ("true", first.header("location")));
    assert_eq!(again.expect(201), first.expect(201));
    let other = json!({"email": "asha@x.example", "full_name": "Asha", "admission_number": "A2"});
    assert_eq!(school.office.post_once("/api/v1/students", "k1", &other).await.status, 422);
}

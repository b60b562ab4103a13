//! Concessions of a class: whoever sits in it on the day on which an invoice is due.

use domain::{ClassId, Role, StudentId, UserId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::school::{School, id};

/// Another class of the same year.
async fn another_class(school: &School, name: &str) -> Uuid {
    let class = Uuid::now_v7();
    sqlx::query("INSERT INTO classes (school_id, id, academic_year_id, name) VALUES ($1, $2, $3, $4)")
        .bind(school.school.as_uuid())
        .bind(class)
        .bind(school.year)
        .bind(name)
        .execute(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    class
}

/// The student leaves the class after the day, counted from today.
async fn leaves(school: &School, student: StudentId, day: i64) {
    sqlx::query("UPDATE enrollments SET end_date = $2::text::date WHERE student_id = $1")
        .bind(student.as_uuid())
        .bind(school.day(day))
        .execute(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
}

async fn sits(school: &School, class: Uuid, student: UserId, from: i64) {
    school.fleet.enrol(school.school, ClassId::from_uuid(class), student, school.day(from).parse().unwrap()).await;
}

fn of_class(school: &School, class: Uuid, name: &str, percent: i64) -> Value {
    json!({"name": name, "kind": "class", "class_id": class, "percent_basis_points": percent * 100, "valid_from": school.day(-30), "reason": "Rule"})
}

async fn granted(school: &School, body: &Value) -> String {
    let path = format!("/api/v1/concessions/{}", id(&school.office.post("/api/v1/concessions", body).await.expect(201)));
    school.act(&school.head, &path, "approve", &json!({})).await.expect(200);
    path
}

/// A draft of an invoice over 20.00, which is due in so many days.
async fn owes(school: &School, student: StudentId, days: i64) -> i64 {
    let camp = json!({"student_id": student, "period": "Camp", "currency": "INR", "due_on": school.day(days), "with_concessions": true,
        "charges": [{"head": "Camp", "amount_minor": 2_000}]});
    school.office.post("/api/v1/invoices", &camp).await.expect(201)["total_minor"].as_i64().unwrap()
}

#[tokio::test]
async fn whoever_sits_in_the_class_when_it_is_due_has_its_concession_and_who_comes_later_that_of_where_they_come_to() {
    let school = School::open().await;
    let second = another_class(&school, "7B").await;
    granted(&school, &of_class(&school, school.class.as_uuid(), "7A", 10)).await;
    granted(&school, &of_class(&school, second, "7B", 20)).await;
    // The classmate has moved to 7B today; somebody will come to 7A after the fees are due; somebody has left.
    let users: Vec<(StudentId, UserId)> = {
        let mut users = Vec::new();
        for email in ["late@a.example", "gone@a.example"] {
            let user = school.fleet.member(school.school, Role::Student, email).await;
            users.push((school.fleet.student_id(school.school, user).await, user));
        }
        users
    };
    let ((late, late_user), (gone, gone_user)) = (users[0], users[1]);
    sits(&school, school.class.as_uuid(), late_user, 50).await;
    sits(&school, school.class.as_uuid(), gone_user, -50).await;
    leaves(&school, gone, -1).await;
    leaves(&school, school.classmate_id, -1).await;
    let classmate = "SELECT user_id FROM students WHERE id = $1";
    let classmate: Uuid = sqlx::query_scalar(classmate)
        .bind(school.classmate_id.as_uuid())
        .fetch_one(&mut school.fleet.database.superuser().await)
        .await
        .unwrap();
    sits(&school, second, UserId::from_uuid(classmate), 0).await;

    let body = json!({"academic_year_id": school.year, "name": "Fees", "currency": "INR", "heads": [
        {"head": "Tuition", "amount_minor": 100_000, "instalments": [{"due_on": school.day(10)}]}]});
    let made = school.office.post("/api/v1/fee-structures", &body).await;
    let structure = id(&made.body);
    school.office.post_if(&format!("/api/v1/fee-structures/{structure}/activate"), &made.etag(), &json!({})).await.expect(200);
    assert_eq!(school.run(&structure, 1).await["created"], json!(3), "who has left is not billed");
    let billed = school.office.get(&format!("/api/v1/invoices?fee_structure_id={structure}")).await.expect(200);
    let of = |student: StudentId| {
        billed["items"].as_array().unwrap().iter().find(|one| one["student_id"] == json!(student)).unwrap()["total_minor"].as_i64().unwrap()
    };
    assert_eq!((of(school.student_id), of(school.classmate_id), of(late)), (90_000, 80_000, 90_000));
    // By hand, too: of what was due while the classmate sat in 7A, 7A's.
    assert_eq!((owes(&school, school.classmate_id, -5).await, owes(&school, school.classmate_id, 5).await), (1_800, 1_600));
    assert_eq!((owes(&school, gone, -5).await, owes(&school, gone, 5).await), (1_800, 2_000));
    let profile = school.office.get(&format!("/api/v1/students/{}/fee-profile", school.classmate_id)).await.expect(200);
    assert_eq!(profile["class_ids"], json!([second]));
    school.books_agree().await;
}

#[tokio::test]
async fn a_class_concession_is_asked_for_granted_stacked_and_capped_as_the_others_are() {
    let school = School::open().await;
    let class = school.class.as_uuid();
    let mut body = of_class(&school, class, "7A", 50);
    body["stacking_order"] = json!(2);
    body["cap_minor"] = json!(300);
    body["currency"] = json!("INR");
    let asked = school.office.post("/api/v1/concessions", &body).await;
    let path = asked.header("location").to_owned();
    assert_eq!((&asked.body["kind"], &asked.body["class_id"], &asked.body["status"]), (&json!("class"), &json!(class), &json!("pending")));
    assert_eq!(owes(&school, school.student_id, 5).await, 2_000, "nobody has granted it");
    school.act(&school.office, &path, "approve", &json!({})).await.expect(403);
    school.act(&school.head, &path, "approve", &json!({})).await.expect(200);
    assert_eq!(owes(&school, school.student_id, 5).await, 1_700, "half, but at most three");
    let first = json!({"name": "Merit", "kind": "student", "student_id": school.student_id, "percent_basis_points": 9_000, "stacking_order": 1,
        "valid_from": school.day(-30), "reason": "x"});
    granted(&school, &first).await;
    assert_eq!(owes(&school, school.student_id, 5).await, 100, "of what the first one leaves, half");
    assert_eq!(owes(&school, school.student_id, -31).await, 2_000, "it was not granted for then");
    school.act(&school.office, &path, "end", &json!({})).await.expect(200);
    assert_eq!(owes(&school, school.student_id, 5).await, 200);
    let list = school.office.get(&format!("/api/v1/concessions?class_id={class}")).await.expect(200);
    assert_eq!(list["items"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(), [id(&asked.body)]);
}

#[tokio::test]
async fn a_class_concession_names_a_class_of_the_school_and_nothing_else() {
    let school = School::open().await;
    let class = school.class.as_uuid();
    let other = school.fleet.school("Riverside").await;
    let strange = school.fleet.class(other, "7A", UserId::generate(), &[]).await;
    let with = |change: Value| {
        let mut body = of_class(&school, class, "7A", 10);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (change, pointer) in [
        (json!({"class_id": null}), "/class_id"),
        (json!({"class_id": strange}), "/class_id"),
        (json!({"class_id": Uuid::now_v7()}), "/class_id"),
        (json!({"student_id": school.student_id}), "/student_id"),
        (json!({"category": "boarder"}), "/category"),
        (json!({"kind": "sibling"}), "/class_id"),
    ] {
        let refused = school.office.post("/api/v1/concessions", &with(change.clone())).await;
        assert_eq!((refused.status, refused.pointers()), (422, vec![pointer]), "{change}: {:#}", refused.body);
    }
    school.parent.post("/api/v1/concessions", &with(json!({}))).await.expect(403);
    school.teacher.post("/api/v1/concessions", &with(json!({}))).await.expect(403);
    let path = granted(&school, &with(json!({}))).await;
    school.fleet.member(other, Role::Admin, "office@b.example").await;
    let stranger = school.fleet.login("office@b.example").await;
    stranger.get(&path).await.expect(404);
    assert_eq!(stranger.get("/api/v1/concessions").await.expect(200)["items"], json!([]));
    for (sql, constraint) in [
        ("UPDATE concessions SET class_id = NULL", "concessions_names_its_class"),
        ("UPDATE concessions SET kind = 'sibling'", "concessions_names_its_class"),
        ("UPDATE concessions SET kind = 'everybody'", "concessions_kind_check"),
        ("UPDATE concessions SET class_id = gen_random_uuid()", "concessions_class"),
    ] {
        assert_eq!(school.attacker().attempt(sql).await.expect_err(sql).constraint(), Some(constraint), "{sql}");
    }
}

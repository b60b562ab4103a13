//! People and classes, put into the tables directly: what a test needs before it begins.

use chrono::{Duration, NaiveDate};
use domain::{ClassId, Clock, Role, SchoolId, SystemClock, UserId};
use uuid::Uuid;

use crate::TestDatabase;

/// The bcrypt hash of [`crate::PASSWORD`], at the lowest cost: a test proves nothing by hashing slowly.
const HASH: &str = "$2b$04$kgvCQfpcKLLosX.Z7Uu5ieJcPn9gJaTr4cNpv/C.YZ0aEcQfPq.QO";

/// A new user with `role` in `school`, and [`crate::PASSWORD`]. A teacher, student or staff member gets the row that goes with it.
pub async fn member(database: &TestDatabase, school: SchoolId, role: Role, email: &str) -> UserId {
    let user = UserId::generate();
    let mut connection = database.superuser().await;
    let id = user.as_uuid();
    let name = email.split('@').next().unwrap_or(email);
    sqlx::query("INSERT INTO users (id, email, full_name, is_super_admin) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(email)
        .bind(name)
        .bind(role == Role::SuperAdmin)
        .execute(&mut connection)
        .await
        .expect("a user");
    sqlx::query("INSERT INTO credentials (user_id, password_hash) VALUES ($1, $2)")
        .bind(id)
        .bind(HASH)
        .execute(&mut connection)
        .await
        .expect("credentials");
    if role == Role::SuperAdmin {
        return user;
    }
    sqlx::query("INSERT INTO memberships (school_id, id, user_id, role) VALUES ($1, $2, $3, $4)")
        .bind(school.as_uuid())
        .bind(Uuid::now_v7())
        .bind(id)
        .bind(role.as_str())
        .execute(&mut connection)
        .await
        .expect("a membership");
    let row = match role {
        Role::Teacher => "INSERT INTO teachers (school_id, id, user_id) VALUES ($1, $2, $3)",
        Role::Student => "INSERT INTO students (school_id, id, user_id, admission_number) VALUES ($1, $2, $3, $3::text)",
        Role::Staff => "INSERT INTO staff (school_id, id, user_id) VALUES ($1, $2, $3)",
        _ => return user,
    };
    sqlx::query(row).bind(school.as_uuid()).bind(Uuid::now_v7()).bind(id).execute(&mut connection).await.expect("a person");
    user
}

/// A class of this year, and the year's first day.
pub async fn class(database: &TestDatabase, school: SchoolId, name: &str) -> (ClassId, NaiveDate) {
    let (class, year) = (ClassId::generate(), Uuid::now_v7());
    let today = SystemClock.now().date_naive();
    let (from, to) = (today - Duration::days(100), today + Duration::days(200));
    let mut connection = database.superuser().await;
    let insert = sqlx::query("INSERT INTO academic_years (school_id, id, name, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5)");
    insert.bind(school.as_uuid()).bind(year).bind(year.to_string()).bind(from).bind(to).execute(&mut connection).await.expect("a year");
    let insert = sqlx::query("INSERT INTO classes (school_id, id, academic_year_id, name) VALUES ($1, $2, $3, $4)");
    insert.bind(school.as_uuid()).bind(class.as_uuid()).bind(year).bind(name).execute(&mut connection).await.expect("a class");
    (class, from)
}

/// Makes `teacher` a teacher of `class`.
pub async fn teaches(database: &TestDatabase, school: SchoolId, class: ClassId, teacher: UserId) {
    sqlx::query(
        "INSERT INTO class_subjects (school_id, id, class_id, teacher_id)
         SELECT school_id, $2, $3, id FROM teachers WHERE school_id = $1 AND user_id = $4",
    )
    .bind(school.as_uuid())
    .bind(Uuid::now_v7())
    .bind(class.as_uuid())
    .bind(teacher.as_uuid())
    .execute(&mut database.superuser().await)
    .await
    .expect("a teacher's class");
}

//! A school with an office, and what the office puts into its register.

use chrono::{Duration, NaiveDate};
use domain::{Clock, Role, SchoolId, SystemClock};
use serde_json::{Value, json};
use testkit::{Answer, Api, Fleet};

/// A school, and its office logged in.
pub(crate) struct Register {
    pub(crate) school: SchoolId,
    pub(crate) office: Api,
    pub(crate) name: String,
}

pub(crate) fn today() -> NaiveDate {
    SystemClock.now().date_naive()
}

/// That many days from today.
pub(crate) fn day(offset: i64) -> NaiveDate {
    today() + Duration::days(offset)
}

pub(crate) fn id(body: &Value) -> String {
    body["id"].as_str().expect("an id").to_owned()
}

/// The values of `field` in a page.
pub(crate) fn column(page: &Value, field: &str) -> Vec<String> {
    page["items"].as_array().expect("items").iter().map(|item| item[field].as_str().unwrap_or_default().to_owned()).collect()
}

impl Register {
    pub(crate) async fn open(fleet: &Fleet, name: &str) -> Self {
        let school = fleet.school(name).await;
        let email = format!("office@{name}.example");
        fleet.member(school, Role::Admin, &email).await;
        Self { school, office: fleet.login(&email).await, name: name.to_owned() }
    }

    /// Someone of `role` in this school, logged in. Their name is `who`.
    pub(crate) async fn person(&self, fleet: &Fleet, role: Role, who: &str) -> (domain::UserId, Api) {
        let email = format!("{who}@{}.example", self.name);
        let user = fleet.member(self.school, role, &email).await;
        (user, fleet.login(&email).await)
    }

    pub(crate) async fn add(&self, path: &str, body: Value) -> Value {
        self.office.post(&format!("/api/v1/{path}"), &body).await.expect(201)
    }

    pub(crate) async fn year(&self) -> String {
        let name = format!("Year {}", uuid::Uuid::now_v7().simple());
        id(&self.add("academic-years", json!({"name": name, "starts_on": day(-100), "ends_on": day(200)})).await)
    }

    pub(crate) async fn class(&self, name: &str) -> String {
        let year = self.year().await;
        id(&self.add("classes", json!({"academic_year_id": year, "name": name})).await)
    }

    pub(crate) async fn student(&self, who: &str) -> Value {
        let email = format!("{who}@{}.example", self.name);
        let private = json!({"email": email, "full_name": who, "admission_number": who, "roll_number": "7", "date_of_birth": "2015-05-05",
            "address": format!("secret address of {who}"), "parent_phone": "+91 99999"});
        self.add("students", private).await
    }

    pub(crate) async fn teacher(&self, who: &str) -> Value {
        let email = format!("{who}@{}.example", self.name);
        self.add("teachers", json!({"email": email, "full_name": who, "employee_number": who})).await
    }

    pub(crate) async fn enrol(&self, class: &str, student: &str) -> Value {
        self.add("enrollments", json!({"class_id": class, "student_id": student, "begin_date": day(-10)})).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.office.get(&format!("/api/v1/{path}")).await
    }
}

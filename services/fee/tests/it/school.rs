//! A school with a class, two students, their parents and an office of two.

use std::sync::Arc;
use std::time::Duration;

use domain::{ClassId, Clock, Role, SchoolId, ServiceName, StudentId};
use serde_json::{Value, json};
use testkit::{Answer, Api, Attacker, Fleet, TestDatabase};
use uuid::Uuid;

pub struct School {
    pub fleet: Fleet,
    #[allow(clippy::struct_field_names)] // what it is called everywhere
    pub school: SchoolId,
    pub class: ClassId,
    pub year: Uuid,
    /// Whoever runs the school.
    pub head: Api,
    /// The school's office.
    pub office: Api,
    pub teacher: Api,
    pub student: Api,
    pub student_id: StudentId,
    pub parent: Api,
    pub classmate: Api,
    pub classmate_id: StudentId,
}

impl School {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(variables: &[(&str, &str)]) -> Self {
        Self::open_on(TestDatabase::create().await, variables).await
    }

    pub async fn open_on(database: TestDatabase, variables: &[(&str, &str)]) -> Self {
        let fleet = Fleet::start_on(database, &[auth::SERVICE, fee::SERVICE], variables).await;
        let school = fleet.school("Greenfield").await;
        fleet.member(school, Role::SchoolAdmin, "head@a.example").await;
        fleet.member(school, Role::Admin, "office@a.example").await;
        let teacher = fleet.member(school, Role::Teacher, "teacher@a.example").await;
        let student = fleet.member(school, Role::Student, "student@a.example").await;
        let classmate = fleet.member(school, Role::Student, "classmate@a.example").await;
        let parent = fleet.member(school, Role::Parent, "parent@a.example").await;
        let class = fleet.class(school, "7A", teacher, &[student, classmate]).await;
        fleet.guardian(school, student, parent).await;
        let (student_id, classmate_id) = (fleet.student_id(school, student).await, fleet.student_id(school, classmate).await);
        let year = sqlx::query_scalar("SELECT academic_year_id FROM classes WHERE id = $1")
            .bind(class.as_uuid())
            .fetch_one(&mut fleet.database.superuser().await)
            .await
            .unwrap();
        Self {
            head: fleet.login("head@a.example").await,
            office: fleet.login("office@a.example").await,
            teacher: fleet.login("teacher@a.example").await,
            student: fleet.login("student@a.example").await,
            parent: fleet.login("parent@a.example").await,
            classmate: fleet.login("classmate@a.example").await,
            fleet,
            school,
            class,
            year,
            student_id,
            classmate_id,
        }
    }

    /// The day at the school, which is in UTC.
    pub fn day(&self, days: i64) -> String {
        (self.fleet.platform.clock().now() + chrono::Duration::days(days)).date_naive().to_string()
    }

    /// Begins anew by another clock, under which everybody logs in anew.
    pub async fn by(&mut self, clock: Arc<dyn Clock>) {
        self.fleet.restart(&[auth::SERVICE, fee::SERVICE], clock).await;
        self.head = self.fleet.login("head@a.example").await;
        self.office = self.fleet.login("office@a.example").await;
        self.teacher = self.fleet.login("teacher@a.example").await;
        self.student = self.fleet.login("student@a.example").await;
        self.parent = self.fleet.login("parent@a.example").await;
        self.classmate = self.fleet.login("classmate@a.example").await;
    }

    /// An active structure of tuition in two instalments and a bus fee with tax.
    pub async fn structure(&self, name: &str) -> String {
        let body = json!({"academic_year_id": self.year, "class_id": self.class, "name": name, "currency": "INR", "heads": [
            {"head": "Tuition", "amount_minor": 100_001, "instalments": [{"due_on": self.day(10)}, {"due_on": self.day(100)}]},
            {"head": "Bus", "amount_minor": 20_000, "tax_basis_points": 500, "instalments": [{"due_on": self.day(10)}]}]});
        let made = self.office.post("/api/v1/fee-structures", &body).await;
        let (etag, id) = (made.etag(), id(&made.expect(201)));
        self.office.post_if(&format!("/api/v1/fee-structures/{id}/activate"), &etag, &json!({})).await.expect(200);
        id
    }

    /// An issued invoice over `amount`.
    pub async fn invoice(&self, student: StudentId, amount: i64) -> Value {
        let body = json!({"student_id": student, "period": "Excursion", "currency": "INR", "due_on": self.day(-5), "issue": true,
            "charges": [{"head": "Excursion", "amount_minor": amount}]});
        self.office.post("/api/v1/invoices", &body).await.expect(201)
    }

    /// Pays cash for an invoice.
    pub async fn cash(&self, invoice: &Value, amount: i64) -> Answer {
        let body = json!({"invoice_id": invoice["id"], "method": "cash", "amount_minor": amount, "currency": "INR"});
        self.office.post_once("/api/v1/payments", &Uuid::now_v7().to_string(), &body).await
    }

    pub async fn seen(&self, invoice: &Value) -> Value {
        self.office.get(&format!("/api/v1/invoices/{}", id(invoice))).await.expect(200)
    }

    /// Does something to what has an `ETag`.
    pub async fn act(&self, who: &Api, path: &str, verb: &str, body: &Value) -> Answer {
        let etag = who.get(path).await.etag();
        who.post_if(&format!("{path}/{verb}"), &etag, body).await
    }

    /// A number out of the database, as its superuser sees it.
    pub async fn count(&self, query: &str) -> i64 {
        self.fleet.database.count(query).await
    }

    /// The service's own rights at the database.
    pub fn attacker(&self) -> Attacker<'_> {
        Attacker::new(&self.fleet.platform, ServiceName::Fee, self.school)
    }

    /// The ledger balances, and agrees with the documents.
    pub async fn books_agree(&self) {
        let seen = self.office.get("/api/v1/fees/reconciliation").await.expect(200);
        assert_eq!(seen["agrees"], json!(true), "{seen:#}");
        assert_eq!(self.count("SELECT coalesce(sum(debit_minor - credit_minor), 0)::bigint FROM ledger_entries").await, 0);
        let split = "SELECT count(*) FROM (SELECT FROM ledger_entries GROUP BY school_id, transaction_id, currency HAVING sum(debit_minor) <> sum(credit_minor)) t";
        assert_eq!(self.count(split).await, 0, "a transaction does not balance");
        // What the triggers compare at each commit, for every document anew.
        self.count("SELECT count(said) FROM (SELECT check_invoice(school_id, id)::text AS said FROM invoices UNION ALL SELECT check_payment(school_id, id)::text FROM payments) t")
            .await;
        for (table, number, counter) in
            [("payments", "receipt_number", "receipt_counters"), ("refunds", "voucher_number", "voucher_counters")]
        {
            let gaps = format!(
                "SELECT count(*) FROM {counter} c WHERE (SELECT coalesce(array_agg({number} ORDER BY {number}), '{{}}') FROM {table} d
                    WHERE d.school_id = c.school_id AND d.fiscal_year = c.fiscal_year)
                 IS DISTINCT FROM (SELECT coalesce(array_agg(n), '{{}}') FROM generate_series(1, c.last_number) n)"
            );
            assert_eq!(self.count(&gaps).await, 0, "the numbers of {table} have a gap");
        }
    }

    /// Runs a generation to its end.
    pub async fn run(&self, structure: &str, instalment: i64) -> Value {
        let body = json!({"fee_structure_id": structure, "instalment": instalment, "issue": true});
        let asked = self.office.post("/api/v1/invoices/generate", &body).await;
        let path = asked.header("location").to_owned();
        asked.expect(202);
        eventually(async || self.office.get(&path).await.expect(200), |run| matches!(run["status"].as_str(), Some("succeeded" | "failed")))
            .await
    }
}

pub fn id(body: &Value) -> String {
    body["id"].as_str().unwrap_or_else(|| panic!("no id in {body:#}")).to_owned()
}

/// Looks until `seen` says yes, at most twenty seconds.
pub async fn eventually<T>(mut look: impl AsyncFnMut() -> T, seen: impl Fn(&T) -> bool) -> T {
    for _ in 0..200 {
        let found = look().await;
        if seen(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    look().await
}

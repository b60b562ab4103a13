//! The fee office at random and with crashes: afterwards the books agree, what was acknowledged is there, and nothing is there twice.
//!
//! Eight clients pay, refund, fine, waive, cancel and bill; some hang up before the answer comes, and send the same again. Meanwhile connections to PostgreSQL
//! and Redis are cut, and PostgreSQL is killed outright. The course lasts some seconds; an hour of it is
//! `scripts/test -p fee --run-ignored only -E 'test(random_hour)'`. `FEE_RANDOM_SECONDS` makes either as long as you like, and `FEE_RANDOM_SEED` takes another
//! course: a seed repeats what each client chooses, not how their requests fall together.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::ServiceName;
use fred::interfaces::ClientLike;
use fred::types::{ClusterHash, CustomCommand};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use testkit::{Answer, PostgresServer, TestDatabase};
use uuid::Uuid;

use crate::school::{School, eventually, id};
use crate::stand_in::StandIn;
use crate::webhooks::{captured, razorpay, variables};

const CLIENTS: u64 = 8;

/// A small generator: the same course every time.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1))
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn amount(&mut self) -> i64 {
        i64::try_from(1 + self.roll(400)).unwrap()
    }

    fn pick<'v, T>(&mut self, from: &'v [T]) -> Option<&'v T> {
        if from.is_empty() { None } else { from.get(usize::try_from(self.roll(from.len() as u64)).unwrap()) }
    }
}

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Payments over the counter: key and body, and the answer.
    paid: Vec<(String, Value, Value)>,
    /// Refunds over the counter, by id.
    refunded: HashMap<String, i64>,
    /// Online payments whose capture was taken.
    captured: HashSet<String>,
    invoices: Vec<Value>,
    structures: Vec<String>,
    done: usize,
}

struct Office {
    school: School,
    told: Mutex<Told>,
    until: Instant,
}

/// Sends it until it is answered for good: no answer and "later" leave open whether it was done.
async fn surely(dice: &mut Dice, send: impl AsyncFn() -> Answer) -> Answer {
    let give_up = Instant::now() + Duration::from_secs(90);
    loop {
        // One in five hangs up in the middle.
        let patience = if dice.roll(5) == 0 { dice.roll(40) } else { 60_000 };
        let answer = tokio::time::timeout(Duration::from_millis(patience), send()).await.ok();
        let later = |answer: &Answer| answer.status == 503 || answer.body["type"].as_str().is_some_and(|kind| kind.ends_with("in-flight"));
        match answer {
            Some(answer) if !later(&answer) => return answer,
            answer => assert!(Instant::now() < give_up, "no answer for a minute and a half: {answer:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20 + dice.roll(80))).await;
    }
}

impl Office {
    fn invoice(&self, dice: &mut Dice) -> Option<Value> {
        dice.pick(&self.told.lock().unwrap().invoices).cloned()
    }

    /// Whatever it is: refused, late or done, but no fault of the service's own.
    fn fine(answer: &Answer) {
        assert!(matches!(answer.status, 200..=204 | 404 | 409 | 412 | 422 | 503), "{}: {:#}", answer.status, answer.body);
    }

    /// Does something to what has an `ETag`; or hangs up.
    async fn act(&self, dice: &mut Dice, path: &str, verb: &str, body: &Value) {
        let who = if verb == "waive" { &self.school.head } else { &self.school.office };
        let seen = who.get(path).await;
        Self::fine(&seen);
        let patience = if dice.roll(5) == 0 { dice.roll(40) } else { 60_000 };
        let (path, etag) = (format!("{path}/{verb}"), seen.etag());
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(patience), who.post_if(&path, &etag, body)).await {
            // Without the ETag of a failed read it is 400 or 428.
            assert!(seen.status != 200 || !matches!(answer.status, 400 | 428), "{:#}", answer.body);
            if seen.status == 200 {
                Self::fine(&answer);
            }
        }
    }

    async fn pay(&self, dice: &mut Dice) -> Option<Value> {
        let invoice = self.invoice(dice)?;
        let (key, amount) = (Uuid::now_v7().to_string(), dice.amount());
        let mut body = json!({"invoice_id": invoice["id"], "amount_minor": amount, "currency": "INR", "method": "cash"});
        let with = match dice.roll(4) {
            // A reference that is taken may come again: the payment is refused after it had its receipt number.
            0 => json!({"method": "upi", "reference": format!("UTR{}", dice.roll(60))}),
            1 => json!({"method": "cheque", "cheque": {"number": dice.roll(80).to_string(), "bank": "Bank", "date": self.school.day(0)}}),
            _ => json!({}),
        };
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        let answer = surely(dice, async || self.school.office.post_once("/api/v1/payments", &key, &body).await).await;
        Self::fine(&answer);
        (answer.status == 201).then(|| {
            self.told.lock().unwrap().paid.push((key, body, answer.body.clone()));
            answer.body
        })
    }

    async fn refund(&self, dice: &mut Dice) {
        let payment = dice.pick(&self.told.lock().unwrap().paid).map(|(_, _, payment)| id(payment));
        let Some(payment) = payment else { return };
        let (key, body) = (Uuid::now_v7().to_string(), json!({"amount_minor": dice.amount(), "method": "cash", "reason": "x"}));
        let path = format!("/api/v1/payments/{payment}/refunds");
        let answer = surely(dice, async || self.school.office.post_once(&path, &key, &body).await).await;
        Self::fine(&answer);
        if answer.status == 201 {
            self.told.lock().unwrap().refunded.insert(id(&answer.body), answer.body["amount_minor"].as_i64().unwrap());
        }
    }

    /// An order, its webhook as often as it takes, and perhaps a refund through the provider.
    async fn online(&self, dice: &mut Dice) {
        let Some(invoice) = self.invoice(dice) else { return };
        let key = Uuid::now_v7().to_string();
        let body = json!({"invoice_id": invoice["id"], "provider": "razorpay", "amount_minor": dice.amount()});
        let order = surely(dice, async || self.school.office.post_once("/api/v1/payments/orders", &key, &body).await).await;
        Self::fine(&order);
        if order.status != 201 {
            return;
        }
        let (payment, event) = (order.body["payment_id"].as_str().unwrap().to_owned(), Uuid::now_v7().to_string());
        let told = captured("payment.captured", &order.body, &format!("pay_{payment}"), &order.body["amount_minor"], "INR");
        for _ in 0..=dice.roll(3) {
            let answer = surely(dice, async || razorpay(&self.school, &event, &told).await).await;
            assert_eq!(answer.status, 200, "{:#}", answer.body);
        }
        self.told.lock().unwrap().captured.insert(payment.clone());
        if dice.roll(3) == 0 {
            let (key, body) = (Uuid::now_v7().to_string(), json!({"amount_minor": 1, "reason": "x"}));
            let path = format!("/api/v1/payments/{payment}/refunds");
            Self::fine(&surely(dice, async || self.school.office.post_once(&path, &key, &body).await).await);
        }
    }

    async fn bill(&self, dice: &mut Dice) {
        let student = if dice.roll(2) == 0 { self.school.student_id } else { self.school.classmate_id };
        let (key, body) = (
            Uuid::now_v7().to_string(),
            json!({"student_id": student, "period": "Excursion", "currency": "INR", "due_on": self.school.day(-5), "issue": true,
                "charges": [{"head": "Excursion", "amount_minor": 500 + dice.amount(), "tax_basis_points": dice.roll(2_000)}]}),
        );
        let made = surely(dice, async || self.school.office.post_once("/api/v1/invoices", &key, &body).await).await.expect(201);
        self.told.lock().unwrap().invoices.push(made);
    }

    async fn something(&self, dice: &mut Dice) {
        let amount = dice.amount();
        match dice.roll(16) {
            0..=4 => drop(self.pay(dice).await),
            5 => {
                if let Some(payment) = self.pay(dice).await {
                    let path = format!("/api/v1/payments/{}", id(&payment));
                    match dice.roll(3) {
                        0 => self.act(dice, &path, "clear", &json!({"cleared_on": self.school.day(0)})).await,
                        _ => self.act(dice, &path, "bounce", &json!({"reason": "x"})).await,
                    }
                }
            }
            6 | 7 => self.refund(dice).await,
            8 | 9 => self.online(dice).await,
            10 | 11 => self.bill(dice).await,
            12 => {
                let structure = dice.pick(&self.told.lock().unwrap().structures).cloned().unwrap();
                let body = json!({"fee_structure_id": structure, "instalment": 1 + dice.roll(2), "issue": true});
                Self::fine(&self.school.office.post("/api/v1/invoices/generate", &body).await);
            }
            verb => {
                let Some(invoice) = self.invoice(dice) else { return };
                let path = format!("/api/v1/invoices/{}", id(&invoice));
                match verb {
                    13 => self.act(dice, &path, "waive", &json!({"amount_minor": amount, "reason": "x"})).await,
                    14 => self.act(dice, &path, "fine", &json!({"amount_minor": amount, "description": "x"})).await,
                    _ if dice.roll(2) == 0 => self.act(dice, &path, "apply-credit", &json!({})).await,
                    _ => self.act(dice, &path, "cancel", &json!({"reason": "x", "to_credit": true})).await,
                }
            }
        }
        self.told.lock().unwrap().done += 1;
    }

    async fn client(&self, seed: u64) {
        let mut dice = Dice::new(seed);
        while Instant::now() < self.until {
            self.something(&mut dice).await;
        }
    }

    /// Cuts connections, and kills PostgreSQL at least once.
    async fn crash(&self, server: &PostgresServer, seed: u64) -> usize {
        let mut dice = Dice::new(seed);
        let (mut crashes, mut killed) = (0, false);
        while Instant::now() < self.until {
            tokio::time::sleep(Duration::from_millis(100 + dice.roll(700))).await;
            let roll = dice.roll(12);
            if roll == 0 || (!killed && self.until.saturating_duration_since(Instant::now()) < Duration::from_secs(3)) {
                killed = true;
                server.kill().await;
                tokio::time::sleep(Duration::from_millis(dice.roll(500))).await;
                server.launch().await;
            } else if roll < 4 {
                let kill = CustomCommand::new_static("CLIENT", ClusterHash::FirstKey, false);
                let _: Result<i64, _> = self.school.fleet.platform.redis().custom(kill, vec!["KILL", "TYPE", "normal"]).await;
            } else if let Ok(mut connection) = PgConnection::connect(&server.url()).await {
                let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND random() < 0.5";
                let cut = cut.replace("{}", self.school.fleet.database.name());
                let _ = sqlx::query(AssertSqlSafe(cut)).execute(&mut connection).await;
            }
            crashes += 1;
        }
        crashes
    }
}

// How long, and which course, is for whoever runs it to say.
#[allow(clippy::disallowed_methods)]
fn asked(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

#[tokio::test]
async fn the_ledger_balances_after_random_operations_while_stores_are_killed() {
    course(asked("FEE_RANDOM_SECONDS", 6), asked("FEE_RANDOM_SEED", 1)).await;
}

#[tokio::test]
#[ignore = "takes an hour"]
async fn the_ledger_balances_after_a_random_hour_in_which_stores_are_killed() {
    course(asked("FEE_RANDOM_SECONDS", 3_600), asked("FEE_RANDOM_SEED", 2)).await;
}

async fn course(seconds: u64, seed: u64) {
    let (server, provider) = (PostgresServer::start().await, StandIn::start().await);
    let mut settings = variables(&provider).to_vec();
    settings.extend([("EVENTS_CLAIM_AFTER", "2"), ("JWT_EXPIRY_HOURS", "24")]);
    let school = School::open_on(TestDatabase::create_on(&server.url()).await, &settings).await;
    let structures = vec![school.structure("First").await, school.structure("Second").await];
    let mut invoices = Vec::new();
    for n in 0..10 {
        invoices.push(school.invoice(if n % 2 == 0 { school.student_id } else { school.classmate_id }, 2_000).await);
    }
    let told = Mutex::new(Told { invoices, structures, ..Told::default() });
    let office = Office { school, told, until: Instant::now() + Duration::from_secs(seconds) };
    let clients = join_all((0..CLIENTS).map(|client| office.client(seed * 1_000 + client)));
    let (_, crashes) = tokio::join!(clients, office.crash(&server, seed));
    let Office { school, told, .. } = office;
    let told = told.into_inner().unwrap();
    // What a course came to, for whoever runs a long one.
    #[allow(clippy::print_stdout)]
    {
        println!(
            "seed {seed}: {} operations, {} payments, {} refunds over the counter, {} online, {crashes} crashes",
            told.done,
            told.paid.len(),
            told.refunded.len(),
            told.captured.len()
        );
    }
    assert!(told.done > 20 && told.paid.len() > 5 && crashes > 2, "something happened");

    // What was left to workers is done by those who came back.
    let pending = "SELECT count(*) FROM refunds WHERE status = 'pending'";
    let unfinished = "SELECT count(*) FROM jobs WHERE finished_at IS NULL";
    let open = async || (school.count(pending).await, school.count(unfinished).await);
    let left = eventually(open, |left| *left == (0, 0)).await;
    for group in ["fee-charges", "fee-runs", "fee-refunds", "fee-payments"] {
        let range = CustomCommand::new_static("XRANGE", ClusterHash::FirstKey, false);
        let put_aside: Vec<fred::types::Value> =
            school.fleet.platform.redis().custom(range, vec![format!("events_dead:{group}").as_str(), "-", "+"]).await.unwrap();
        assert!(put_aside.is_empty(), "{left:?} refunds and runs are open, and {group} gave up on {}: {put_aside:?}", put_aside.len());
    }
    assert_eq!(left, (0, 0), "refunds or runs are left behind");
    assert_eq!(school.count("SELECT count(*) FROM jobs WHERE status <> 'succeeded'").await, 0, "a run failed");

    let mut superuser = school.fleet.database.superuser().await;
    let rows: Vec<(Uuid, i64, Option<i64>, bool)> =
        sqlx::query_as("SELECT id, amount_minor, receipt_number, provider IS NOT NULL FROM payments WHERE receipt_number IS NOT NULL")
            .fetch_all(&mut superuser)
            .await
            .unwrap();
    let kept: HashMap<String, (i64, Option<i64>)> = rows.iter().map(|row| (row.0.to_string(), (row.1, row.2))).collect();
    for (_, _, answer) in &told.paid {
        let was = (answer["amount_minor"].as_i64().unwrap(), answer["receipt_number"].as_i64());
        assert_eq!(kept.get(&id(answer)), Some(&was), "an acknowledged payment");
    }
    let by_hand = rows.iter().filter(|row| !row.3).count();
    assert_eq!(by_hand, told.paid.len(), "each key is one payment");
    let online: HashSet<String> = rows.iter().filter(|row| row.3).map(|row| row.0.to_string()).collect();
    assert_eq!(online, told.captured, "each captured order is one payment");
    let back: Vec<(Uuid, i64)> =
        sqlx::query_as("SELECT id, amount_minor FROM refunds WHERE method = 'cash'").fetch_all(&mut superuser).await.unwrap();
    assert_eq!(back.into_iter().map(|(id, amount)| (id.to_string(), amount)).collect::<HashMap<_, _>>(), told.refunded);
    for (key, body, answer) in told.paid.iter().rev().take(10) {
        let again = school.office.post_once("/api/v1/payments", key, body).await;
        assert_eq!((again.status, id(&again.body)), (201, id(answer)), "the same key is the same payment");
    }
    let run_twice = "SELECT count(*) FROM (SELECT FROM invoices WHERE status <> 'cancelled' AND fee_structure_id IS NOT NULL
        GROUP BY school_id, fee_structure_id, student_id, period HAVING count(*) > 1) t";
    assert_eq!(school.count(run_twice).await, 0);
    // The service's own session may still be on a connection that was cut.
    eventually(async || school.fleet.platform.postgres(ServiceName::Fee).school_read(school.school).await.is_ok(), |up| *up).await;
    school.books_agree().await;
}

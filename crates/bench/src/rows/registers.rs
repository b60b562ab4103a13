//! Marking registers of 40: each acknowledged by Redis as one write, against the same route committing its rows to PostgreSQL.

use anyhow::{Context, ensure};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use domain::{Clock, SystemClock};
use serde_json::{Value, json};

use super::Outcome;
use crate::bench::Bench;
use crate::figures::{Finding, Goal, Samples, Unit, ratios};
use crate::load::{Spec, Template};
use crate::schools::{LARGE, LARGE_CLASSES, Large, answer, log_in_large};
use crate::server::Server;
use crate::sides::Side;

/// Registers of each class: every lesson of a day has one.
const PERIODS: u32 = 80;
const CONNECTIONS: usize = 64;

pub(super) async fn run(bench: &Bench) -> anyhow::Result<Outcome> {
    let (classes, periods) = if bench.smoke { (2, 3) } else { (LARGE_CLASSES, PERIODS) };
    let auth = bench.serve("auth", &["serve", "--services", "auth"], &[]).await?;
    let school = log_in_large(auth.address, classes, 0).await?;
    auth.stop().await?;
    let buffered = bench.service("attendance", "registers-buffered", "buffered").await?;
    let through = bench.service("attendance", "registers-through", "through").await?;
    let requests = requests(&buffered, &school, periods).await?;
    let count = requests.len();
    let (mut first, mut second) = (Side::new("registers of 40: buffered"), Side::new("registers of 40: through PostgreSQL"));
    let mut catch_up = Samples::default();
    for round in 0..bench.rounds {
        for buffers in if round % 2 == 0 { [true, false] } else { [false, true] } {
            let (side, server) = if buffers { (&mut first, &buffered) } else { (&mut second, &through) };
            // Everybody's rules and rosters are at hand, as they are on any morning but the first.
            let spec = Spec::each_once(server.address, CONNECTIONS, 120.0, 201, requests.clone());
            side.measure(&bench.stores, server, &spec).await?;
            if buffers {
                catch_up.push(bench.stores.until_saved_of("attendance").await?.as_secs_f64());
            }
            let mut connection = bench.stores.superuser().await?;
            let saved: (i64, i64) =
                sqlx::query_as("SELECT (SELECT count(*) FROM attendance_sessions), (SELECT count(*) FROM attendance_records)")
                    .fetch_one(&mut connection)
                    .await?;
            let expected = i64::try_from(count)?;
            ensure!(
                saved == (expected, expected * i64::from(LARGE / LARGE_CLASSES)),
                "{count} registers were marked, and saved are {saved:?}"
            );
            bench.stores.clear().await?;
        }
    }
    buffered.stop().await?;
    through.stop().await?;
    let findings = vec![
        Finding::new(
            "registers of 40: registers/s against PostgreSQL",
            Goal::AtLeast(2.5),
            Unit::Times,
            ratios(&first.per_second, &second.per_second),
        ),
        Finding::new("registers of 40: p99 against PostgreSQL", Goal::AtMost(0.5), Unit::Times, ratios(&first.p99, &second.p99)),
    ];
    let notes = vec![format!(
        "registers: {count} registers of {} students, each marked once, over {CONNECTIONS} connections; each is one PUT with every student's mark. After each turn all registers and \
         all marks are counted in PostgreSQL; the buffered ones were all there {:.2} s after the last answer.",
        LARGE / LARGE_CLASSES,
        catch_up.median(),
    )];
    Ok(Outcome { findings, sides: vec![first, second], notes })
}

/// The last day that is not a Saturday or Sunday.
fn school_day() -> Option<NaiveDate> {
    let today = SystemClock.now().date_naive();
    (0..3).filter_map(|days| today.checked_sub_days(Days::new(days))).find(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))
}

/// Neighbouring requests are of different classes, as of teachers who mark at the same time.
async fn requests(server: &Server, school: &Large, periods: u32) -> anyhow::Result<Vec<Template>> {
    let day = school_day().context("a week without school")?;
    let mut requests = Vec::new();
    for period in 0..periods {
        for teacher in &school.teachers {
            let list = format!("/api/v1/attendance/sheet?class_id={}&held_on={day}&period={period}", teacher.class);
            let sheet = answer(server.address, &Template::new("GET", list, Some(&teacher.token)), 200).await?;
            let register = sheet.get("session_id").and_then(Value::as_str).context("a class list without a register")?;
            let students = sheet.get("rows").and_then(Value::as_array).context("a class list without students")?;
            let mark = |(number, row): (usize, &Value)| {
                let student = row.get("student_id").cloned().unwrap_or_default();
                // On most days one or two are missing, and one comes late.
                match number % 20 {
                    7 => json!({"student_id": student, "code": "A"}),
                    13 => json!({"student_id": student, "code": "L", "minutes_late": 12, "note": "The bus was late"}),
                    _ => json!({"student_id": student, "code": "P"}),
                }
            };
            let records: Vec<Value> = students.iter().enumerate().map(mark).collect();
            let body = json!({"register": {"class_id": teacher.class, "held_on": day, "period": period}, "records": records});
            let path = format!("/api/v1/attendance/sessions/{register}/records");
            requests.push(Template::new("PUT", path, Some(&teacher.token)).header("If-None-Match", "*").body(&body));
        }
    }
    Ok(requests)
}

//! The schools of a round: put into the tables directly, and logged in over HTTP, before anything goes wrong.

use anyhow::{Context, bail};
use domain::{Partition, SchoolId};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::Arena;

/// Schools of a round.
const SCHOOLS: usize = 3;
const TEACHERS: usize = 2;
const STUDENTS: usize = 2;

const PASSWORD: &str = "correct horse";
/// Its bcrypt hash at the lowest cost: logging in is not what is tested.
const HASH: &str = "$2b$04$kgvCQfpcKLLosX.Z7Uu5ieJcPn9gJaTr4cNpv/C.YZ0aEcQfPq.QO";
const SQL: &str = include_str!("school.sql");

/// A school with everybody logged in.
#[derive(Debug, Clone)]
pub(crate) struct School {
    pub(crate) id: Uuid,
    pub(crate) class: Uuid,
    /// Access tokens.
    pub(crate) teachers: Vec<String>,
    pub(crate) students: Vec<String>,
}

impl School {
    pub(crate) fn partition(&self) -> Partition {
        Partition::of(SchoolId::from_uuid(self.id))
    }
}

/// Makes the schools of a round. Their ids come from its seed, so that a replay uses the same partitions.
pub(crate) async fn open(arena: &Arena, random: &mut ChaCha8Rng) -> anyhow::Result<Vec<School>> {
    let mut connection = arena.superuser().await?;
    let mut schools: Vec<School> = Vec::new();
    while schools.len() < SCHOOLS {
        let id = uuid(random);
        let partition = Partition::of(SchoolId::from_uuid(id));
        // Two of them share a partition, every other time.
        if schools.len() == 1 && schools.iter().all(|school| school.partition() != partition) && random.random_bool(0.97) {
            continue;
        }
        let class = uuid(random);
        insert(&mut connection, id, class).await?;
        schools.push(School { id, class, teachers: Vec::new(), students: Vec::new() });
    }
    for school in &mut schools {
        for n in 0..TEACHERS {
            school.teachers.push(log_in(arena, &format!("teacher-{n}@{}.example", school.id)).await?);
        }
        for n in 0..STUDENTS {
            school.students.push(log_in(arena, &format!("student-{n}@{}.example", school.id)).await?);
        }
    }
    Ok(schools)
}

fn uuid(random: &mut ChaCha8Rng) -> Uuid {
    uuid::Builder::from_random_bytes(random.random()).into_uuid()
}

async fn insert(connection: &mut PgConnection, school: Uuid, class: Uuid) -> anyhow::Result<()> {
    let mut sql = SQL.to_owned();
    let values = [
        (":school", school.to_string()),
        (":class", class.to_string()),
        (":teachers", TEACHERS.to_string()),
        (":students", STUDENTS.to_string()),
        (":hash", HASH.to_owned()),
    ];
    for (name, value) in values {
        sql = sql.replace(name, &value);
    }
    // One simple query is one transaction.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.context("a school")?;
    Ok(())
}

async fn log_in(arena: &Arena, email: &str) -> anyhow::Result<String> {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = arena.http().post(format!("{}/api/v1/auth/login", arena.url(0))).json(&body).send().await?;
    let status = answer.status();
    let answer: Value = answer.json().await?;
    match answer.get("access_token").and_then(Value::as_str) {
        Some(token) => Ok(token.to_owned()),
        None => bail!("logging in was answered {status}: {answer}"),
    }
}

//! Attacks at the database itself, with a service's own rights: what a service refuses over HTTP its tables refuse too.

use domain::{SchoolId, ServiceName};
use service_kit::Platform;
use sqlx::{AssertSqlSafe, PgConnection};
use store::StoreError;

use crate::{Answer, TestDatabase};

/// A service's rights in a school, to do harm with.
#[derive(Clone, Copy)]
pub struct Attacker<'a> {
    platform: &'a Platform,
    service: ServiceName,
    school: SchoolId,
}

impl<'a> Attacker<'a> {
    /// Acts as `service` in `school`.
    #[must_use]
    pub const fn new(platform: &'a Platform, service: ServiceName, school: SchoolId) -> Self {
        Self { platform, service, school }
    }

    /// Runs `sql` and commits. Of many at once each waits until a connection is free.
    pub async fn attempt(self, sql: &str) -> Result<(), StoreError> {
        let mut transaction = loop {
            match self.platform.postgres(self.service).school(self.school).await {
                Err(StoreError::Unavailable(_)) => {}
                begun => break begun?,
            }
        };
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(transaction.connection()?).await?;
        transaction.commit().await
    }

    /// Runs `sql`, which `rule` must refuse.
    pub async fn refused(self, rule: &str, sql: &str) {
        let error = self.attempt(sql).await.expect_err(rule);
        assert_eq!(error.constraint(), Some(rule), "{error}\n{sql}");
    }

    /// Runs `sql`, for which the service's role has no right.
    pub async fn forbidden(self, sql: &str) {
        let outcome = self.attempt(sql).await;
        assert!(matches!(outcome, Err(StoreError::NotPermitted(_))), "{outcome:?}\n{sql}");
    }
}

impl TestDatabase {
    /// The one number that `query` selects, over all schools.
    pub async fn count(&self, query: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(query.to_owned())).fetch_one(&mut self.superuser().await).await.expect(query)
    }

    /// Runs `statement` over all schools, rules that are for services only left aside.
    pub async fn sql(&self, statement: &str) {
        sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut self.superuser().await).await.expect(statement);
    }

    /// Checks that each of `rules` is the name of a constraint, of a unique index, or of what a trigger raises: else what a service says of it is never said.
    pub async fn has_rules(&self, rules: impl IntoIterator<Item = &str>) {
        let connection: &mut PgConnection = &mut self.superuser().await;
        for rule in rules {
            let known: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM (SELECT conname::text AS name FROM pg_constraint UNION SELECT relname::text FROM pg_class WHERE relkind = 'i'
                    UNION SELECT (regexp_matches(prosrc, 'CONSTRAINT = ''([a-z_]+)''', 'g'))[1] FROM pg_proc) n WHERE name = $1)",
            )
            .bind(rule)
            .fetch_one(&mut *connection)
            .await
            .expect("the catalogue");
            assert!(known, "{rule}");
        }
    }
}

/// The statuses of answers, in their order.
#[must_use]
pub fn statuses(answers: &[Answer]) -> Vec<u16> {
    answers.iter().map(|answer| answer.status).collect()
}

/// How many of the answers have `status`.
#[must_use]
pub fn count(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

//! Which schools an import is for, and one school's transaction.

use std::collections::HashMap;

use domain::{EventKind, SchoolId, Timestamp};
use oneroster::{Bundle, FileKind, OrgType, SchoolRoster};
use serde_json::json;
use sqlx::PgConnection;
use store::{Postgres, SchoolTransaction, StoreError};
use uuid::Uuid;

use super::log::at;
use super::logins::Met;
use super::report::{Counts, ImportReport, ImportWarning, Outcome, SchoolReport};
use super::work::{Stop, Work};
use super::{ImportError, ImportOptions, Scope};

/// How often a school is tried when its transaction loses against another import's.
const ATTEMPTS: usize = 3;

/// Longer than a service's everyday limits: a queue of imports moves slowly.
const PATIENCE: &str =
    "SET LOCAL lock_timeout = '100s'; SET LOCAL statement_timeout = '120s'; SET LOCAL idle_in_transaction_session_timeout = '120s'";

/// The rosters that the scope allows, bundle order.
pub(super) async fn choose<'b>(
    postgres: &Postgres,
    bundle: &Bundle,
    rosters: &'b [SchoolRoster<'b>],
    scope: &Scope,
    report: &mut ImportReport,
) -> Result<Vec<&'b SchoolRoster<'b>>, ImportError> {
    let Scope::Own { school, org } = scope else {
        let closed = bundle.orgs.iter().filter(|org| org.kind == OrgType::School && !org.is_active()).count();
        if closed > 0 {
            let message = "schools of status tobedeleted are left as they are: deactivate them by hand";
            report.warnings.push(ImportWarning::of_file(FileKind::Orgs.file_name(), message, closed));
        }
        return Ok(rosters.iter().collect());
    };
    let mut transaction = postgres.platform().await?;
    let bound: Option<Option<String>> = sqlx::query_scalar("SELECT source_id FROM schools WHERE id = $1")
        .bind(school.as_uuid())
        .fetch_optional(transaction.connection()?)
        .await?;
    transaction.rollback().await?;
    let held = || rosters.iter().map(|roster| roster.org.sourced_id.clone()).collect::<Vec<_>>();
    let wanted = match (bound.ok_or(ImportError::NoSchool)?, org) {
        (Some(bound), Some(named)) if bound != *named => return Err(ImportError::Bound),
        (Some(bound), _) => bound,
        (None, Some(named)) => named.clone(),
        (None, None) => match rosters {
            [only] => only.org.sourced_id.clone(),
            [] => return Err(ImportError::NotInBundle(Vec::new())),
            _ => return Err(ImportError::Ambiguous(held())),
        },
    };
    let own = rosters.iter().find(|roster| roster.org.sourced_id == wanted).ok_or_else(|| ImportError::NotInBundle(held()))?;
    if rosters.len() > 1 {
        let message = "other schools of the bundle were left out: this import is for one school";
        report.warnings.push(ImportWarning::of_file(FileKind::Orgs.file_name(), message, rosters.len() - 1));
    }
    Ok(vec![own])
}

/// Imports one school, or leaves it as it is.
pub(super) async fn import(
    postgres: &Postgres,
    bundle: &Bundle,
    roster: &SchoolRoster<'_>,
    options: &ImportOptions,
    met: &mut Met,
    warnings: &mut Vec<ImportWarning>,
) -> Result<SchoolReport, ImportError> {
    let mut attempt = 1;
    loop {
        match once(postgres, bundle, roster, options, met, warnings).await {
            Err(ImportError::Store(StoreError::Serialization(source))) if attempt < ATTEMPTS && !is_timeout(&source) => attempt += 1,
            outcome => return outcome,
        }
    }
}

/// A lock that was waited for in vain. Everything else of its kind is over at once, and worth another try.
fn is_timeout(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(sqlx::error::DatabaseError::code).is_some_and(|code| code == "55P03")
}

async fn once(
    postgres: &Postgres,
    bundle: &Bundle,
    roster: &SchoolRoster<'_>,
    options: &ImportOptions,
    met: &mut Met,
    warnings: &mut Vec<ImportWarning>,
) -> Result<SchoolReport, ImportError> {
    let own = match &options.schools {
        Scope::All => None,
        Scope::Own { school, .. } => Some(*school),
    };
    let (mut transaction, exists) = open(postgres, &roster.org.sourced_id, own).await?;
    let school = transaction.school_id();
    let report = SchoolReport::new(school, roster.org.sourced_id.clone(), roster.org.name.clone());
    let mut here = met.clone();
    let mut work = Work::new(transaction.connection()?, school.as_uuid(), own.is_none(), bundle, roster, report);
    let outcome = match work.put_school(exists, own.is_some()).await {
        Ok(()) => work.run(&mut here).await,
        stopped => stopped,
    };
    let Work { log, report, .. } = work;
    warnings.extend(log.warnings);
    match outcome {
        Err(Stop::Store(error)) => return Err(error.into()),
        Err(Stop::Faults) => {
            transaction.rollback().await?;
            let refused = SchoolReport::new(school, report.source_id, report.name);
            return Ok(SchoolReport { outcome: Outcome::Refused, faults: log.faults, total_faults: log.total, ..refused });
        }
        Ok(()) => {}
    }
    if options.dry_run {
        transaction.rollback().await?;
    } else {
        end_sessions(&mut transaction, school).await?;
        if report.moved() {
            announce(&mut transaction, &report, options).await?;
        }
        transaction.commit().await?;
    }
    *met = here;
    Ok(report)
}

/// Opens the school's transaction and waits for its turn. Whether the school exists.
async fn open(postgres: &Postgres, source: &str, own: Option<SchoolId>) -> Result<(SchoolTransaction, bool), ImportError> {
    loop {
        let school = if let Some(school) = own {
            school
        } else {
            let mut platform = postgres.platform().await?;
            let found = holder(platform.connection()?, source).await?;
            platform.rollback().await?;
            found.unwrap_or_else(SchoolId::generate)
        };
        let mut transaction = postgres.school(school).await?;
        let connection = transaction.connection()?;
        sqlx::raw_sql(PATIENCE).execute(&mut *connection).await?;
        sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('roster:' || $1, 0))").bind(source).execute(&mut *connection).await?;
        match (holder(connection, source).await?, own) {
            (Some(holder), _) if holder == school => return Ok((transaction, true)),
            (None, own) => return Ok((transaction, own.is_some())),
            (Some(_), Some(_)) => return Err(ImportError::Bound),
            // Another import made the school while this one waited.
            (Some(_), None) => transaction.rollback().await?,
        }
    }
}

async fn holder(connection: &mut PgConnection, source: &str) -> Result<Option<SchoolId>, sqlx::Error> {
    let found: Option<Uuid> =
        sqlx::query_scalar("SELECT id FROM schools WHERE source_id = $1").bind(source).fetch_optional(connection).await?;
    Ok(found.map(SchoolId::from_uuid))
}

async fn announce(transaction: &mut SchoolTransaction, report: &SchoolReport, options: &ImportOptions) -> Result<(), ImportError> {
    let now: Timestamp = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(transaction.connection()?).await?;
    let moved = |counts: Counts| json!({ "created": counts.created, "changed": counts.changed, "removed": counts.removed });
    let data = json!({
        "source_id": report.source_id,
        "students": moved(report.students),
        "teachers": moved(report.teachers),
        "classes": moved(report.classes),
        "enrollments": moved(report.enrollments),
    });
    let school = report.school_id;
    let event = events::envelope(EventKind::RosterImported, school, options.actor, school.as_uuid(), now, &data)
        .map_err(events::outbox::OutboxError::from)?;
    events::outbox::enqueue(&*transaction, &event).await?;
    Ok(())
}

/// Ends the sessions in roles that the import has taken away. What it has not ended at once in Redis, the revocation task finds within a minute.
async fn end_sessions(transaction: &mut SchoolTransaction, school: SchoolId) -> Result<(), ImportError> {
    sqlx::query(
        "UPDATE sessions s SET revoked_at = now(), revoke_reason = 'a roster took the role away' FROM memberships m
         WHERE m.school_id = $1 AND NOT (m.is_active AND m.status = 'active')
           AND s.user_id = m.user_id AND s.school_id = m.school_id AND s.role = m.role AND s.revoked_at IS NULL",
    )
    .bind(school.as_uuid())
    .execute(transaction.connection()?)
    .await?;
    Ok(())
}

impl Work<'_> {
    /// The school's own row. Its name is the operator's business: a school's office imports people, and renames nothing.
    async fn put_school(&mut self, exists: bool, office: bool) -> Result<(), Stop> {
        let org = self.roster.org;
        if org.name.chars().count() > 200 || org.sourced_id.chars().count() > 200 {
            // Said with all the other faults.
            return Ok(());
        }
        self.report.school = Counts { unchanged: 1, ..Counts::default() };
        if exists {
            // An office does not bind its school to an org: it could claim the org of another school, whose people the operator's next import
            // would then put here.
            if office {
                return Ok(());
            }
            let sql =
                "UPDATE schools SET name = $3, version = version + 1, updated_at = now() WHERE id = $1 AND name <> $3 AND source_id = $2";
            let renamed = sqlx::query(sql).bind(self.school).bind(&org.sourced_id).bind(&org.name).execute(&mut *self.connection).await?;
            if renamed.rows_affected() > 0 {
                self.report.school = Counts { changed: 1, ..Counts::default() };
            }
            return Ok(());
        }
        let code = self.free_code(&[org.identifier.as_deref().unwrap_or_default(), &org.sourced_id]).await?;
        let Some(code) = code else {
            self.log.fault(
                at(FileKind::Orgs, org.line),
                Some("identifier"),
                "can't become the school's code, and neither can the sourcedId",
            );
            return Err(Stop::Faults);
        };
        let query = sqlx::query("INSERT INTO schools (id, name, code, source_id) VALUES ($1, $2, $3, $4)");
        query.bind(self.school).bind(&org.name).bind(&code).bind(&org.sourced_id).execute(&mut *self.connection).await?;
        self.report.school = Counts { created: 1, ..Counts::default() };
        Ok(())
    }

    /// The first candidate that no school has, with a number behind it if all are taken.
    async fn free_code(&mut self, candidates: &[&str]) -> Result<Option<String>, Stop> {
        let mut codes: Vec<String> = candidates.iter().filter_map(|candidate| code(candidate)).collect();
        let more: Vec<String> = codes.first().map(|first| (2..100).map(|n| format!("{first}-{n}")).collect()).unwrap_or_default();
        codes.extend(more);
        let taken: Vec<(String, i32)> =
            sqlx::query_as("SELECT code, 1 FROM schools WHERE code = ANY ($1)").bind(&codes).fetch_all(&mut *self.connection).await?;
        let taken: HashMap<String, i32> = taken.into_iter().collect();
        Ok(codes.into_iter().find(|code| !taken.contains_key(code)))
    }
}

/// The text as a school's code: letters, digits, dots, dashes and underscores, beginning with a letter or digit.
fn code(text: &str) -> Option<String> {
    let plain: String = text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' }).collect();
    let plain: String = plain.trim_start_matches(['-', '.', '_']).chars().take(60).collect();
    Some(plain).filter(|code| !code.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_made_of_whatever_the_org_is_called() {
        assert_eq!(code("10001").as_deref(), Some("10001"));
        assert_eq!(code("{st 4/7}").as_deref(), Some("st-4-7-"));
        assert_eq!(code("школа"), None);
        assert_eq!(code(&"x".repeat(200)).map(|code| code.len()), Some(60));
    }
}

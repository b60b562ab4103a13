//! Whether an account opens other schools too.
//!
//! Row security shows a school's transaction only the memberships of that school, save those of the user who is logging in. So the question is asked as each of
//! the users, one after the other but hundreds in one round trip, and the setting is cleared at the end.

use std::fmt::Write as _;

use sqlx::{AssertSqlSafe, PgConnection, Row};
use uuid::Uuid;

const AT_ONCE: usize = 200;

/// Those of `users` who are members of a school other than the transaction's.
pub(super) async fn used_elsewhere(connection: &mut PgConnection, users: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
    let mut found = Vec::new();
    for users in users.chunks(AT_ONCE) {
        let mut sql = String::new();
        for user in users {
            // UUIDs, so that writing them into the text is safe.
            let _ = write!(
                sql,
                "SELECT set_config('app.current_user', '{user}', true);
                 SELECT 'elsewhere {user}' WHERE EXISTS (SELECT FROM memberships WHERE user_id = '{user}' AND school_id <> current_school());"
            );
        }
        sql.push_str("SELECT set_config('app.current_user', '', true)");
        for row in sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut *connection).await? {
            // The settings answer too, with what they were set to.
            found.extend(row.try_get::<String, _>(0)?.strip_prefix("elsewhere ").and_then(|user| user.parse::<Uuid>().ok()));
        }
    }
    Ok(found)
}

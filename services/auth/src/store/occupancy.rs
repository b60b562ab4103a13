//! How full a class gets.

use chrono::NaiveDate;
use service_kit::Problem;
use store::{SchoolTransaction, StoreError};
use uuid::Uuid;

/// The days that are asked about, and whose enrolment doesn't count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stay {
    /// The first day.
    pub(crate) begin: NaiveDate,
    /// The last day, inclusive; none means for ever.
    pub(crate) end: Option<NaiveDate>,
    /// An enrolment to leave out.
    pub(crate) except: Option<Uuid>,
}

/// How many students the class has on the busiest of the days: it only gets busier on the first day and when somebody begins.
/// The class must be locked, or the answer is old when it arrives.
pub(crate) async fn busiest(transaction: &mut SchoolTransaction, class: Uuid, stay: Stay) -> Result<i64, Problem> {
    let school = transaction.school_id().as_uuid();
    let most: Option<i64> = sqlx::query_scalar(
        "WITH others AS ( \
             SELECT begin_date, end_date FROM enrollments \
             WHERE school_id = $1 AND class_id = $2 AND status = 'active' AND id IS DISTINCT FROM $5 \
               AND daterange(begin_date, end_date, '[]') && daterange($3, $4, '[]') \
         ), days AS (SELECT $3 AS day UNION SELECT begin_date FROM others WHERE begin_date >= $3) \
         SELECT max(n) FROM ( \
             SELECT count(*) AS n FROM days JOIN others ON others.begin_date <= day AND (others.end_date >= day OR others.end_date IS NULL) GROUP BY day \
         ) AS counted",
    )
    .bind(school)
    .bind(class)
    .bind(stay.begin)
    .bind(stay.end)
    .bind(stay.except)
    .fetch_one(transaction.connection()?)
    .await
    .map_err(StoreError::from)?;
    Ok(most.unwrap_or(0))
}

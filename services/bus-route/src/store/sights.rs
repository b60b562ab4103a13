//! Who may see which stops: what PostgreSQL knows about it.

use chrono::NaiveDate;
use domain::{BusRouteId, SchoolId, StaffId, StopId, StudentId, UserId};
use sqlx::PgConnection;
use sqlx::types::Json;
use store::StoreError;
use uuid::Uuid;

use super::plain;
use crate::model::progress::Course;
use crate::model::route::{Assignment, Direction};

/// The member of staff that a user is.
pub(crate) async fn staff_of(connection: &mut PgConnection, school: SchoolId, user: UserId) -> Result<Option<StaffId>, StoreError> {
    let query = sqlx::query_scalar("SELECT id FROM staff WHERE school_id = $1 AND user_id = $2 AND status = 'active'");
    let id: Option<Uuid> = query.bind(school.as_uuid()).bind(user.as_uuid()).fetch_optional(connection).await?;
    Ok(id.map(StaffId::from_uuid))
}

/// A run that somebody drives.
pub(crate) type Driven = (BusRouteId, Direction);

/// What a member of staff drives on that day: trips that are planned or run.
pub(crate) async fn driven_by(
    connection: &mut PgConnection,
    school: SchoolId,
    staff: StaffId,
    day: NaiveDate,
) -> Result<Vec<Driven>, StoreError> {
    let rows: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT route_id, direction FROM bus_trips
         WHERE school_id = $1 AND driver_staff_id = $2 AND (state = 'running' OR (state = 'planned' AND service_date = $3))",
    )
    .bind(school.as_uuid())
    .bind(staff.as_uuid())
    .bind(day)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(route, direction)| (route.into(), Direction::of(&direction))).collect())
}

/// The seats of a student that are held on `day` or later.
pub(crate) async fn seats_of(
    connection: &mut PgConnection,
    school: SchoolId,
    student: StudentId,
    day: NaiveDate,
) -> Result<Vec<Assignment>, StoreError> {
    let query = "SELECT to_jsonb(a) FROM bus_assignments a
        WHERE a.school_id = $1 AND a.student_id = $2 AND a.status = 'active' AND (a.end_date IS NULL OR a.end_date >= $3) ORDER BY a.begin_date, a.direction";
    let rows: Vec<Json<Assignment>> =
        sqlx::query_scalar(query).bind(school.as_uuid()).bind(student.as_uuid()).bind(day).fetch_all(connection).await?;
    Ok(plain(rows))
}

/// The routes on which `students` have seats on `day` or later, and their stops.
pub(crate) async fn places_of(
    connection: &mut PgConnection,
    school: SchoolId,
    students: &[StudentId],
    day: NaiveDate,
) -> Result<Vec<(BusRouteId, StopId)>, StoreError> {
    let students: Vec<Uuid> = students.iter().map(|student| student.as_uuid()).collect();
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT DISTINCT route_id, stop_id FROM bus_assignments
         WHERE school_id = $1 AND student_id = ANY ($2) AND status = 'active' AND (end_date IS NULL OR end_date >= $3)",
    )
    .bind(school.as_uuid())
    .bind(students)
    .bind(day)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(route, stop)| (route.into(), stop.into())).collect())
}

/// The stops of a run at which `students` have seats on that day.
pub(crate) async fn stops_on_trip(
    connection: &mut PgConnection,
    school: SchoolId,
    (route, direction): Driven,
    day: NaiveDate,
    students: &[StudentId],
) -> Result<Vec<StopId>, StoreError> {
    let students: Vec<Uuid> = students.iter().map(|student| student.as_uuid()).collect();
    let stops: Vec<Uuid> = sqlx::query_scalar(
        "SELECT DISTINCT stop_id FROM bus_assignments
         WHERE school_id = $1 AND route_id = $2 AND direction = $3 AND student_id = ANY ($4) AND status = 'active'
            AND begin_date <= $5 AND (end_date IS NULL OR end_date >= $5)",
    )
    .bind(school.as_uuid())
    .bind(route.as_uuid())
    .bind(direction.as_str())
    .bind(students)
    .bind(day)
    .fetch_all(connection)
    .await?;
    Ok(stops.into_iter().map(StopId::from_uuid).collect())
}

/// Who is a guardian of somebody who has a seat on the trip, and where that is.
pub(crate) async fn guardians_on(connection: &mut PgConnection, course: &Course) -> Result<Vec<(UserId, StopId)>, StoreError> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT DISTINCT g.guardian_user_id, a.stop_id FROM bus_assignments a
         JOIN students s ON s.school_id = a.school_id AND s.id = a.student_id AND s.status = 'active'
         JOIN student_guardians g ON g.school_id = a.school_id AND g.student_id = a.student_id AND g.status = 'active'
         WHERE a.school_id = $1 AND a.route_id = $2 AND a.direction = $3 AND a.status = 'active'
            AND a.begin_date <= $4 AND (a.end_date IS NULL OR a.end_date >= $4)",
    )
    .bind(course.school_id.as_uuid())
    .bind(course.route_id.as_uuid())
    .bind(course.direction.as_str())
    .bind(course.service_date)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|(guardian, stop)| (guardian.into(), stop.into())).collect())
}

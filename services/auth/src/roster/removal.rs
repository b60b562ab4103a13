//! Rows of status `tobedeleted`: withdrawn or deactivated, with what hangs on them. Nothing is deleted, because work, marks and attendance refer to it.

use std::collections::HashSet;

use oneroster::{FileKind, SessionType};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::work::{Stop, Work};

/// How many rows made room before the others were written.
#[derive(Debug, Default)]
pub(super) struct Removed {
    terms: usize,
    academic_years: usize,
    enrollments: usize,
    class_subjects: usize,
}

impl Work<'_> {
    fn named(&self, file: FileKind) -> Vec<String> {
        self.roster.removed.iter().filter(|removal| removal.file == file).map(|removal| removal.sourced_id.to_owned()).collect()
    }

    /// What is gone makes room first: another row of the file may take its days.
    pub(super) async fn make_room(&mut self) -> Result<(), Stop> {
        let gone = |kind: fn(SessionType) -> bool| -> Vec<String> {
            let rows = self.bundle.sessions.iter().filter(|row| !row.is_active() && kind(row.fields.kind));
            rows.map(|row| row.sourced_id.clone()).collect()
        };
        let (years, terms) = (gone(|kind| kind == SessionType::SchoolYear), gone(|kind| kind != SessionType::SchoolYear));
        let enrollments = self.named(FileKind::Enrollments);
        self.removed.terms = self.retire("terms", "tobedeleted", &terms).await?;
        self.removed.academic_years = self.retire("academic_years", "tobedeleted", &years).await?;
        self.removed.enrollments = self.retire("enrollments", "withdrawn", &enrollments).await?;
        self.removed.class_subjects = self.retire("class_subjects", "tobedeleted", &enrollments).await?;
        Ok(())
    }

    /// What is gone, with what hangs on it.
    pub(super) async fn remove(&mut self) -> Result<(), Stop> {
        self.report.terms.removed += self.removed.terms;
        self.report.academic_years.removed += self.removed.academic_years;
        self.report.enrollments.removed += self.removed.enrollments;
        self.report.class_subjects.removed += self.removed.class_subjects;
        self.remove_classes(&self.named(FileKind::Classes)).await?;
        self.report.subjects.removed += self.retire("subjects", "tobedeleted", &self.named(FileKind::Courses)).await?;
        self.remove_roles(&self.named(FileKind::Roles)).await?;
        self.remove_people(&self.named(FileKind::Users)).await
    }

    /// Sets the status of active rows, by source id. How many there were.
    pub(super) async fn retire(&mut self, table: &str, status: &str, sources: &[String]) -> Result<usize, Stop> {
        self.retire_by(table, status, "source_id = ANY ($3)", sources).await
    }

    async fn retire_by(&mut self, table: &str, status: &str, which: &str, sources: &[String]) -> Result<usize, Stop> {
        if sources.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "UPDATE {table} SET status = $2, version = version + 1, updated_at = now() WHERE school_id = $1 AND status = 'active' AND {which}"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(self.school).bind(status).bind(sources);
        Ok(usize::try_from(query.execute(&mut *self.connection).await?.rows_affected()).unwrap_or(usize::MAX))
    }

    async fn remove_classes(&mut self, classes: &[String]) -> Result<(), Stop> {
        const OF_CLASS: &str = "class_id IN (SELECT id FROM classes WHERE source_id = ANY ($3))";
        self.report.classes.removed += self.retire("classes", "tobedeleted", classes).await?;
        self.report.enrollments.removed += self.retire_by("enrollments", "withdrawn", OF_CLASS, classes).await?;
        self.report.class_subjects.removed += self.retire_by("class_subjects", "tobedeleted", OF_CLASS, classes).await?;
        Ok(())
    }

    async fn remove_people(&mut self, users: &[String]) -> Result<(), Stop> {
        const OF_GUARDIAN: &str = "guardian_user_id IN (SELECT user_id FROM memberships WHERE source_id = ANY ($3))";
        self.report.memberships.removed += self.deactivate("source_id = ANY ($2)", users, None).await?;
        self.remove_students(users).await?;
        self.remove_teachers(users).await?;
        self.report.staff.removed += self.retire("staff", "tobedeleted", users).await?;
        self.report.guardians.removed += self.retire_by("student_guardians", "tobedeleted", OF_GUARDIAN, users).await?;
        Ok(())
    }

    async fn remove_students(&mut self, students: &[String]) -> Result<(), Stop> {
        const OF_STUDENT: &str = "student_id IN (SELECT id FROM students WHERE source_id = ANY ($3))";
        self.report.students.removed += self.retire("students", "tobedeleted", students).await?;
        self.report.enrollments.removed += self.retire_by("enrollments", "withdrawn", OF_STUDENT, students).await?;
        self.report.guardians.removed += self.retire_by("student_guardians", "tobedeleted", OF_STUDENT, students).await?;
        Ok(())
    }

    async fn remove_teachers(&mut self, teachers: &[String]) -> Result<(), Stop> {
        const OF_TEACHER: &str = "teacher_id IN (SELECT id FROM teachers WHERE source_id = ANY ($3))";
        self.report.teachers.removed += self.retire("teachers", "tobedeleted", teachers).await?;
        self.report.class_subjects.removed += self.retire_by("class_subjects", "tobedeleted", OF_TEACHER, teachers).await?;
        Ok(())
    }

    /// A person loses a role that no other active row gives.
    async fn remove_roles(&mut self, roles: &[String]) -> Result<(), Stop> {
        let listed: HashSet<&str> = roles.iter().map(String::as_str).collect();
        let kept: HashSet<(&str, domain::Role)> =
            self.roles().into_iter().map(|(person, role)| (person.user.sourced_id.as_str(), role)).collect();
        let lost: Vec<(String, domain::Role)> = self
            .bundle
            .roles
            .iter()
            .filter(|row| listed.contains(row.sourced_id.as_str()))
            .map(|row| (row.user.clone(), row.role.in_school()))
            .filter(|(user, role)| !kept.contains(&(user.as_str(), *role)))
            .collect();
        let is_staff = |role: domain::Role| matches!(role, domain::Role::Staff | domain::Role::Admin);
        for role in domain::Role::ALL.iter().copied() {
            let users: Vec<String> = lost.iter().filter(|(_, lost)| *lost == role).map(|(user, _)| user.clone()).collect();
            if users.is_empty() {
                continue;
            }
            self.report.memberships.removed += self.deactivate("source_id = ANY ($2) AND role = $3", &users, Some(role.as_str())).await?;
            match role {
                domain::Role::Student => self.remove_students(&users).await?,
                domain::Role::Teacher => self.remove_teachers(&users).await?,
                role if is_staff(role) => {
                    let stays = |user: &String| kept.iter().any(|(kept, role)| kept == user && is_staff(*role));
                    let users: Vec<String> = users.into_iter().filter(|user| !stays(user)).collect();
                    self.report.staff.removed += self.retire("staff", "tobedeleted", &users).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn deactivate(&mut self, which: &str, users: &[String], role: Option<&str>) -> Result<usize, Stop> {
        if users.is_empty() {
            return Ok(0);
        }
        let sql = format!(
            "UPDATE memberships SET status = 'tobedeleted', is_active = false, version = version + 1, updated_at = now()
             WHERE school_id = $1 AND status = 'active' AND {which}"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.school).bind(users);
        if let Some(role) = role {
            query = query.bind(role);
        }
        Ok(usize::try_from(query.execute(&mut *self.connection).await?.rows_affected()).unwrap_or(usize::MAX))
    }

    /// Family ties that are no longer named. The next guardian of the student may become the primary one.
    pub(super) async fn drop_ties(&mut self, ids: &[Uuid]) -> Result<usize, Stop> {
        let sql = "UPDATE student_guardians SET status = 'tobedeleted', is_primary = false, version = version + 1, updated_at = now()
                   WHERE school_id = $1 AND id = ANY ($2)";
        let done = sqlx::query(sql).bind(self.school).bind(ids).execute(&mut *self.connection).await?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}

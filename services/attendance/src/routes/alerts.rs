//! What the school was told of its students' attendance, and what was done about it.

use actix_web::web::Data;
use actix_web::{get, post};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{AlertId, AlertRuleId, ClassId, ServiceName, StudentId, Text, UserId, Version};
use serde::{Deserialize, Serialize};
use service_kit::{
    Body, CommonProblems, EditProblems, IdPath, IfMatch, IfNoneMatch, Kind, Limit, NotModifiedOr, Page, Paging, Params, Permit, Problem,
    Versioned, permits,
};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use super::access::Viewer;
use super::alert_rules::percent;
use crate::model::alert::{Alert, AlertKind, AlertRule, AlertState};
use crate::store::{AlertFilter, alert_rules, change_alert, find_alert, list_alerts, lock_alert};

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(list).service(show).service(acknowledge).service(close);
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlertView {
    /// Its id.
    id: AlertId,
    /// The rule that came true.
    rule_id: AlertRuleId,
    /// What that is called.
    rule_name: Option<String>,
    /// What it watches.
    kind: Option<AlertKind>,
    /// Whom it is about.
    student_id: StudentId,
    /// The class in whose register it showed.
    class_id: ClassId,
    /// The day on which the rule came true.
    began_on: NaiveDate,
    /// The day on which it was true no more; null while it is.
    ended_on: Option<NaiveDate>,
    /// `rate_below`: percent of the days attended, when it was last true.
    #[schema(example = 87.5)]
    percent: Option<f64>,
    /// `absent_in_a_row`, `times_late`: how many days or times, when it was last true.
    times: Option<u32>,
    /// Whether students and guardians see it, and guardians are told.
    tells_guardians: bool,
    /// Where it stands.
    state: AlertState,
    /// What was said about it; for teachers and the office only.
    note: Option<String>,
    /// Who looks after it; for teachers and the office only.
    acknowledged_by: Option<UserId>,
    /// Since when.
    acknowledged_at: Option<DateTime<Utc>>,
    /// Who closed it; for teachers and the office only.
    closed_by: Option<UserId>,
    /// When.
    closed_at: Option<DateTime<Utc>>,
    /// The version; the `ETag` is this number as `"v3"`.
    version: Version,
    /// When it was raised.
    created_at: DateTime<Utc>,
    /// When it was last changed.
    updated_at: DateTime<Utc>,
}

impl AlertView {
    fn of(row: Alert, rules: &[AlertRule], viewer: &Viewer) -> Self {
        let rule = rules.iter().find(|rule| rule.id == row.rule_id);
        let is_rate = rule.is_some_and(|rule| rule.kind == AlertKind::RateBelow);
        let works_here = viewer.may_mark(row.class_id);
        Self {
            id: row.id,
            rule_id: row.rule_id,
            rule_name: rule.map(|rule| rule.name.clone()),
            kind: rule.map(|rule| rule.kind),
            student_id: row.student_id,
            class_id: row.class_id,
            began_on: row.began_on,
            ended_on: row.ended_on,
            percent: is_rate.then(|| percent(row.figure)),
            times: (!is_rate).then_some(row.figure),
            tells_guardians: row.tells_guardians,
            state: row.state,
            note: row.note.filter(|_| works_here),
            acknowledged_by: row.acknowledged_by.filter(|_| works_here),
            acknowledged_at: row.acknowledged_at,
            closed_by: row.closed_by.filter(|_| works_here),
            closed_at: row.closed_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// Whether the alert is for the caller's eyes: a teacher's own classes, all for the office; to students and parents their own, if they are told of it.
fn may_see(viewer: &Viewer, alert: &Alert) -> bool {
    viewer.may_mark(alert.class_id) || (alert.tells_guardians && viewer.learner(alert.student_id).is_some())
}

/// Which alerts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAlerts {
    /// Of this student only.
    #[param(inline)]
    student_id: Option<StudentId>,
    /// Of registers of this class only.
    #[param(inline)]
    class_id: Option<ClassId>,
    /// Of this rule only.
    #[param(inline)]
    rule_id: Option<AlertRuleId>,
    /// Only those that stand there.
    #[param(inline)]
    state: Option<AlertState>,
    /// Only those whose rule is true now, or only those of which it is true no more.
    lasts: Option<bool>,
    /// How many to a page.
    #[serde(default)]
    limit: Limit,
    /// Where the page starts: `next_cursor` of the one before.
    cursor: Option<String>,
}

/// Lists alerts, the latest first
///
/// To a teacher those of the classes that they teach, to the office all, to students and parents their own, as far as guardians are told. An alert is raised once
/// for each rule, student and episode, some moments after the register was taken or corrected; when the rule is true no more, it ends.
#[utoipa::path(params(ListAlerts), responses((status = 200, body = Page<AlertView>), CommonProblems), security(("bearer" = [])))]
#[get("/api/v1/attendance/alerts")]
async fn list(permit: Permit<permits::AttendanceRead>, rooms: Data<Rooms>, params: Params<ListAlerts>) -> Result<Page<AlertView>, Problem> {
    let caller = permit.caller();
    let viewer = rooms.viewer(caller).await?;
    let works_here = super::access::works_here(caller.role);
    let own = || viewer.learners().iter().map(|learner| learner.student_id).filter(|id| params.student_id.is_none_or(|asked| asked == *id));
    let classes = if works_here && (params.class_id.is_some() || !viewer.is_office()) {
        Some(rooms.classes(&viewer, params.class_id).await?)
    } else {
        params.class_id.map(|class| vec![class])
    };
    let students = if works_here { params.student_id.map(|student| vec![student]) } else { Some(own().collect()) };
    let paging = Paging::asking(
        &rooms.platform,
        caller,
        "alerts",
        (params.student_id, params.class_id, params.rule_id, params.state, params.lasts),
        params.limit,
        params.cursor.as_deref(),
    );
    let after = paging.after()?;
    let filter =
        AlertFilter { classes, students, told: !works_here, rule: params.rule_id, state: params.state, lasts: params.lasts, after };
    let rows = list_alerts(&rooms.platform, caller.school_id, &filter, paging.limit()).await?;
    let rules = alert_rules(&rooms.platform, caller.school_id).await?;
    let page = paging.page(rows, |last| (last.created_at, last.id));
    Ok(page.map(|row| AlertView::of(row, &rules, &viewer)))
}

/// Shows an alert.
#[utoipa::path(
    params(("id" = AlertId, Path, description = "The alert.")),
    responses((status = 200, body = AlertView), (status = 304, description = "The version in If-None-Match is the present one."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/attendance/alerts/{id}")]
async fn show(
    permit: Permit<permits::AttendanceRead>,
    id: IdPath<AlertId>,
    known: IfNoneMatch,
    rooms: Data<Rooms>,
) -> Result<NotModifiedOr<AlertView>, Problem> {
    let viewer = rooms.viewer(permit.caller()).await?;
    let found = find_alert(&rooms.platform, permit.school_id, *id).await?.filter(|alert| may_see(&viewer, alert));
    let alert = found.ok_or_else(|| Problem::not_found("alert"))?;
    let rules = alert_rules(&rooms.platform, permit.school_id).await?;
    let version = alert.version;
    Ok(NotModifiedOr(known, AlertView::of(alert, &rules, &viewer), version))
}

/// What was done about it.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AboutAlert {
    /// What there is to say; left out, what was said before stays.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 1000)]
    note: Option<Text<1000>>,
}

/// Takes an alert on: a teacher of the class, or the office.
#[utoipa::path(
    request_body = AboutAlert,
    params(("id" = AlertId, Path, description = "The alert."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = AlertView), (status = 409, description = "Somebody has already, or it is closed."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/alerts/{id}/acknowledge")]
async fn acknowledge(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<AlertId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<AboutAlert>,
) -> Result<Versioned<AlertView>, Problem> {
    let note = body.into_inner().note.map(String::from);
    let refused = "Somebody looks after it already, or it is closed.";
    rooms.edit_alert(&permit, *id, seen, refused, |alert, now| alert.acknowledged(permit.user_id, note, now)).await
}

/// Closes an alert: a teacher of the class, or the office. While its rule stays true no other one is raised.
#[utoipa::path(
    request_body = AboutAlert,
    params(("id" = AlertId, Path, description = "The alert."), ("If-Match" = String, Header, description = "The `ETag` that was read.")),
    responses((status = 200, body = AlertView), (status = 409, description = "It is closed already."), CommonProblems, EditProblems),
    security(("bearer" = []))
)]
#[post("/api/v1/attendance/alerts/{id}/close")]
async fn close(
    permit: Permit<permits::AttendanceMark>,
    id: IdPath<AlertId>,
    seen: IfMatch,
    rooms: Data<Rooms>,
    body: Body<AboutAlert>,
) -> Result<Versioned<AlertView>, Problem> {
    let note = body.into_inner().note.map(String::from);
    rooms.edit_alert(&permit, *id, seen, "It is closed already.", |alert, now| alert.closed(permit.user_id, note, now)).await
}

impl Rooms {
    /// Writes what `alter` makes of the alert, if the caller has seen its present version. The row is locked meanwhile.
    async fn edit_alert(
        &self,
        permit: &Permit<permits::AttendanceMark>,
        id: AlertId,
        seen: IfMatch,
        refused: &'static str,
        alter: impl FnOnce(&Alert, DateTime<Utc>) -> Option<Alert>,
    ) -> Result<Versioned<AlertView>, Problem> {
        let (school, now) = (permit.school_id, self.platform.clock().now());
        let missing = || Problem::not_found("alert");
        let viewer = self.viewer(permit.caller()).await?;
        let rules = alert_rules(&self.platform, school).await?;
        let mut transaction = self.platform.postgres(ServiceName::Attendance).school(school).await?;
        let alert =
            lock_alert(transaction.connection()?, school, id).await?.filter(|alert| viewer.may_mark(alert.class_id)).ok_or_else(missing)?;
        seen.require(alert.version)?;
        let changed = alter(&alert, now).ok_or_else(|| Problem::conflict(Kind::Conflict, refused))?;
        change_alert(transaction.connection()?, &changed).await?;
        transaction.commit().await?;
        let version = changed.version;
        Ok(Versioned(AlertView::of(changed, &rules, &viewer), version))
    }
}

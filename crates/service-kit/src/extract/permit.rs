//! The caller: who sent the access token, and whether the role in it holds the permission that the route names.

use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest};
use domain::{Actor, Permission, Role, SchoolId, SessionId, UserId};
use futures_util::future::{Either, LocalBoxFuture, Ready, ready};

use crate::platform::Platform;
use crate::problem::Problem;
use crate::tokens::{Claims, Refusal, Verifier};

/// Who calls, in which school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: UserId,
    /// The school; the only source of it in the whole request.
    pub school_id: SchoolId,
    /// The role in that school.
    pub role: Role,
    /// The login session.
    pub session_id: SessionId,
}

impl Caller {
    /// The caller as it stands in events.
    #[must_use]
    pub const fn actor(&self) -> Actor {
        Actor { user_id: self.user_id, role: self.role }
    }
}

/// Who calls, with or without a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlatformCaller {
    /// The user.
    pub user_id: UserId,
    /// The school, if the token is for one.
    pub school_id: Option<SchoolId>,
    /// The role.
    pub role: Role,
    /// The login session.
    pub session_id: SessionId,
}

/// A permission as a type, so that a handler's signature says what it needs. The markers are in [`permits`].
pub trait MayHold: 'static {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! permits {
    ($($name:ident),+ $(,)?) => {
        /// One marker for each [`Permission`], under the same name: `Permit<permits::HomeworkWrite>`.
        pub mod permits {
            use super::{MayHold, Permission};
            $(
                #[doc = concat!("[`Permission::", stringify!($name), "`]")]
                #[derive(Debug, Clone, Copy)]
                pub struct $name;
                impl MayHold for $name {
                    const PERMISSION: Permission = Permission::$name;
                }
            )+
            /// Every permission that has a marker.
            pub const ALL: &[Permission] = &[$(Permission::$name,)+];
        }
    };
}

permits! {
    SchoolsManage, SchoolRead, SchoolEdit, ProfileRead, SessionsManage, UsersManage, MembershipsManage, PeopleRead, PeopleManage,
    AcademicsRead, AcademicsManage, RosterImport, HomeworkWrite, HomeworkRead, HomeworkSubmit, HomeworkGrade, GradesRead, GradesWrite, ScalesManage,
    QuizWrite, QuizRead, QuizAttempt, QuizGrade,
    AttendanceRead, AttendanceMark, AttendanceManage, LeaveRead, LeaveRequest, LeaveDecide,
    TransportManage, TransportOperate, TransportRead,
    CalendarRead, CalendarWrite, CalendarManage, AppointmentsBook,
    InventoryManage, InventoryWrite, InventoryRead, LoansRead, LoansReserve,
    FeesRead, FeesManage, FeesApprove, FeesCollect, FeesPay,
}

/// The caller of a route within a school, known to hold `P`. No, bad or revoked token: 401. No permission, or a token without a school: 403.
#[derive(Debug, Clone, Copy)]
pub struct Permit<P>(Caller, PhantomData<P>);

impl<P> Permit<P> {
    /// The caller.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.0
    }
}

impl<P> std::ops::Deref for Permit<P> {
    type Target = Caller;
    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// The caller of a WebSocket, known to hold `P`. A browser can't set `Authorization` there, so the token may come as a subprotocol instead, beside
/// the one that is to be spoken: `Sec-WebSocket-Protocol: bus.v1, bearer.eyJ…`. It is never answered, and never stands in an address.
pub struct SocketPermit<P> {
    permit: Permit<P>,
    token: String,
}

impl<P> SocketPermit<P> {
    /// The access token that came, to be looked at again as long as the socket is open.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl<P> std::ops::Deref for SocketPermit<P> {
    type Target = Permit<P>;
    fn deref(&self) -> &Permit<P> {
        &self.permit
    }
}

/// The caller of a route that needs no school, known to hold `P`.
#[derive(Debug, Clone, Copy)]
pub struct PlatformPermit<P>(PlatformCaller, PhantomData<P>);

impl<P> std::ops::Deref for PlatformPermit<P> {
    type Target = PlatformCaller;
    fn deref(&self) -> &PlatformCaller {
        &self.0
    }
}

type Verified<T> = Either<Ready<Result<T, Problem>>, LocalBoxFuture<'static, Result<T, Problem>>>;

impl<P: MayHold> FromRequest for Permit<P> {
    type Error = Problem;
    type Future = Verified<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        verified(request, bearer(request), within_school)
    }
}

impl<P: MayHold> FromRequest for SocketPermit<P> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let permit = verified(request, bearer_or_subprotocol(request), within_school::<P>);
        let token = bearer_or_subprotocol(request).map(str::to_owned);
        Box::pin(async move { Ok(Self { permit: permit.await?, token: token? }) })
    }
}

impl<P: MayHold> FromRequest for PlatformPermit<P> {
    type Error = Problem;
    type Future = Verified<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        verified(request, bearer(request), |claims| {
            let claims = permitted::<P>(claims)?;
            let caller = PlatformCaller { user_id: claims.sub, school_id: claims.school_id, role: claims.role, session_id: claims.sid };
            Ok(Self(caller, PhantomData))
        })
    }
}

fn permitted<P: MayHold>(claims: Claims) -> Result<Claims, Problem> {
    if claims.role.holds(P::PERMISSION) { Ok(claims) } else { Err(Problem::forbidden(P::PERMISSION)) }
}

fn within_school<P: MayHold>(claims: Claims) -> Result<Permit<P>, Problem> {
    let claims = permitted::<P>(claims)?;
    let school_id = claims.school_id.ok_or_else(|| Problem::forbidden(P::PERMISSION))?;
    Ok(Permit(Caller { user_id: claims.sub, school_id, role: claims.role, session_id: claims.sid }, PhantomData))
}

/// A token seen before is verified on the spot; a new one may have to wait for a key.
fn verified<T: 'static>(request: &HttpRequest, token: Result<&str, Problem>, then: fn(Claims) -> Result<T, Problem>) -> Verified<T> {
    let Some(platform) = Platform::of(request) else {
        return Either::Left(ready(Err(Problem::internal(anyhow::anyhow!("the app has no platform")))));
    };
    let token = match token {
        Ok(token) => token,
        Err(problem) => return Either::Left(ready(Err(problem))),
    };
    let verifier: &Verifier = platform.verifier();
    if let Some(known) = verifier.known(token) {
        return Either::Left(ready(known.map_err(refuse).and_then(then)));
    }
    let (verifier, token) = (verifier.clone(), token.to_owned());
    Either::Right(Box::pin(async move { verifier.verify(&token).await.map_err(refuse).and_then(then) }))
}

fn bearer(request: &HttpRequest) -> Result<&str, Problem> {
    let missing = || Problem::unauthenticated("Send an access token as Authorization: Bearer <token>.");
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let (Some(value), None) = (values.next(), values.next()) else { return Err(missing()) };
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token.trim()) } else { Err(missing()) }
}

/// What stands before an access token that comes as a WebSocket subprotocol. A JWT consists of characters that may stand there.
const BEARER_PROTOCOL: &str = "bearer.";

fn bearer_or_subprotocol(request: &HttpRequest) -> Result<&str, Problem> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return bearer(request);
    }
    let offered = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL).filter_map(|value| value.to_str().ok());
    let mut tokens = offered.flat_map(|value| value.split(',')).filter_map(|name| name.trim().strip_prefix(BEARER_PROTOCOL));
    match (tokens.next(), tokens.next()) {
        (Some(token), None) => Ok(token),
        _ => Err(Problem::unauthenticated("Send an access token as Authorization: Bearer <token>, or as the subprotocol bearer.<token>.")),
    }
}

fn refuse(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::KeysUnavailable => Problem::unavailable(std::time::Duration::from_secs(1), "The key that verifies access tokens"),
        other => Problem::unauthenticated(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_has_a_marker_of_its_name() {
        assert_eq!(permits::ALL, Permission::ALL);
    }
}

//! Watching a bus: over server-sent events, and over a WebSocket.

use actix_web::http::header;
use actix_web::web::{Bytes, Data, Payload};
use actix_web::{HttpRequest, HttpResponse, get};
use domain::BusTripId;
use futures_util::stream::unfold;
use service_kit::permits::TransportRead;
use service_kit::{Caller, CommonProblems, IdPath, Kind, Permit, Problem, SocketPermit};
use std::time::Duration;
use tokio::time::timeout;
use utoipa_actix_web::service_config::ServiceConfig;

use super::Rooms;
use crate::live::{Listener, Next};
use crate::model::trip::TripState;

pub(super) fn configure(config: &mut ServiceConfig<'_>) {
    config.service(events).service(socket);
}

/// How long one message may take to leave for a listener.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is spoken over a socket: the subprotocol that a browser names beside its token.
const PROTOCOL: &str = "bus.v1";

/// Where a bus is, as server-sent events, for as long as the trip runs: for the office, its driver, and the parents of those who have a seat on it. Each `position`
/// holds a `BusPosition`; `bye` says why it ends: `trip_ended`, `not_allowed`, `too_slow` or `stopping`.
#[utoipa::path(
    tag = "bus-route",
    params(("id" = BusTripId, Path)),
    responses(
        (status = 200, body = crate::live::Update, content_type = "text/event-stream", description = "Positions, the present one first."),
        (status = 409, description = "The trip does not run."),
        CommonProblems
    ),
    security(("bearer" = []))
)]
#[get("/api/v1/bus/trips/{id}/live")]
async fn events(
    permit: Permit<TransportRead>,
    id: IdPath<BusTripId>,
    request: HttpRequest,
    rooms: Data<Rooms>,
) -> Result<HttpResponse, Problem> {
    let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    let token = token.map(|(_, token)| token.trim()).unwrap_or_default();
    let listener = begin(permit.caller(), *id, token, &rooms).await?;
    let stream = unfold(Some(listener), async |listener| {
        let mut listener = listener?;
        let (text, goes_on) = match listener.next().await {
            Next::Position(json) => (format!("event: position\ndata: {json}\n\n"), true),
            Next::Nothing => (": still here\n\n".to_owned(), true),
            Next::Bye(why) => (format!("event: bye\ndata: {{\"reason\":\"{}\"}}\n\n", why.as_str()), false),
        };
        Some((Ok::<_, actix_web::Error>(Bytes::from(text)), goes_on.then_some(listener)))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // A proxy that gathers an answer before it passes it on would gather for ever.
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(Box::pin(stream)))
}

/// The same over a WebSocket: each text message is a `BusPosition`; the reason for its end is the close frame's. A browser, which can't set `Authorization` here, names
/// two subprotocols, `bus.v1` and `bearer.` with its access token: `new WebSocket(url, ["bus.v1", "bearer." + token])`.
#[utoipa::path(
    tag = "bus-route",
    params(("id" = BusTripId, Path)),
    responses((status = 101, description = "Positions, the present one first."), (status = 409, description = "The trip does not run."), CommonProblems),
    security(("bearer" = []))
)]
#[get("/api/v1/bus/trips/{id}/socket")]
async fn socket(
    permit: SocketPermit<TransportRead>,
    id: IdPath<BusTripId>,
    request: HttpRequest,
    payload: Payload,
    rooms: Data<Rooms>,
) -> Result<HttpResponse, Problem> {
    let listener = begin(permit.caller(), *id, permit.token(), &rooms).await?;
    let not_a_socket = |_| Problem::malformed("Send a WebSocket handshake, as RFC 6455 says.");
    let (response, session, messages) = actix_ws::handle_with_protocols(&request, payload, &[PROTOCOL]).map_err(not_a_socket)?;
    actix_web::rt::spawn(serve(listener, session, messages));
    Ok(response)
}

async fn serve(mut listener: Listener, mut session: actix_ws::Session, mut messages: actix_ws::MessageStream) {
    let reason = loop {
        tokio::select! {
            next = listener.next() => {
                let sent = match next {
                    Next::Position(json) => timeout(PATIENCE, session.text(json)).await,
                    Next::Nothing => timeout(PATIENCE, session.ping(b"")).await,
                    Next::Bye(why) => break why.as_str(),
                };
                match sent {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return,
                    Err(_) => break "too_slow",
                }
            }
            message = messages.recv() => match message {
                Some(Ok(actix_ws::Message::Ping(bytes))) => if timeout(PATIENCE, session.pong(&bytes)).await.is_err() { break "too_slow" },
                // Whoever only watches has nothing to say.
                Some(Ok(actix_ws::Message::Pong(_) | actix_ws::Message::Nop)) => {}
                _ => break "closed",
            },
        }
    };
    let close = actix_ws::CloseReason { code: actix_ws::CloseCode::Normal, description: Some(reason.to_owned()) };
    // Somebody who does not read does not read this either.
    let _ = timeout(PATIENCE, session.close(Some(close))).await;
}

async fn begin(caller: &Caller, trip: BusTripId, token: &str, rooms: &Rooms) -> Result<Listener, Problem> {
    let (course, state, sight) = rooms.watched_trip(caller, trip).await?;
    if state != TripState::Running {
        return Err(Problem::conflict(Kind::Conflict, "There is nothing to watch: the trip does not run."));
    }
    Ok(Listener::begin(rooms.clone(), *caller, token.to_owned(), &course, sight).await)
}

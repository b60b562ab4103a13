//! Where a request comes from.

use std::net::IpAddr;

use actix_web::HttpRequest;

/// The peer's address, or what the outermost of `trusted_hops` proxies of ours saw: each appends one address to `X-Forwarded-For`, and what stands before those
/// is the client's own invention.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted_hops: usize) -> Option<IpAddr> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let Some(from_the_right) = trusted_hops.checked_sub(1) else { return peer };
    let forwarded = request.headers().get_all("x-forwarded-for").filter_map(|value| value.to_str().ok());
    let entries: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    entries.iter().rev().nth(from_the_right).and_then(|entry| entry.parse().ok()).or(peer)
}

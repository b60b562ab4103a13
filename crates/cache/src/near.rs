//! A Redis connection of the thread's own.
//!
//! A worker that serves requests runs on one thread. Over a connection whose task lives on another thread each command costs two wake-ups across threads; over one
//! of the worker's own it costs none, and all commands of one turn of its event loop leave in one packet. The pool remains for everyone else, and for
//! the moments in which the thread's own connection is down.

use std::cell::RefCell;

use fred::clients::{Client, Pool};
use fred::interfaces::ClientLike;

thread_local! {
    static OWN: RefCell<Vec<(Client, Client)>> = const { RefCell::new(Vec::new()) };
}

/// From now on this thread's commands for the server of `pool` go over `own`.
pub fn settle(pool: &Pool, own: Client) {
    let Some(first) = pool.clients().first() else { return };
    OWN.with_borrow_mut(|all| {
        all.retain(|(known, _)| known.id() != first.id());
        all.push((first.clone(), own));
    });
}

/// The thread's own connection to the server of `pool` if it has one that is up, else one of the pool's.
#[must_use]
pub fn near(pool: &Pool) -> Client {
    let own = OWN.with_borrow(|all| match all.as_slice() {
        [] => None,
        all => {
            let first = pool.clients().first()?;
            all.iter().find(|(known, _)| known.id() == first.id()).map(|(_, own)| own.clone())
        }
    });
    match own {
        Some(own) if own.is_connected() => own,
        _ => pool.next().clone(),
    }
}

//! Whose loans and reservations a caller sees: who keeps or reads the inventory those of everybody, a student their own, a parent their own and their children's.

use domain::{Permission, Role, StudentId};
use service_kit::permits::LoansReserve;
use service_kit::{Caller, Kind, MayHold, Problem};
use store::SchoolTransaction;

use crate::desk::Desk;
use crate::store::{Borrower, LoanScope, require_keeper};

pub(super) async fn scope<P: MayHold>(desk: &Desk<P>) -> Result<LoanScope, Problem> {
    let caller = desk.caller();
    if caller.role.holds(Permission::InventoryRead) {
        return Ok(LoanScope::default());
    }
    Ok(LoanScope { own: Some(caller.user_id), children: children(desk).await? })
}

/// In whose name a caller may wait for things: everybody for themselves, a parent for their children, keepers and the office for all.
pub(super) struct Reserving {
    caller: Caller,
    children: Vec<StudentId>,
}

impl Reserving {
    /// Asks before a transaction is open: who is in one waits for no second connection.
    pub(super) async fn of(desk: &Desk<LoansReserve>) -> Result<Self, Problem> {
        Ok(Self { caller: *desk.caller(), children: children(desk).await? })
    }

    /// 403 unless the caller may wait in the name of `who`.
    pub(super) async fn require(&self, transaction: &mut SchoolTransaction, who: Borrower) -> Result<(), Problem> {
        let is_child = who.student.is_some_and(|student| self.children.contains(&student));
        if is_child || who.user == self.caller.user_id || self.caller.role.is_office() {
            return Ok(());
        }
        if self.caller.role == Role::Staff {
            return require_keeper(transaction, self.caller.user_id, None).await;
        }
        Err(Problem::new(Kind::Forbidden, "You may reserve for yourself and for your children."))
    }
}

async fn children<P: MayHold>(desk: &Desk<P>) -> Result<Vec<StudentId>, Problem> {
    if desk.caller().role != Role::Parent {
        return Ok(Vec::new());
    }
    Ok(desk.person().await?.children.iter().map(|child| child.student_id).collect())
}

//! Whose loans and reservations a caller sees: who keeps or reads the inventory those of everybody, a student their own, a parent their own and their children's.

use domain::{Permission, Role};
use service_kit::{MayHold, Problem};

use crate::desk::Desk;
use crate::store::LoanScope;

pub(super) async fn scope<P: MayHold>(desk: &Desk<P>) -> Result<LoanScope, Problem> {
    let caller = desk.caller();
    if caller.role.holds(Permission::InventoryRead) {
        return Ok(LoanScope::default());
    }
    let children = match caller.role {
        Role::Parent => desk.person().await?.children.iter().map(|child| child.student_id).collect(),
        _ => Vec::new(),
    };
    Ok(LoanScope { own: Some(caller.user_id), children })
}

//! Whether what a request points at is there. All wrong references are found before any is refused; the foreign keys stand behind, for what goes away meanwhile.

use domain::{Fault, Faults};
use sea_orm::{ColumnTrait, QueryFilter};
use service_kit::Problem;
use store::SchoolTransaction;
use uuid::Uuid;

use crate::rows::{Table, hold, rows};

/// Collects what is wrong with a request's references, and with anything else.
#[derive(Debug, Default)]
pub struct References(Faults);

impl References {
    /// The active row `id`; a fault at `pointer` if there is none in this school.
    pub async fn get<E: Table>(&mut self, transaction: &SchoolTransaction, pointer: &str, id: Uuid) -> Result<Option<E::Model>, Problem> {
        let row = rows::<E>(transaction).filter(E::ID.eq(id)).filter(E::STATUS.eq("active")).one(transaction).await?;
        self.note::<E>(row.is_some(), pointer);
        Ok(row)
    }

    /// Like [`get`](Self::get), and the row doesn't change until the transaction ends.
    pub async fn hold<E: Table>(&mut self, transaction: &SchoolTransaction, pointer: &str, id: Uuid) -> Result<Option<E::Model>, Problem> {
        let row = hold::<E>(transaction, id).await?;
        self.note::<E>(row.is_some(), pointer);
        Ok(row)
    }

    /// Like [`get`](Self::get), for a reference that may be empty.
    pub async fn check<E: Table>(
        &mut self,
        transaction: &SchoolTransaction,
        pointer: &str,
        id: Option<impl Into<Uuid>>,
    ) -> Result<(), Problem> {
        if let Some(id) = id {
            self.get::<E>(transaction, pointer, id.into()).await?;
        }
        Ok(())
    }

    /// Adds faults of another kind.
    pub fn add(&mut self, faults: impl IntoIterator<Item = Fault>) {
        faults.into_iter().for_each(|fault| self.0.push(fault));
    }

    /// The value, or nothing and its faults added.
    pub fn value<T>(&mut self, value: Result<T, Vec<Fault>>) -> Option<T> {
        value.map_err(|faults| self.add(faults)).ok()
    }

    /// 422 with all faults, if there are any; else the value, which is missing only with a fault.
    pub fn settle_with<T>(self, value: Option<T>) -> Result<T, Problem> {
        self.settle()?;
        value.ok_or_else(|| Problem::internal(anyhow::anyhow!("a value is missing without a fault")))
    }

    /// 422 with all of them, if there are any.
    pub fn settle(self) -> Result<(), Problem> {
        self.0.into_result().map_err(Problem::invalid)
    }

    fn note<E: Table>(&mut self, found: bool, pointer: &str) {
        self.0.require(found, pointer, format!("there is no such {} in this school", E::NOUN));
    }
}

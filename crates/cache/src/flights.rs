//! One flight per key: of many that ask for the same thing at once, one goes and the others wait for what it brings.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// Flights in progress, by key. Nothing is kept after landing: this is not a cache.
#[derive(Debug)]
pub struct Flights<K, V> {
    airborne: Mutex<HashMap<K, Arc<OnceCell<V>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { airborne: Mutex::new(HashMap::new()) }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    /// Runs `load`, unless the key is being loaded already: then waits for that result. A failure is returned to the one who
    /// met it, and the next in line tries for itself.
    pub async fn join<E, F: Future<Output = Result<V, E>>>(&self, key: K, load: impl FnOnce() -> F) -> Result<V, E> {
        let cell = Arc::clone(self.airborne().entry(key.clone()).or_default());
        let landing = Landing { flights: self, key: Some(key), cell: Arc::clone(&cell) };
        let result = cell.get_or_try_init(load).await.cloned();
        drop(landing);
        result
    }

    fn airborne(&self) -> std::sync::MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        self.airborne.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the flight off the board when it has landed, or when its last passenger gave up (a dropped future).
struct Landing<'a, K: Hash + Eq + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: Option<K>,
    cell: Arc<OnceCell<V>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Landing<'_, K, V> {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut airborne = self.flights.airborne();
        // Landed: newcomers must load anew, what they ask for may have changed. Otherwise stay while others are aboard (board, them and us).
        let ours = airborne.get(&key).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        if ours && (self.cell.initialized() || Arc::strong_count(&self.cell) <= 2) {
            airborne.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_thousand_readers_at_once_cause_one_load() {
        let flights = Arc::new(Flights::<u8, u32>::default());
        let loads = Arc::new(AtomicU32::new(0));
        let mut readers = tokio::task::JoinSet::new();
        for _ in 0..1_000 {
            let (flights, loads) = (Arc::clone(&flights), Arc::clone(&loads));
            readers.spawn(async move {
                flights
                    .join(1, || async {
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        Ok::<_, ()>(loads.fetch_add(1, Ordering::SeqCst) + 1)
                    })
                    .await
            });
        }
        assert!(readers.join_all().await.into_iter().all(|result| result == Ok(1)));
        assert!(flights.airborne().is_empty());
    }

    #[tokio::test]
    async fn a_failed_load_is_tried_again_by_the_next_reader() {
        let flights = Flights::<u8, u32>::default();
        assert_eq!(flights.join(1, || async { Err::<u32, _>("down") }).await, Err("down"));
        assert_eq!(flights.join(1, || async { Ok::<_, &str>(7) }).await, Ok(7));
        assert!(flights.airborne().is_empty());
    }
}

//! The load: teachers and students of several schools, over HTTP, each with a random sequence of its own.

mod board;
mod caller;
mod student;
mod teacher;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinSet;
use uuid::Uuid;

use crate::arena::{Arena, School};
use crate::history::{Entity, Recorder};
use crate::plan::{Plan, stream};
use board::Board;
use caller::Caller;
pub(crate) use caller::show_all;

/// What a client starts with.
struct Client {
    caller: Caller,
    school: School,
    board: Arc<Board>,
    /// Boards of the other schools, to trespass on.
    others: Vec<Arc<Board>>,
    poison: bool,
}

/// A running load.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<()>,
}

/// Starts all clients.
pub(crate) fn start(arena: &Arc<Arena>, recorder: &Arc<Recorder>, plan: &Plan, schools: &[School]) -> Load {
    let stop = Arc::new(AtomicBool::new(false));
    let boards: Vec<Arc<Board>> = schools.iter().map(|_| Arc::default()).collect();
    let mut clients = JoinSet::new();
    for (number, (school, board)) in schools.iter().zip(&boards).enumerate() {
        let others: Vec<Arc<Board>> = boards.iter().filter(|other| !Arc::ptr_eq(other, board)).cloned().collect();
        let people = school.teachers.iter().map(|token| ("teacher", token)).chain(school.students.iter().map(|token| ("student", token)));
        for (n, (role, token)) in people.enumerate() {
            let name = format!("{role}-{number}.{n}");
            let caller = Caller {
                random: stream(plan.seed, &name),
                arena: Arc::clone(arena),
                recorder: Arc::clone(recorder),
                stop: Arc::clone(&stop),
                school: school.id,
                token: token.clone(),
                // A student's answers leave out what a student must not see.
                whole: role == "teacher",
                name,
                made: 0,
            };
            let client = Client { caller, school: school.clone(), board: Arc::clone(board), others: others.clone(), poison: plan.poison };
            if role == "teacher" {
                clients.spawn(teacher::work(client));
            } else {
                clients.spawn(student::work(client));
            }
        }
    }
    Load { stop, clients }
}

impl Load {
    /// Lets every client finish the request that is under way.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.clients.join_next().await {
            ended?;
        }
        Ok(())
    }
}

impl Client {
    /// Asks for a row of another school, and lists one's own in the hope of a stray.
    async fn trespass(&mut self) {
        let row = self.caller.pick(&self.others).and_then(|other| {
            let entity = if self.caller.chance(0.5) { Entity::Homework } else { Entity::Submission };
            self.caller.pick(&other.rows(entity)).map(|known| (entity, known.row))
        });
        if let Some((entity, row)) = row {
            self.caller.trespass(entity, row).await;
        }
    }

    /// After an acknowledged write: a read must show it.
    async fn look_again(&mut self, entity: Entity, row: Uuid) {
        if self.caller.chance(0.6) {
            self.look(entity, row).await;
        }
    }

    async fn look(&mut self, entity: Entity, row: Uuid) {
        if let Some(seen) = self.caller.show(entity, row).await {
            self.board.saw(entity, &seen);
        }
    }
}

//! What the tests of extremes share: long backlogs made quickly, and the memory of this process.

use std::time::{Duration, Instant};

use cache::codec::{self, Codec};
use domain::{Partition, SchoolId, ServiceName};
use fred::interfaces::LuaInterface;
use fred::types::Value;

use crate::note::Note;
use crate::stage::Stage;

/// Makes the most memory that this process has used what it uses now.
pub fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// The most memory that this process has used, in bytes.
pub fn peak() -> u64 {
    memory("VmHWM:")
}

/// The memory that this process uses, in bytes.
pub fn resident() -> u64 {
    memory("VmRSS:")
}

fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

pub const MEGABYTE: u64 = 1024 * 1024;

/// What WRITE leaves behind for `ARGV[3]` fresh notes, made in Redis itself, so that this process neither spends memory nor much time on them.
const FILL: &str = "
local template, at = ARGV[1], tonumber(ARGV[2])
for n = 1, tonumber(ARGV[3]) do
  local sequence = redis.call('INCR', KEYS[1])
  local id = ARGV[4] .. struct.pack('>I8', sequence)
  redis.call('XADD', KEYS[2], string.format('%.0f-0', sequence), 'e', 'note', 'i', id, 'v', 1)
  local value = string.sub(template, 1, 2) .. struct.pack('>I8', sequence) .. string.sub(template, 11, at) .. id .. string.sub(template, at + 17)
  redis.call('SET', ARGV[5] .. string.format('0000-%012x', sequence), value)
  redis.call('SADD', KEYS[3], id)
end";

/// Puts `count` unsaved notes of `school` into Redis.
pub async fn fill(stage: &Stage, school: SchoolId, count: u64) {
    let note = Note::new(school, "one of a great many notes that nobody has had the time to save so far");
    let template = codec::encode(&note, Codec::Raw, 1, [7; 8], 1_700_000_000_000).unwrap().with_sequence(0);
    let at = template.windows(16).position(|window| window == note.id.as_bytes()).unwrap();
    let text = note.id.to_string();
    let partition = Partition::of(school);
    let keys = [
        cache::key::sequence(ServiceName::Homework, partition),
        cache::key::log(ServiceName::Homework, partition),
        cache::key::unsaved("note", partition, "all"),
    ];
    let prefix = cache::key::value("note", partition, text.get(..19).unwrap());
    let mut left = count;
    while left > 0 {
        let now = left.min(1_000);
        let arguments: Vec<Value> = vec![
            Value::Bytes(template.clone().into()),
            i64::try_from(at).unwrap().into(),
            i64::try_from(now).unwrap().into(),
            Value::Bytes(note.id.as_bytes()[..8].to_vec().into()),
            prefix.clone().into(),
        ];
        let _: Value = stage.pool.next().eval(FILL, keys.to_vec(), arguments).await.unwrap();
        left -= now;
    }
}

/// Tries until something comes of it.
pub async fn eventually<T>(patience: Duration, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(done) = attempt().await {
            return done;
        }
        assert!(started.elapsed() < patience, "it never recovers");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A text that compression can do nothing about.
pub fn noise(length: usize) -> String {
    use std::hash::{BuildHasher, RandomState};
    let state = RandomState::new();
    let hashes = (0_usize..).flat_map(|n| format!("{:016x}", state.hash_one(n)).into_bytes());
    String::from_utf8(hashes.take(length).collect()).unwrap()
}

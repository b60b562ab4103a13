//! The Lua scripts: each is one atomic step and one round trip.
//!
//! All keys of a call share the partition's hash tag. The offsets into values are those of `cache::codec`: sequence at 2–9,
//! version at 10–13, operation at 14–21 (Lua counts from one).

/// Checks and applies a write.
///
/// `KEYS`: sequence, log, settled, events, operations (the day is appended), then for each row its value and its lists.
/// `ARGV`: operation, idempotency key or empty, fingerprint, answer, backlog limit, number of rows, number of events; then for
/// each row: entity, id, expected version (0: must not exist), version, head, tail, the settled number at which the row was
/// seen to be absent or empty, number of lists; then for each event: channel, body. The last of `ARGV` is what the last of `KEYS` must hold, or empty.
///
/// Answers `OUTDATED`, `OK sequence`, `REPLAY answer`, `REUSED`, `EXISTS row`, `MISSING row`, `CONFLICT row version`, `RETRY`, `BUSY backlog` or `CORRUPT reason`.
/// Without the `allow-oom` flag Redis refuses the whole script when memory is full, before it has changed anything.
///
/// The day comes from the Redis server: a service whose clock was set back still finds yesterday's answers.
pub(crate) const WRITE: &str = r"#!lua
local operation, idempotency, fingerprint, answer = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local rows, events, guard = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[#ARGV]
if guard ~= '' and (redis.call('GET', KEYS[#KEYS]) or '0') ~= guard then return {'OUTDATED'} end
local today
if idempotency ~= '' then
  local day = math.floor(tonumber(redis.call('TIME')[1]) / 86400)
  today = KEYS[5] .. day
  local known = redis.call('HGET', today, idempotency) or redis.call('HGET', KEYS[5] .. (day - 1), idempotency)
  if known then
    if string.sub(known, 1, 8) ~= fingerprint then return {'REUSED'} end
    return {'REPLAY', string.sub(known, 9)}
  end
end
local k, a = 5, 7
for row = 1, rows do
  local current = redis.call('GETRANGE', KEYS[k + 1], 0, 31)
  local expected = tonumber(ARGV[a + 3])
  if current ~= '' then
    local version = struct.unpack('>I4', current, 11)
    if string.sub(current, 15, 22) == operation and version == tonumber(ARGV[a + 4]) then return {'REPLAY', answer} end
    if expected == 0 then return {'EXISTS', row} end
    if version ~= expected then return {'CONFLICT', row, version} end
  elseif expected ~= 0 then
    return {'MISSING', row}
  elseif ARGV[a + 7] ~= '' and (redis.call('GET', KEYS[3]) or '0') ~= ARGV[a + 7] then
    return {'RETRY'}
  end
  k = k + 1 + tonumber(ARGV[a + 8])
  a = a + 8
end
local backlog = redis.call('XLEN', KEYS[2])
if backlog >= tonumber(ARGV[5]) then return {'BUSY', backlog} end
local sequence = redis.call('INCRBY', KEYS[1], rows) - rows
k, a = 5, 7
for row = 1, rows do
  sequence = sequence + 1
  local logged = redis.pcall('XADD', KEYS[2], string.format('%.0f-0', sequence), 'e', ARGV[a + 1], 'i', ARGV[a + 2], 'v', ARGV[a + 4])
  if type(logged) == 'table' and logged.err then return {'CORRUPT', logged.err} end
  redis.call('SET', KEYS[k + 1], ARGV[a + 5] .. struct.pack('>I8', sequence) .. ARGV[a + 6])
  local lists = tonumber(ARGV[a + 8])
  for list = 1, lists do redis.call('SADD', KEYS[k + 1 + list], ARGV[a + 2]) end
  k = k + 1 + lists
  a = a + 8
end
if today then redis.call('HSET', today, idempotency, fingerprint .. answer) end
for event = 1, events do
  redis.call('XADD', KEYS[4], '*', 'e', ARGV[a + 2])
  redis.call('PUBLISH', ARGV[a + 1], ARGV[a + 2])
  a = a + 2
end
return {'OK', sequence}
";

/// Puts a row that was read from PostgreSQL into Redis, unless a write came in between.
///
/// `KEYS`: value, settled. `ARGV`: the settled number before PostgreSQL was asked, bytes, milliseconds to live.
/// A row can only have been written, saved and evicted meanwhile if the settled number has moved: then the caller must ask PostgreSQL again.
pub(crate) const FILL: &str = r"#!lua
if (redis.call('GET', KEYS[2]) or '0') ~= ARGV[1] then return 'RETRY' end
if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return 'FILLED' end
return 'EXISTS'
";

/// Lets go of rows that PostgreSQL has: they may expire, and leave the lists of unsaved rows, unless they were written again.
/// Allowed when memory is full: it is what makes room.
///
/// `KEYS`: settled, log, then for each row its value and its lists.
/// `ARGV`: watermark, whether to trim, number of rows, then for each row: id, milliseconds to live, number of lists.
pub(crate) const SETTLE: &str = r"#!lua flags=allow-oom
local watermark = tonumber(ARGV[1])
if tonumber(redis.call('GET', KEYS[1]) or '0') < watermark then redis.call('SET', KEYS[1], ARGV[1]) end
local k, a = 2, 3
for row = 1, tonumber(ARGV[3]) do
  local current = redis.call('GETRANGE', KEYS[k + 1], 2, 9)
  local lists = tonumber(ARGV[a + 3])
  local sequence = 0
  if #current == 8 then sequence = struct.unpack('>I8', current) end
  if sequence <= watermark then
    if sequence > 0 then redis.call('PEXPIRE', KEYS[k + 1], ARGV[a + 2]) end
    for list = 1, lists do redis.call('SREM', KEYS[k + 1 + list], ARGV[a + 1]) end
  end
  k = k + 1 + lists
  a = a + 3
end
if ARGV[2] == '1' then redis.call('XTRIM', KEYS[2], 'MINID', string.format('%.0f', watermark + 1)) end
return redis.status_reply('OK')
";

/// Takes a discarded row out of Redis, unless it was written again.
///
/// `KEYS`: value, then its lists. `ARGV`: sequence, id.
pub(crate) const FORGET: &str = r"#!lua flags=allow-oom
local current = redis.call('GETRANGE', KEYS[1], 2, 9)
if #current == 8 and struct.unpack('>I8', current) > tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
for list = 2, #KEYS do redis.call('SREM', KEYS[list], ARGV[2]) end
return 1
";

/// Answers the name of the buffer, and names it if it is new. Allowed when memory is full, or a full buffer could never be emptied.
///
/// `KEYS`: layout. `ARGV`: the name to give.
pub(crate) const LAYOUT: &str = r"#!lua flags=allow-oom
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
";

/// What an idempotency key was answered before, if it was.
///
/// `KEYS`: operations (the day is appended). `ARGV`: idempotency key. Answers fingerprint and answer in one, or nil.
pub(crate) const RECALL: &str = r"#!lua flags=no-writes
local day = math.floor(tonumber(redis.call('TIME')[1]) / 86400)
return redis.call('HGET', KEYS[1] .. day, ARGV[1]) or redis.call('HGET', KEYS[1] .. (day - 1), ARGV[1])
";

-- Shared by all scripts; it is put in front of each of them.
--
-- KEYS[1] is always the tag of one partition, "{network:site:p07}". Every other key of the partition begins with it, so that a
-- script touches one slot of a cluster only; a script makes the names itself, in the same way as keys.go. Against a single server,
-- where slots do not matter, claim and settle go through many partitions in one call, and commit changes the names as well.
--
-- A delivery's row is a MessagePack array of texts: site, owed, acked, state, due, since, last, attempts, cause, local, mode,
-- route, pool, other terms. Times are decimal nanoseconds, "" for none. Versions are marks, "EPOCH@SITE.SEQUENCE".
--
-- What a commit and a settlement make of a delivery is said in Go, in store/internal/merge; commit.lua and settle.lua say the same.
-- HELD, INDEPENDENT and REMOVE are put in front by script.go.
local OWED, ACKED, STATE, DUE, SINCE, LAST, ATTEMPTS, CAUSE, LOCAL, MODE, ROUTE, POOL, TERMS = 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
local tag = KEYS[1]

-- KEYS[2] is the hash of the store's life: id, state, and the newest changes, by their number modulo RING. The last four arguments of
-- every script are the life that the caller knows, number and transaction of the newest change that it has seen ("0" for none), and
-- its own transaction. A store in which that change is not to be found was emptied, or set back to an older state: it is touched no more.
local ARGC = #ARGV - 4
local LIFE, SEEN, SEENBY, TX = ARGV[ARGC + 1], ARGV[ARGC + 2], ARGV[ARGC + 3], ARGV[ARGC + 4]
local alive = redis.call('HMGET', KEYS[2], 'id', 'seq', 'r' .. string.format('%.0f', tonumber(SEEN) % RING))
local function lived()
  if alive[1] ~= LIFE then return false end
  if SEEN == '0' then return true end
  local seq, tx = string.match(alive[3] or '', '^(%d+) (.*)$')
  if not seq then return false end
  seq = tonumber(seq)
  return seq > tonumber(SEEN) or seq == tonumber(SEEN) and tx == SEENBY
end
if not lived() then return redis.error_reply('LOST the store is not the one that was written to') end

-- changed notes that the script has changed something.
local function changed()
  local seq = tonumber(alive[2] or '0') + 1
  local mark = string.format('%.0f %s', seq, TX)
  redis.call('HSET', KEYS[2], 'seq', string.format('%.0f', seq), 'last', mark, 'r' .. string.format('%.0f', seq % RING), mark)
end

local function request_key(id) return tag .. ':r:' .. id end
local function due_key(site, pool)
  if pool == '' then return tag .. ':due:' .. site end
  return tag .. ':due:' .. site .. '\n' .. pool
end
local function pools_key(site) return tag .. ':pools:' .. site end
local function since_key(site) return tag .. ':since:' .. site end
local function behind_key(site) return tag .. ':behind:' .. site end

-- Scores are microseconds: a double holds them exactly until the year 2255.
local function micros(ns)
  if ns == '' then return '0' end
  local short = string.sub(ns, 1, -4)
  if short == '' or short == '-' then return '0' end
  return short
end

-- later tells whether time a is after time b; "" is before all. Decimal texts of equal length compare like numbers.
local function later(a, b)
  if a == b or a == '' then return false end
  if b == '' then return true end
  if #a ~= #b or string.sub(a, 1, 1) == '-' or string.sub(b, 1, 1) == '-' then return tonumber(a) > tonumber(b) end
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x > y end
  end
  return false
end

-- newer tells whether version a is after version b. Lua's own comparison of texts depends on the server's locale.
local function newer(a, b)
  if a == b or a == '' then return false end
  if b == '' then return true end
  local an, as, aq = string.match(a, '^(%d+)@(.*)%.(%d+)$')
  local bn, bs, bq = string.match(b, '^(%d+)@(.*)%.(%d+)$')
  an, bn = tonumber(an), tonumber(bn)
  if an ~= bn then return an > bn end
  for i = 1, math.min(#as, #bs) do
    local x, y = string.byte(as, i), string.byte(bs, i)
    if x ~= y then return x > y end
  end
  if #as ~= #bs then return #as > #bs end
  return tonumber(aq) > tonumber(bq)
end

-- earlier is the earlier one of two times; "" is none.
local function earlier(a, b)
  if a == '' or b ~= '' and later(a, b) then return b end
  return a
end

-- unpack_row reads a row; one that was written before the other terms were kept gets none.
local function unpack_row(text)
  local row = cmsgpack.unpack(text)
  row[TERMS] = row[TERMS] or ''
  return row
end

-- kind is what the mode of a row asks for: '' for a linked copy.
local function kind(row)
  if row[MODE] == INDEPENDENT or row[MODE] == REMOVE then return row[MODE] end
  return ''
end

-- A lease is "TOKEN UNTIL KIND NEXT"; '' or false when there is none. KIND is that of the row as it was handed out, NEXT when what
-- is owed anew since then may be delivered, '' when nothing is.
local function lease_text(token, till, kind, next) return table.concat({token, till, kind, next}, ' ') end
local function lease_parts(lease)
  if not lease or lease == '' then return '', '', '', '' end
  return string.match(lease, '^(%S+) (%S*) ?(%S*) ?(%S*)$')
end

-- shown is the state as it is counted: "in flight" under a lease; false for what is delivered or is no holder.
local function shown(row, lease)
  if not row then return false end
  if lease and lease ~= '' then return 'in flight' end
  if row[STATE] == 'delivered' then return false end
  return row[STATE]
end

-- standing is what place must know of a delivery as it was before a change; row is false for one that was none.
local function standing(row, lease)
  if not row then return {state = false, since = '', pool = ''} end
  return {state = shown(row, lease), since = row[SINCE], pool = row[POOL]}
end

local function listed(state)
  return state and state ~= 'parked' and state ~= 'cancelled'
end

-- counted gathers the changes of counts; flush_counts writes them once for the whole script. Only the sums over all partitions
-- mean something, so that one script may count for many.
local counted = {}
local function count(site, state, by)
  local field = site .. '\n' .. state
  counted[field] = (counted[field] or 0) + by
end
local function flush_counts()
  for field, by in pairs(counted) do
    if by ~= 0 then redis.call('HINCRBY', KEYS[1] .. ':count', field, by) end
  end
end

-- enqueue puts a delivery in the line of its pool, and the pool among those of the site.
local function enqueue(id, site, pool, score)
  if redis.call('ZADD', due_key(site, pool), score, id) == 1 and pool ~= '' then redis.call('SADD', pools_key(site), pool) end
end

-- place brings what is derived from a delivery up to date: the due sets, the age set, the set of those behind, and the counts.
-- was is its standing before the change; row is false when the holder is gone.
local function place(id, site, was, row, lease)
  local before, after = was.state, shown(row, lease)
  if before ~= after then
    if before then count(site, before, -1) end
    if after then count(site, after, 1) end
    if after and not before then redis.call('ZADD', behind_key(site), 0, id) end
    if before and not after then redis.call('ZREM', behind_key(site), id) end
  end
  local score = false
  if after == 'in flight' then
    local _, till = lease_parts(lease)
    score = micros(till)
  elseif after == 'pending' or after == 'waiting' then
    score = micros(row[DUE])
  end
  if before and (not score or was.pool ~= row[POOL]) then redis.call('ZREM', due_key(site, was.pool), id) end
  if score then enqueue(id, site, row[POOL], score) end
  if listed(after) then
    if not listed(before) or row[SINCE] ~= was.since then redis.call('ZADD', since_key(site), micros(row[SINCE]), id) end
  elseif listed(before) then
    redis.call('ZREM', since_key(site), id)
  end
end

-- Shared by all scripts; it is put in front of each of them.
--
-- KEYS[1] is always the tag of one partition, "{network:site:p07}". Every other key of the partition begins with it, so that a
-- script touches one slot of a cluster only; a script makes the names itself, in the same way as keys.go. Against a single server,
-- where slots do not matter, claim and settle go through many partitions in one call, and commit changes the names as well.
--
-- A delivery's row is a MessagePack array of texts: site, owed, acked, state, due, since, last, attempts, cause, local, mode,
-- route, pool. Times are decimal nanoseconds, "" for none. Versions are marks, "EPOCH@SITE.SEQUENCE".
local OWED, ACKED, STATE, DUE, SINCE, LAST, ATTEMPTS, CAUSE, LOCAL = 2, 3, 4, 5, 6, 7, 8, 9, 10
local tag = KEYS[1]

local function request_key(id) return tag .. ':r:' .. id end
local function due_key(site) return tag .. ':due:' .. site end
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

-- A lease is "TOKEN UNTIL"; '' or false when there is none.
local function lease_parts(lease)
  if not lease or lease == '' then return '', '' end
  return string.match(lease, '^(%S+) (%S*)$')
end

-- shown is the state as it is counted: "in flight" under a lease; false for what is delivered or is no holder.
local function shown(row, lease)
  if not row then return false end
  if lease and lease ~= '' then return 'in flight' end
  if row[STATE] == 'delivered' then return false end
  return row[STATE]
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

-- place brings what is derived from a delivery up to date: the due set, the age set, the set of those behind, and the counts.
-- before and since are what shown said and what the row's age was, before the change; row is false when the holder is gone.
local function place(id, site, before, since, row, lease)
  local after = shown(row, lease)
  if before ~= after then
    if before then count(site, before, -1) end
    if after then count(site, after, 1) end
    if after and not before then redis.call('ZADD', behind_key(site), 0, id) end
    if before and not after then redis.call('ZREM', behind_key(site), id) end
  end
  if after == 'in flight' then
    local _, till = lease_parts(lease)
    redis.call('ZADD', due_key(site), micros(till), id)
  elseif after == 'pending' or after == 'waiting' then
    redis.call('ZADD', due_key(site), micros(row[DUE]), id)
  elseif before then
    redis.call('ZREM', due_key(site), id)
  end
  if listed(after) then
    if not listed(before) or row[SINCE] ~= since then redis.call('ZADD', since_key(site), micros(row[SINCE]), id) end
  elseif listed(before) then
    redis.call('ZREM', since_key(site), id)
  end
end

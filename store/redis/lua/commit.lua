-- commit: one atomic change of one request.
--
-- KEYS   1 tag of the request's partition
-- ARGV   1 id  2 revision it was made from ("0": it must not exist)  3 transaction id  4 "forget" or "write"
--        5 entry  6 "open" when the request is unsettled, else ""  7 now  8 version, as a mark
--        9 number of debts, then site, mode, route, pool, other terms and due of each
--        then number of sites to drop, then the sites
--        then number of names linked, then name, nonce and key of the candidates of each
--        then number of names unlinked, then name and key of the candidates of each
--        The key of the candidates is "" in a cluster, where link.lua and older.lua change them before and after.
-- Answer the new revision as text ("0" after a forget), or "conflict". A transaction id that was the last one to change the
--        request answers as it did then and changes nothing.
local id, rev, txid = ARGV[1], ARGV[2], ARGV[3]
local key = request_key(id)
local now, version = ARGV[7], ARGV[8]
local at = 9
local function take()
  at = at + 1
  return ARGV[at - 1]
end

-- One read of all that matters: the head, then row and lease of each debtor.
local debts, wanted = {}, {'rev', 'tx', 'open'}
for i = 1, tonumber(take()) do
  debts[i] = {take(), take(), take(), take(), take(), take()}
  wanted[#wanted + 1] = 'h:' .. debts[i][1]
  wanted[#wanted + 1] = 'l:' .. debts[i][1]
end
local held = redis.call('HMGET', key, unpack(wanted))
local current = held[1] or '0'
if held[2] == txid then return current end
if current ~= rev then return 'conflict' end

-- All that the hash gets is written at once, in the end.
local writes = {}
local function write(field, value)
  writes[#writes + 1] = field
  writes[#writes + 1] = value
end

-- unlink takes a name from the request; a candidate that is not this request's stays.
local function unlink(name, candidates)
  local nonce = redis.call('HGET', key, 'n:' .. name)
  if not nonce then return end
  redis.call('HDEL', key, 'n:' .. name)
  if candidates ~= '' and redis.call('ZSCORE', candidates, nonce .. ' ' .. id) then redis.call('DEL', candidates) end
end

-- names goes through the lists of names, those unlinked first: a name in both lists is linked in the end.
local function names()
  local linked = {}
  for _ = 1, tonumber(take()) do linked[#linked + 1] = {take(), take(), take()} end
  for _ = 1, tonumber(take()) do unlink(take(), take()) end
  for _, l in ipairs(linked) do
    write('n:' .. l[1], l[2])
    if l[3] ~= '' then
      redis.call('DEL', l[3])
      redis.call('ZADD', l[3], 1, l[2] .. ' ' .. id)
    end
  end
end

local function drop(site)
  local old = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site)
  if not old[1] then return end
  place(id, site, standing(unpack_row(old[1]), old[2]), false, false)
  redis.call('HDEL', key, 'h:' .. site, 'l:' .. site)
end

if ARGV[4] == 'forget' then
  take() -- nobody to drop by name: all are
  names()
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.sub(field, 1, 2) == 'h:' then drop(string.sub(field, 3)) end
  end
  redis.call('DEL', key)
  redis.call('ZREM', tag .. ':ids', id)
  redis.call('ZREM', tag .. ':open', id)
  flush_counts()
  changed()
  return '0'
end

-- Lua's numbers are doubles: exact until 2^53, and a revision will never be that high.
local revision = string.format('%.0f', tonumber(current) + 1)
write('rev', revision)
write('tx', txid)
write('e', ARGV[5])
if current == '0' then redis.call('ZADD', tag .. ':ids', 0, id) end
local open = held[3] or ''
if ARGV[6] ~= open then
  if ARGV[6] == 'open' then redis.call('ZADD', tag .. ':open', 0, id) else redis.call('ZREM', tag .. ':open', id) end
  write('open', ARGV[6])
end

-- owe makes a row owe the version, from the time when on; held says that this is later than now.
local function owe(row, when, held)
  local state = row[STATE]
  local behind = state == 'pending' or state == 'waiting'
  row[OWED] = version
  if held and behind and not later(row[DUE], when) then return end
  if state == 'delivered' then
    row[SINCE], row[ATTEMPTS], row[CAUSE] = when, '0', ''
  elseif state == 'cancelled' or held and not behind or later(row[SINCE], when) then
    row[SINCE] = when
  end
  if held then
    row[STATE], row[DUE], row[CAUSE] = 'waiting', when, HELD
    return
  end
  -- One that is due already keeps its place in the line.
  if state ~= 'pending' or later(row[DUE], now) then row[DUE] = now end
  row[STATE] = 'pending'
  if row[CAUSE] == HELD then row[CAUSE] = '' end
end

for i, debt in ipairs(debts) do
  local site, due = debt[1], debt[6]
  local row, lease = held[2 * i + 2], held[2 * i + 3]
  local wait = later(due, now)
  local when = wait and due or now
  row = row and unpack_row(row)
  local was = standing(row, lease)
  row = row or {site, '', '', 'delivered', when, when, '', '0', '', '', '', '', '', ''}
  row[MODE], row[ROUTE], row[POOL], row[TERMS] = debt[2], debt[3], debt[4], debt[5]
  owe(row, when, wait)
  write('h:' .. site, cmsgpack.pack(row))
  if lease and lease ~= '' then
    local token, till, of, next = lease_parts(lease)
    lease = lease_text(token, till, of, earlier(next, when))
    write('l:' .. site, lease)
  end
  place(id, site, was, row, lease)
end

local gone = {}
for i = 1, tonumber(take()) do gone[i] = take() end
names()
redis.call('HSET', key, unpack(writes))
for _, site in ipairs(gone) do drop(site) end
flush_counts()
changed()
return revision

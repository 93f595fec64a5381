-- commit: one atomic change of one request.
--
-- KEYS   1 tag of the request's partition
-- ARGV   1 id  2 revision it was made from ("0": it must not exist)  3 transaction id  4 "forget" or "write"
--        5 entry  6 "open" when an intent or suspect is open, else ""  7 now  8 version, as a mark
--        9 number of debts, then site, mode, route, pool of each
--        then number of sites to drop, then the sites
--        then number of names linked, then name and nonce of each
--        then number of names unlinked, then the names
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

local head = redis.call('HMGET', key, 'rev', 'tx')
local current = head[1] or '0'
if head[2] == txid then return current end
if current ~= rev then return 'conflict' end

if ARGV[4] == 'forget' then
  local all = redis.call('HGETALL', key)
  local found, leases = {}, {}
  for i = 1, #all, 2 do
    local kind, site = string.sub(all[i], 1, 2), string.sub(all[i], 3)
    if kind == 'h:' then found[site] = cmsgpack.unpack(all[i + 1]) end
    if kind == 'l:' then leases[site] = all[i + 1] end
  end
  for site, row in pairs(found) do place(id, site, shown(row, leases[site]), false, false) end
  redis.call('DEL', key)
  redis.call('ZREM', tag .. ':ids', id)
  redis.call('ZREM', tag .. ':open', id)
  return '0'
end

-- Lua's numbers are doubles: exact until 2^53, and a revision will never be that high.
local revision = string.format('%.0f', tonumber(current) + 1)
redis.call('HSET', key, 'rev', revision, 'tx', txid, 'e', ARGV[5])
if current == '0' then redis.call('ZADD', tag .. ':ids', 0, id) end
if ARGV[6] == 'open' then
  redis.call('ZADD', tag .. ':open', 0, id)
elseif current ~= '0' then
  redis.call('ZREM', tag .. ':open', id)
end

for _ = 1, tonumber(take()) do
  local site, mode, route, pool = take(), take(), take(), take()
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site)
  local row, lease = held[1], held[2]
  local before = false
  if row then
    row = cmsgpack.unpack(row)
    before = shown(row, lease)
  else
    row = {site, '', '', 'pending', now, now, '', '0', '', '', mode, route, pool}
  end
  if row[STATE] == 'delivered' then row[SINCE], row[ATTEMPTS], row[CAUSE] = now, '0', '' end
  if row[STATE] == 'cancelled' then row[SINCE] = now end
  -- One that is due already keeps its place in the line.
  if row[STATE] ~= 'pending' or later(row[DUE], now) then row[DUE] = now end
  row[STATE], row[OWED] = 'pending', version
  redis.call('HSET', key, 'h:' .. site, cmsgpack.pack(row))
  place(id, site, before, row, lease)
end

for _ = 1, tonumber(take()) do
  local site = take()
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site)
  if held[1] then
    place(id, site, shown(cmsgpack.unpack(held[1]), held[2]), false, false)
    redis.call('HDEL', key, 'h:' .. site, 'l:' .. site)
  end
end

local linked = {}
for _ = 1, tonumber(take()) do
  local name = take()
  redis.call('HSET', key, 'n:' .. name, take())
  linked[name] = true
end
for _ = 1, tonumber(take()) do
  local name = take()
  if not linked[name] then redis.call('HDEL', key, 'n:' .. name) end
end
return revision

-- claim: lease some deliveries to one site that were seen to be due.
--
-- KEYS   1 tag of a partition
-- ARGV   1 site  2 now, in microseconds  3 until, in nanoseconds  4 token  5... tag of the partition, id and pool of each
-- Answer an array with id, row and entry of each delivery leased; those that are no longer due are left out.
local site, now, till, token = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local out = {}
for i = 5, ARGC, 3 do
  tag = ARGV[i]
  local id, pool = ARGV[i + 1], ARGV[i + 2]
  local key = request_key(id)
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site, 'e')
  local row = false
  if held[1] and held[3] then row = unpack_row(held[1]) end
  local was = standing(row, held[2])
  local at = false -- when it may be claimed
  if was.state == 'in flight' then
    local _, till = lease_parts(held[2])
    at = micros(till)
  elseif was.state == 'pending' or was.state == 'waiting' then
    at = micros(row[DUE])
  end
  if not at or was.pool ~= pool then -- left over in this line; rows are the truth
    redis.call('ZREM', due_key(site, pool), id)
    if at then enqueue(id, site, was.pool, at) end
  elseif tonumber(at) <= now then
    local lease = lease_text(token, till, kind(row), '')
    redis.call('HSET', key, 'l:' .. site, lease)
    place(id, site, was, row, lease)
    out[#out + 1] = id
    out[#out + 1] = held[1]
    out[#out + 1] = held[3]
  end
end
flush_counts()
return out

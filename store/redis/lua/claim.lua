-- claim: lease some deliveries to one site that were seen to be due.
--
-- KEYS   1 tag of a partition
-- ARGV   1 site  2 now, in microseconds  3 until, in nanoseconds  4 token  5... tag of the partition and id of each
-- Answer an array with id, row and entry of each delivery leased; those that are no longer due are left out.
local site, now, till, token = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local out = {}
for i = 5, #ARGV, 2 do
  tag = ARGV[i]
  local id = ARGV[i + 1]
  local key = request_key(id)
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site, 'e')
  local before, row = false, false
  if held[1] and held[3] then
    row = cmsgpack.unpack(held[1])
    before = shown(row, held[2])
  end
  local at = false -- when it may be claimed
  if before == 'in flight' then
    local _, till = lease_parts(held[2])
    at = micros(till)
  elseif before == 'pending' or before == 'waiting' then
    at = micros(row[DUE])
  else
    redis.call('ZREM', due_key(site), id) -- left over; rows are the truth
  end
  if at and tonumber(at) <= now then
    local lease = token .. ' ' .. till
    redis.call('HSET', key, 'l:' .. site, lease)
    place(id, site, before, row[SINCE], row, lease)
    out[#out + 1] = id
    out[#out + 1] = held[1]
    out[#out + 1] = held[3]
  end
end
flush_counts()
return out

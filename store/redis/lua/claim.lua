-- claim: lease some deliveries to one site that were seen to be due.
--
-- KEYS   1 tag of the partition
-- ARGV   1 site  2 now, in microseconds  3 until, in nanoseconds  4 token  5... ids
-- Answer an array with id, row and entry of each delivery leased; those that are no longer due are left out.
local site, now, till, token = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]
local out = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local score = redis.call('ZSCORE', due_key(site), id)
  if score and tonumber(score) <= now then
    local key = request_key(id)
    local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site, 'e')
    if held[1] and held[3] then
      local row, lease = cmsgpack.unpack(held[1]), token .. ' ' .. till
      redis.call('HSET', key, 'l:' .. site, lease)
      place(id, site, shown(row, held[2]), row, lease)
      out[#out + 1] = id
      out[#out + 1] = held[1]
      out[#out + 1] = held[3]
    else
      redis.call('ZREM', due_key(site), id) -- left over; rows are the truth
    end
  end
end
return out

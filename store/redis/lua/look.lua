-- look: find what is due for a site.
--
-- KEYS   1 tag of a partition
-- ARGV   1 site  2 now, in microseconds  3 how many at most, of each pool in each partition  4 number of pools to pass over
--        then these pools, then the tags of the partitions
-- Answer an array with id, pool and score of each.
local site, now, limit = ARGV[1], ARGV[2], ARGV[3]
local passed, n = {}, tonumber(ARGV[4])
for i = 5, 4 + n do passed[ARGV[i]] = true end
local out = {}

local function look(pool)
  local list = redis.call('ZRANGEBYSCORE', due_key(site, pool), '-inf', now, 'WITHSCORES', 'LIMIT', 0, limit)
  for i = 1, #list, 2 do
    out[#out + 1] = list[i]
    out[#out + 1] = pool
    out[#out + 1] = list[i + 1]
  end
  return #list > 0
end

for i = 5 + n, ARGC do
  tag = ARGV[i]
  if not passed[''] then look('') end
  for _, pool in ipairs(redis.call('SMEMBERS', pools_key(site))) do
    if not passed[pool] and not look(pool) and redis.call('EXISTS', due_key(site, pool)) == 0 then
      redis.call('SREM', pools_key(site), pool) -- its line is empty
    end
  end
end
return out

-- restore: put back one request of which the store has no newer state, while what it lost is being put back.
--
-- KEYS   1 tag of the request's partition
-- ARGV   1 id  2 revision  3 entry  4 "open" when the request is unsettled, else ""
--        5 number of holders, then site and row of each
--        then number of names, then name, nonce, time and key of the candidates of each (the key "" in a cluster)
-- Answer "restored", "newer" when the store has this revision or a later one, "forked" when it has another state of this revision.
if redis.call('HGET', KEYS[2], 'state') ~= 'restoring' then return redis.error_reply('LOST the store is open again') end
local id, rev = ARGV[1], ARGV[2]
local key = request_key(id)
local at = 5
local function take()
  at = at + 1
  return ARGV[at - 1]
end
local held = redis.call('HMGET', key, 'rev', 'e')
if held[1] and tonumber(held[1]) >= tonumber(rev) then
  if held[1] == rev and held[2] ~= ARGV[3] then return 'forked' end
  return 'newer'
end
for _, field in ipairs(redis.call('HKEYS', key)) do
  if string.sub(field, 1, 2) == 'h:' then
    local site = string.sub(field, 3)
    local old = redis.call('HMGET', key, field, 'l:' .. site)
    place(id, site, standing(unpack_row(old[1]), old[2]), false, false)
  end
end
redis.call('DEL', key)
local writes = {'rev', rev, 'tx', TX, 'e', ARGV[3], 'open', ARGV[4]}
local rows = {}
for _ = 1, tonumber(take()) do
  local site, row = take(), take()
  rows[site] = row
  writes[#writes + 1] = 'h:' .. site
  writes[#writes + 1] = row
end
for _ = 1, tonumber(take()) do
  local name, nonce, when, candidates = take(), take(), take(), take()
  writes[#writes + 1] = 'n:' .. name
  writes[#writes + 1] = nonce
  if candidates ~= '' then redis.call('ZADD', candidates, 'GT', when, nonce .. ' ' .. id) end
end
redis.call('HSET', key, unpack(writes))
redis.call('ZADD', tag .. ':ids', 0, id)
if ARGV[4] == 'open' then redis.call('ZADD', tag .. ':open', 0, id) else redis.call('ZREM', tag .. ':open', id) end
for site, text in pairs(rows) do place(id, site, standing(false), unpack_row(text), false) end
flush_counts()
changed()
return 'restored'

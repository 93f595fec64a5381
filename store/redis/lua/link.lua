-- link: make a request the newest candidate of a name. It is not believed before the request itself says the same.
--
-- KEYS   1 tag of the name's partition
-- ARGV   1 key of the name's candidates  2 candidate, "NONCE ID"
-- Answer the number of other candidates.
local top = redis.call('ZREVRANGE', ARGV[1], 0, 0, 'WITHSCORES')
if top[1] ~= ARGV[2] then
  redis.call('ZADD', ARGV[1], tonumber(top[2] or '0') + 1, ARGV[2])
end
return redis.call('ZCARD', ARGV[1]) - 1

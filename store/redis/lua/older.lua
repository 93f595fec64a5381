-- older: drop the candidates of a name that a given one has overtaken, and with "all" that one too.
--
-- KEYS   1 tag of the name's partition
-- ARGV   1 key of the name's candidates  2 candidate, "NONCE ID"  3 "all" or ""
-- Answer how many were dropped; 0 when the candidate is none (any more).
local score = redis.call('ZSCORE', ARGV[1], ARGV[2])
if not score then return 0 end
local n = redis.call('ZREMRANGEBYSCORE', ARGV[1], '-inf', '(' .. score)
if ARGV[3] == 'all' then n = n + redis.call('ZREM', ARGV[1], ARGV[2]) end
return n

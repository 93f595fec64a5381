-- note: keep a text under a key until a time, or forget it.
--
-- KEYS   1 tag of the key's partition
-- ARGV   1 key  2 text, "" to forget  3 until, in milliseconds  4 "new" to leave what is there
-- Answer what is there with "new", nothing else.
if ARGV[2] == '' then
  if redis.call('DEL', ARGV[1]) > 0 then changed() end
  return false
end
if ARGV[4] == 'new' then
  local found = redis.call('SET', ARGV[1], ARGV[2], 'NX', 'GET', 'PXAT', ARGV[3])
  if not found then changed() end
  return found
end
redis.call('SET', ARGV[1], ARGV[2], 'PXAT', ARGV[3])
changed()
return false

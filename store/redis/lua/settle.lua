-- settle: record ends of attempts, in order.
--
-- KEYS   1 tag of a partition
-- ARGV   twelve for each: tag of the partition, id, site, token, owed, acked, local, state, due, cause, attempts, now
--        token "" is a confirmation from outside, "operator" a person's word
-- Answer how many were not ignored. Repeating the script changes nothing: the leases it ended are gone, and the rest says the
--        same again.
local taken = 0

local function confirm(row, acked, here, now)
  if newer(acked, row[ACKED]) then row[ACKED] = acked end
  if here ~= '' then row[LOCAL] = here end
  if acked ~= '' and later(now, row[LAST]) then row[LAST] = now end
end

for i = 1, #ARGV, 12 do
  tag = ARGV[i]
  local id, site, token, owed, acked, here, state, due, cause, attempts, now = unpack(ARGV, i + 1, i + 11)
  local key = request_key(id)
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site)
  if held[1] then
    local row, lease = cmsgpack.unpack(held[1]), held[2]
    local before, since = shown(row, lease), row[SINCE]
    local mine, till = lease_parts(lease)
    local changed, ends = false, false
    if token == 'operator' then
      if owed == row[OWED] then
        row[STATE], row[DUE], row[CAUSE], row[ATTEMPTS] = state, due, cause, attempts
        changed, ends = true, true
      end
    elseif token == '' then
      confirm(row, acked, here, now)
      changed = true
      if acked == row[OWED] and not later(till, now) then
        row[STATE], row[ATTEMPTS], row[CAUSE] = 'delivered', '0', ''
        ends = true
      end
    elseif token == mine then
      confirm(row, acked, here, now)
      row[STATE], row[DUE], row[CAUSE], row[ATTEMPTS] = state, due, cause, attempts
      if newer(row[OWED], owed) and acked ~= row[OWED] then
        if row[ACKED] == row[OWED] then -- confirmed from outside while this attempt was under way
          row[STATE], row[ATTEMPTS], row[CAUSE] = 'delivered', '0', ''
        else
          row[STATE], row[DUE] = 'pending', now
          if acked == owed then row[SINCE] = now end -- it had caught up, and fell behind while it did
        end
      end
      changed, ends = true, true
    end
    if changed then
      taken = taken + 1
      if ends then lease = '' end
      redis.call('HSET', key, 'h:' .. site, cmsgpack.pack(row), 'l:' .. site, lease or '')
      place(id, site, before, since, row, lease)
    end
  end
end
flush_counts()
return taken

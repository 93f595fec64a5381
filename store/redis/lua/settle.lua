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

local function delivered(row) row[STATE], row[ATTEMPTS], row[CAUSE] = 'delivered', '0', '' end

-- superseded is for a row that owes something else by now than what was handed out; next is when that may be delivered.
local function superseded(row, caught_up, next, state, due, now)
  if not later(next, now) then
    row[STATE], row[DUE] = 'pending', now
    if caught_up then row[SINCE] = now end -- it fell behind while it caught up
    return
  end
  local again = state == 'pending' or state == 'waiting'
  if again and not caught_up and not later(due, next) then return end -- what came later does not postpone this
  row[STATE], row[DUE], row[SINCE], row[CAUSE] = 'waiting', next, next, HELD
end

for i = 1, ARGC, 12 do
  tag = ARGV[i]
  local id, site, token, owed, acked, here, state, due, cause, attempts, now = unpack(ARGV, i + 1, i + 11)
  local key = request_key(id)
  local held = redis.call('HMGET', key, 'h:' .. site, 'l:' .. site)
  if held[1] then
    local row, lease = unpack_row(held[1]), held[2]
    local was = standing(row, lease)
    local mine, till, of, next = lease_parts(lease)
    local linked = kind(row) == ''
    local touched, ends, gone = false, false, false
    if token == 'operator' then
      if owed == row[OWED] then
        row[STATE], row[DUE], row[CAUSE], row[ATTEMPTS] = state, due, cause, attempts
        touched, ends = true, true
      end
    elseif token == '' then
      confirm(row, acked, here, now)
      touched = true
      if linked and acked == row[OWED] and not later(till, now) then
        delivered(row)
        ends = true
      end
    elseif token == mine then
      confirm(row, acked, here, now)
      row[STATE], row[DUE], row[CAUSE], row[ATTEMPTS] = state, due, cause, attempts
      touched, ends = true, true
      local newer = newer(row[OWED], owed)
      if newer and linked and (acked == row[OWED] or row[ACKED] == row[OWED]) then
        if acked ~= row[OWED] then delivered(row) end -- confirmed from outside while this attempt was under way
      elseif newer or kind(row) ~= of then
        superseded(row, acked == owed, next, state, due, now)
      elseif not linked and state == 'delivered' and row[ACKED] == row[OWED] then
        gone = true
      end
    end
    if touched then
      taken = taken + 1
      if ends then lease = '' end
      if gone then
        redis.call('HDEL', key, 'h:' .. site, 'l:' .. site)
        row = false
      else
        redis.call('HSET', key, 'h:' .. site, cmsgpack.pack(row), 'l:' .. site, lease or '')
      end
      place(id, site, was, row, lease)
    end
  end
end
flush_counts()
if taken > 0 then changed() end
return taken

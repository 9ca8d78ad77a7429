-- Appends a batch to the tick log and publishes it, in one atomic step; answers the ids of its entries, or those of the
-- same batch if it was appended before. A symbol's log begins with a gap mark that the script writes by itself.
-- KEYS: the source's publisher hash, the hash of heads.
-- ARGV: epoch, sequence of the batch, retention in ms, then eight for each entry:
--   symbol, occurred_at (ns), price, bid, ask, size, gap seconds, difference of a roll; what an entry does not have is empty.
local publisher, heads = KEYS[1], KEYS[2]
local epoch, sequence = tonumber(ARGV[1]), tonumber(ARGV[2])

local known = redis.call('HMGET', publisher, 'epoch', 'sequence', 'ids')
local last_epoch, last_sequence = tonumber(known[1] or '0'), tonumber(known[2] or '0')
if epoch < last_epoch then
  return redis.error_reply('FENCED epoch ' .. ARGV[1] .. ' gave way to epoch ' .. known[1])
end
if epoch == last_epoch and sequence < last_sequence then
  return redis.error_reply('FENCED sequence ' .. ARGV[2] .. ' was followed by ' .. known[2])
end
if epoch == last_epoch and sequence == last_sequence then
  return known[3]
end

local function parse_id(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local ms, seq = parse_id(redis.call('HGET', heads, 'place') or '0-0')

local function next_id()
  if now > ms then
    ms, seq = now, 0
  elseif seq < 1048575 then -- a place has 20 bits for the sequence
    seq = seq + 1
  else
    ms, seq = ms + 1, 0
  end
  return string.format('%.0f-%.0f', ms, seq)
end

-- Removes what is older than the retention and keeps the id of the last entry that went.
local function trim(symbol, stream)
  local cutoff = string.format('(%.0f-0', now - tonumber(ARGV[3]))
  local gone = redis.call('XREVRANGE', stream, cutoff, '-', 'COUNT', 1)
  if gone[1] then
    local gone_ms, gone_seq = parse_id(gone[1][1])
    redis.call('XTRIM', stream, 'MINID', string.format('%.0f-%.0f', gone_ms, gone_seq + 1))
    redis.call('HSET', heads, symbol .. ':trimmed', gone[1][1])
  end
end

-- Appends one entry and publishes it; answers its id.
local function add(stream, before, entry, said, occurred_at)
  local id = next_id()
  redis.call('XADD', stream, id, 't', occurred_at, unpack(entry))
  redis.call('PUBLISH', stream, id .. ' ' .. before .. ' ' .. said .. ' ' .. occurred_at)
  return id
end

-- The first entry of a symbol's log: whoever was there before it must not take the log for the whole.
local everything = string.format('%.0f', math.floor(now / 1000)) -- seconds since 1970
local function begin(stream, occurred_at)
  return add(stream, '0-0', {'g', everything}, 'gap:' .. everything, occurred_at)
end

-- A roll moves the last price; whoever reads the head adds the differences, since numbers are binary here.
local function roll_head(symbol, id, difference)
  local head = redis.call('HGET', heads, symbol)
  if head then
    redis.call('HSET', heads, symbol, head .. ' ' .. id .. ':' .. difference)
  end
end

local optional = {{'b', 3}, {'a', 4}, {'s', 5}}
local ids = {}
for at = 4, #ARGV, 8 do
  local symbol, occurred_at, price, gap, roll = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 6], ARGV[at + 7]
  local stream = 'ticks:' .. symbol
  local before = redis.call('HGET', heads, symbol .. ':entry')
  if not before and gap ~= '' then -- what it says was missed lies within the beginning, and must not count twice
    before, gap = '0-0', everything
  elseif not before then
    before = begin(stream, occurred_at)
  end
  local entry, said = {'p', price}, price
  if gap ~= '' then
    entry, said = {'g', gap}, 'gap:' .. gap
  elseif roll ~= '' then
    entry, said = {'r', roll}, 'roll:' .. roll
  end
  for _, field in ipairs(optional) do
    local value = ARGV[at + field[2]]
    if value ~= '' then
      entry[#entry + 1], entry[#entry + 2] = field[1], value
    end
  end
  local id = add(stream, before, entry, said, occurred_at)
  if price ~= '' then
    redis.call('HSET', heads, 'place', id, symbol .. ':entry', id, symbol, id .. ' ' .. price .. ' ' .. occurred_at)
  else
    redis.call('HSET', heads, 'place', id, symbol .. ':entry', id)
  end
  if roll ~= '' then
    roll_head(symbol, id, roll)
  end
  if math.floor(parse_id(before) / 1000) ~= math.floor(ms / 1000) then -- the symbol's first entry in this second
    trim(symbol, stream)
  end
  ids[#ids + 1] = id
end

local answer = table.concat(ids, ' ')
redis.call('HSET', publisher, 'epoch', ARGV[1], 'sequence', ARGV[2], 'ids', answer)
return answer

-- Appends a batch to the tick log and publishes it, in one atomic step; answers the ids of its entries, or those of the
-- same batch if it was appended before. A symbol's log begins with a gap mark that the script writes by itself.
-- KEYS: the source's publisher hash, the hash of heads.
-- ARGV: epoch, sequence of the batch, retention in ms, and its entries, a line of six words each:
--   symbol, occurred_at (ns), price or gap:SECONDS or roll:DIFFERENCE, bid, ask, size; what an entry does not have is a dash.
--   A roll has the name of the contract in place of the bid.
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
local ms_text = string.format('%.0f-', ms)

local function next_id()
  if now > ms or seq == 1048575 then -- a place has 20 bits for the sequence
    ms, seq = math.max(now, ms + 1), 0
    ms_text = string.format('%.0f-', ms)
  else
    seq = seq + 1
  end
  return ms_text .. seq
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

-- The logs of the batch by symbol: `last` is the id of the last entry, `head` is there if the batch changes it.
local logs = {}
local function open(symbol)
  local log = {stream = 'ticks:' .. symbol, last = redis.call('HGET', heads, symbol .. ':entry')}
  if log.last and math.floor(parse_id(log.last) / 1000) ~= math.floor(now / 1000) then -- once a second is enough
    trim(symbol, log.stream)
  end
  logs[symbol] = log
  return log
end

-- Appends one entry and publishes it; answers its id.
local function add(log, occurred_at, said, ...)
  local id = next_id()
  redis.call('XADD', log.stream, id, 't', occurred_at, ...)
  redis.call('PUBLISH', log.stream, id .. ' ' .. (log.last or '0-0') .. ' ' .. said .. ' ' .. occurred_at)
  log.last = id
  return id
end

local function add_price(log, occurred_at, price, bid, ask, size)
  local fields = {'p', price}
  for _, field in ipairs({{'b', bid}, {'a', ask}, {'s', size}}) do
    if field[2] ~= '-' then
      fields[#fields + 1], fields[#fields + 2] = field[1], field[2]
    end
  end
  local id = add(log, occurred_at, price, unpack(fields))
  log.head = id .. ' ' .. price .. ' ' .. occurred_at
  return id
end

local function add_gap(log, occurred_at, said, seconds)
  return add(log, occurred_at, said, 'g', seconds)
end

-- The first entry of a symbol's log: whoever was there before it must not take the log for the whole.
local everything = string.format('%.0f', math.floor(now / 1000)) -- seconds since 1970
local function begin(log, occurred_at)
  return add_gap(log, occurred_at, 'gap:' .. everything, everything)
end

-- A roll moves the last price; whoever reads the head adds the differences, since numbers are binary here.
-- Which contract the log is of from here on is written with the mark: neither is ever there without the other.
local function add_roll(symbol, log, occurred_at, said, difference, contract)
  local id = add(log, occurred_at, said, 'r', difference)
  if contract ~= '-' then
    redis.call('HSET', heads, symbol .. ':contract', contract)
  end
  log.head = log.head or redis.call('HGET', heads, symbol)
  log.head = log.head and log.head .. ' ' .. id .. ':' .. difference
  return id
end

local ids = {}
for symbol, occurred_at, said, bid, ask, size in string.gmatch(ARGV[4], '(%S+) (%S+) (%S+) (%S+) (%S+) (%S+)') do
  local log, kind, number = logs[symbol] or open(symbol), string.match(said, '^(%a+):(.+)$')
  local begun = not log.last and begin(log, occurred_at)
  if kind == 'gap' and begun then -- what it says was missed lies within the beginning, and must not count twice
    ids[#ids + 1] = begun
  elseif kind == 'gap' then
    ids[#ids + 1] = add_gap(log, occurred_at, said, number)
  elseif kind == 'roll' then
    ids[#ids + 1] = add_roll(symbol, log, occurred_at, said, number, bid)
  else
    ids[#ids + 1] = add_price(log, occurred_at, said, bid, ask, size)
  end
end

redis.call('HSET', heads, 'place', ids[#ids])
for symbol, log in pairs(logs) do
  redis.call('HSET', heads, symbol .. ':entry', log.last)
  if log.head then
    redis.call('HSET', heads, symbol, log.head)
  end
end
local answer = table.concat(ids, ' ')
redis.call('HSET', publisher, 'epoch', ARGV[1], 'sequence', ARGV[2], 'ids', answer)
return answer
